"""What holds up a platform, or one account on it: a limit, an outage, or the operator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.failures import CODE_MAX_CHARS, HINT_MAX_CHARS, MESSAGE_MAX_CHARS
from app.models.base import Base, UtcDateTime


class Gate(Base):
    """The gate of a platform (`key` is its name) or an account (its id); without a row, open.

    A claim locks its platform's gate, which serializes the claims of a platform: no two of them
    can exceed a limit together.
    """

    __tablename__ = "gates"

    key: Mapped[str] = mapped_column(String(26), primary_key=True)

    # Set by the platform: no upload begins, and no read is sent, before these times.
    begins_closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reads_closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code: Mapped[str] = mapped_column(String(CODE_MAX_CHARS), default="")
    message: Mapped[str] = mapped_column(String(MESSAGE_MAX_CHARS), default="")
    hint: Mapped[str] = mapped_column(String(HINT_MAX_CHARS), default="")
    #: the account's daily posts as the platform reports them; None until read
    posts_max: Mapped[int | None]

    # The operator's pause, of a platform only.
    #: since when no attempt begins; None: not paused
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: resumed, and some posts of the pause are not released yet
    is_releasing: Mapped[bool] = mapped_column(default=False)

    # The circuit breaker: consecutive failures, of a platform only.
    failures: Mapped[int] = mapped_column(default=0)
    #: the job that failed last
    failed_job_id: Mapped[str | None] = mapped_column(String(26))
    #: whether more than one job has failed, so that the platform is at fault
    is_general: Mapped[bool] = mapped_column(default=False)
    #: when the next probe may go out; None while the circuit is closed
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probe_job_id: Mapped[str | None] = mapped_column(String(26))
    pause_seconds: Mapped[float] = mapped_column(default=0.0)
    #: since when the circuit has been open
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: closed again, and some posts that it put off are not released yet
    is_recovering: Mapped[bool] = mapped_column(default=False)

    #: until when background work avoids the platform, which did not respond
    silent_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
