"""A publish job: one request to publish one video on one account. The row is the truth.

`due_at` alone says whether a worker may claim the row: it is the scheduled time, the next
attempt, the next poll, or, while a worker holds the row, the expiry of that worker's lease. So a
row whose worker died becomes due by itself, and the database refuses an open row without one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, TextClause, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.failures import CODE_MAX_CHARS, HINT_MAX_CHARS, MESSAGE_MAX_CHARS, Category, Failure
from app.ids import new_id
from app.models.base import Base, EncryptedJson, JsonColumn, UtcDateTime, values_of
from app.states import JobState, Step, shown_state

# Conditions of partial indexes, and of the queries that use them: SQLite uses such an index only
# for a query with the very same text.
OPEN = text("state IN ('waiting', 'active')")
ACTIVE = text("state = 'active'")
WAITING = text("state = 'waiting'")
#: the platform has every byte: it is only polled
AT_PLATFORM = text("state IN ('waiting', 'active') AND is_at_platform")
#: an upload to begin or resume, and not claimed
TO_BEGIN = text("state IN ('waiting', 'active') AND NOT is_at_platform AND NOT is_leased")
LEASED = text("is_leased")
#: held by a pause of its platform
PAUSED = text("state = 'waiting' AND error_code = 'platform_paused'")
#: put off by an open circuit
UNAVAILABLE = text(
    "state IN ('waiting', 'active') AND NOT is_leased AND error_code = 'platform_unavailable'"
)
#: the operator's lists: published, ended otherwise, outcome unknown
COMPLETED = text("state = 'completed'")
UNSUCCESSFUL = text("state IN ('failed', 'cancelled')")
AMBIGUOUS = text("state = 'failed' AND error_category = 'ambiguous'")
#: scheduled, not yet checked ahead of its time, and neither put off nor attempted
UNCHECKED = text("state = 'waiting' AND due_at = scheduled_time AND checked_at IS NULL")
#: Why a job failed, or why it waits.
ERROR_COLUMNS = ("error_code", "error_category", "error_message", "error_hint", "error_since")


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    return Index(name, *columns, postgresql_where=where, sqlite_where=where)


class PublishJob(Base):
    """One job, for its whole life, retries included."""

    __tablename__ = "publish_jobs"
    __table_args__ = (
        CheckConstraint(
            "state IN ('completed', 'failed', 'cancelled') OR due_at IS NOT NULL",
            name="open_has_due_time",
        ),
        _partial("ix_publish_jobs_due", "platform", "due_at", where=OPEN),
        # What the scheduler loads into Redis ahead of time, whatever the platform. Not `OPEN`: no
        # query of one lane may take this index, which would lead through all that is due.
        _partial("ix_publish_jobs_upcoming", "due_at", "id", where=WAITING),
        _partial("ix_publish_jobs_active", "platform", where=ACTIVE),
        _partial("ix_publish_jobs_at_platform", "platform", "due_at", where=AT_PLATFORM),
        _partial("ix_publish_jobs_lane", "account_id", "priority", "due_at", where=TO_BEGIN),
        _partial("ix_publish_jobs_leased", "platform", "due_at", where=LEASED),
        _partial("ix_publish_jobs_unchecked", "due_at", where=UNCHECKED),
        _partial("ix_publish_jobs_paused", "platform", "due_at", where=PAUSED),
        _partial("ix_publish_jobs_unavailable", "platform", "due_at", where=UNAVAILABLE),
        _partial("ix_publish_jobs_completed", "id", where=COMPLETED),
        _partial("ix_publish_jobs_unsuccessful", "id", where=UNSUCCESSFUL),
        _partial("ix_publish_jobs_ambiguous", "id", where=AMBIGUOUS),
        Index("ix_publish_jobs_user_id_id", "user_id", "id"),
        Index("ix_publish_jobs_batch_id", "batch_id"),
        Index("ix_publish_jobs_video_id", "video_id"),
        Index("ix_publish_jobs_rendition_id", "rendition_id"),
        Index("ix_publish_jobs_finished_at", "finished_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(128))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    video_id: Mapped[str] = mapped_column(ForeignKey("videos.id"))
    platform: Mapped[str] = mapped_column(String(16))
    batch_id: Mapped[str | None] = mapped_column(String(26))

    # The request.
    caption: Mapped[str] = mapped_column(Text, default="")
    hashtags: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    privacy_level: Mapped[str] = mapped_column(String(16))
    share_to_feed: Mapped[bool] = mapped_column(default=True)
    platform_options: Mapped[dict[str, Any]] = mapped_column(JsonColumn, default=dict)
    priority: Mapped[int]
    max_attempts: Mapped[int]
    backoff_type: Mapped[str] = mapped_column(String(16))
    backoff_delay_ms: Mapped[int]
    #: how many runs RQ keeps: True none, False the default, or a number
    remove_on_complete: Mapped[bool | int] = mapped_column(JsonColumn, default=False)
    remove_on_fail: Mapped[bool | int] = mapped_column(JsonColumn, default=False)
    scheduled_time: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # Where the job is.
    state: Mapped[JobState] = mapped_column(values_of(JobState))
    step: Mapped[Step | None] = mapped_column(values_of(Step))
    progress: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts_made: Mapped[int] = mapped_column(default=0)
    #: runs of this attempt whose worker was lost
    lost_runs: Mapped[int] = mapped_column(default=0)
    #: how often this attempt has opened another upload
    reopened: Mapped[int] = mapped_column(default=0)

    #: the platform has every byte: it is only polled, and needs no upload slot
    is_at_platform: Mapped[bool] = mapped_column(default=False)
    #: the rendition to upload in place of the video, or to wait for
    rendition_id: Mapped[str | None] = mapped_column(ForeignKey("renditions.id"))

    # Who holds it.
    #: fencing token: incremented by each claim; writes with another number are refused
    run_number: Mapped[int] = mapped_column(default=0)
    is_leased: Mapped[bool] = mapped_column(default=False)
    #: counts the wake-ups sent to RQ, so that each run's id is unique
    wake_number: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    # What the platform has given us so far.
    #: Deferred: a lost encryption key must not make the whole row unreadable.
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJson, deferred=True)
    #: since when the platform may have published it: no cancellation, no second upload
    committed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: once committed: since when no read of the platform has been answered
    unanswered_since: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # What the check ahead of the scheduled time found.
    #: None: not checked yet, or rescheduled since
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: until when a worker holds the lease to check it
    checking_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: the risks already reported, each as its part (`token`, `video`, `limits`) and the scheduled
    #: time that it was reported for
    risks_told: Mapped[list[str]] = mapped_column(JsonColumn, default=list)

    # See `ERROR_COLUMNS`.
    error_code: Mapped[str | None] = mapped_column(String(CODE_MAX_CHARS))
    error_category: Mapped[str | None] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(String(MESSAGE_MAX_CHARS))
    error_hint: Mapped[str | None] = mapped_column(String(HINT_MAX_CHARS))
    #: since when `error_code` has been this one
    error_since: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    #: when it was to start, where an edit of its time has said so
    first_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_committed(self) -> bool:
        """Whether the platform may have published it."""
        return self.committed_at is not None

    @property
    def is_ambiguous(self) -> bool:
        """Whether it failed and no read of the platform can tell if it is live."""
        return self.state is JobState.FAILED and self.error_category == Category.AMBIGUOUS

    def state_at(self, now: datetime) -> JobState:
        """Return the state of the contract, which tells `delayed` from `waiting`."""
        return shown_state(self.state, self.due_at, now)

    @property
    def error(self) -> Failure | None:
        """Why the job failed or waits, as last set; None: for no error."""
        if self.error_category is None:
            return None
        category = Category(self.error_category)
        return Failure(
            self.error_code or "", category, self.error_message or "", self.error_hint or ""
        )

    def set_error(self, failure: Failure, now: datetime) -> None:
        """Say why the job failed, or why it waits."""
        if self.error_code != failure.code[:CODE_MAX_CHARS]:
            self.error_since = now
        self.error_code = failure.code[:CODE_MAX_CHARS]
        self.error_category = failure.category.value
        self.error_message = failure.message[:MESSAGE_MAX_CHARS]
        self.error_hint = failure.hint[:HINT_MAX_CHARS]

    def clear_error(self) -> None:
        """Drop the reason for a failure or a wait that is over."""
        for column in ERROR_COLUMNS:
            setattr(self, column, None)
