"""What stops a platform, or one account on it: a limit, an outage, or the operator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime


class Gate(Base):
    """The gate of a platform (`key` is its name) or of an account (its id); open without a row.

    A claim locks its platform's gate, so that claims of one platform follow each other and no
    ceiling is passed by two at the same moment.
    """

    __tablename__ = "gates"

    key: Mapped[str] = mapped_column(String(26), primary_key=True)

    # The platform's word: nothing begins, and nothing is asked, before these times.
    begins_closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reads_closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code: Mapped[str] = mapped_column(String(100), default="")
    message: Mapped[str] = mapped_column(String(1000), default="")
    hint: Mapped[str] = mapped_column(String(500), default="")
    #: posts a day that the platform says this account may have; None until it was read
    posts_max: Mapped[int | None]

    # The operator's word, of a platform only.
    #: since when no attempt begins; None: they may
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: resumed, and some of what was held by the pause is held still
    is_releasing: Mapped[bool] = mapped_column(default=False)

    # The circuit: failures in a row, of a platform only.
    failures: Mapped[int] = mapped_column(default=0)
    #: the job that failed last, and whether another one failed before it
    failed_job_id: Mapped[str | None] = mapped_column(String(26))
    is_general: Mapped[bool] = mapped_column(default=False)
    #: when the next probe may go out; None while the circuit is closed
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probe_job_id: Mapped[str | None] = mapped_column(String(26))
    pause_seconds: Mapped[float] = mapped_column(default=0.0)
    #: since when it has been open
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: closed again, and some of what it has put off waits still
    is_recovering: Mapped[bool] = mapped_column(default=False)

    #: until when work that can wait leaves a platform alone, which did not answer it
    silent_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
