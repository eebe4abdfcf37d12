"""A job's timeline: every attempt, step, wait and change, with its times."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, and_, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from app.failures import CODE_MAX_CHARS, MESSAGE_MAX_CHARS
from app.models.base import Base, UtcDateTime


class TimelineEntry(Base):
    """One span of a job's life; open while `ended_at` is None, a moment where both times are equal.

    `kind` is `attempt`, `step`, `wait` or `change`; `name` is the step, the reason for the wait,
    or the change; `outcome` is how it ended. `app.timeline_words` explains them.
    """

    __tablename__ = "timeline"
    __table_args__ = (Index("ix_timeline_job_id_id", "job_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("publish_jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: for a wait: when it is expected to end
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(16))
    #: for a finished `upload` step: the bytes that its worker sent; None where it sent none,
    #: because the platform fetched the video by a link
    sent_bytes: Mapped[int | None] = mapped_column(BigInteger)
    error_code: Mapped[str | None] = mapped_column(String(CODE_MAX_CHARS))
    error_category: Mapped[str | None] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(String(MESSAGE_MAX_CHARS))


# What metrics count: attempts that ended with an error, and finished uploads. Literals, not bound
# values: only so can the database use the partial indexes.
FAILED_ATTEMPT = and_(
    TimelineEntry.kind == literal_column("'attempt'"), TimelineEntry.error_category.is_not(None)
)
SENT_UPLOAD = TimelineEntry.sent_bytes.is_not(None)
Index(
    "ix_timeline_failed_attempt_ended_at",
    TimelineEntry.ended_at,
    postgresql_where=FAILED_ATTEMPT,
    sqlite_where=FAILED_ATTEMPT,
)
Index(
    "ix_timeline_sent_upload_ended_at",
    TimelineEntry.ended_at,
    postgresql_where=SENT_UPLOAD,
    sqlite_where=SENT_UPLOAD,
)
