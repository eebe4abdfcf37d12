"""A job's timeline: every attempt, step, wait and change, with its times."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, UtcDateTime

#: The entries that the metrics read: attempts that failed, and uploads by a worker.
FAILED_ATTEMPT = text("kind = 'attempt' AND error_category IS NOT NULL")
SENT_UPLOAD = text("sent_bytes IS NOT NULL")


class TimelineEntry(Base):
    """One span of a job's life; open while `ended_at` is None, a moment where both are equal.

    `kind` is `attempt`, `step`, `wait` or `change`; `name` the step, the reason of the wait, or
    what was changed; `outcome` how it ended: `done`, `failed`, `given_back`, `lost`, `cancelled`.
    """

    __tablename__ = "timeline"
    __table_args__ = (
        Index("ix_timeline_job_id_id", "job_id", "id"),
        Index(
            "ix_timeline_failed_attempt_ended_at",
            "ended_at",
            postgresql_where=FAILED_ATTEMPT,
            sqlite_where=FAILED_ATTEMPT,
        ),
        Index(
            "ix_timeline_sent_upload_ended_at",
            "ended_at",
            postgresql_where=SENT_UPLOAD,
            sqlite_where=SENT_UPLOAD,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("publish_jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: for a wait: when it is to end
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(16))
    #: for a finished `upload` step: the bytes that its worker sent; None where it sent none,
    #: because the platform fetched the video by a link
    sent_bytes: Mapped[int | None] = mapped_column(BigInteger)
    error_code: Mapped[str | None] = mapped_column(String(100))
    error_category: Mapped[str | None] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(String(1000))
