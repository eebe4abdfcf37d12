"""A publish job: one request to publish one video on one account. The row is the truth.

`due_at` alone says whether a worker may take the row: it is the scheduled time, the next
attempt, the next poll, or, while a worker holds the row, the end of that worker's lease. So a
row whose worker died becomes due by itself, and the database refuses an open row without one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, TextClause, text
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.ids import new_id
from app.models.base import Base, EncryptedJson, JsonColumn, UtcDateTime, values_of
from app.states import JobState, Step, shown_state

# Conditions of partial indexes, and of the queries that are to use them: SQLite takes such an
# index only where the query has its condition word for word.
OPEN = text("state IN ('waiting', 'active')")
ACTIVE = text("state = 'active'")
#: the platform has every byte of it: it is only asked about
AT_PLATFORM = text("state IN ('waiting', 'active') AND is_at_platform")
#: yet to be begun or gone on with, and in nobody's hands
TO_BEGIN = text("state IN ('waiting', 'active') AND NOT is_at_platform AND NOT is_leased")
LEASED = text("is_leased")
#: held because its platform is paused
PAUSED = text("state = 'waiting' AND error_code = 'platform_paused'")
#: put off while its platform's circuit was open
UNAVAILABLE = text(
    "state IN ('waiting', 'active') AND NOT is_leased AND error_code = 'platform_unavailable'"
)
#: what the operator looks through: ended well, ended otherwise, with no known outcome
COMPLETED = text("state = 'completed'")
UNSUCCESSFUL = text("state IN ('failed', 'cancelled')")
MAY_BE_LIVE = text(
    "state = 'failed' AND (error_category = 'ambiguous' OR committed_at IS NOT NULL)"
)
#: scheduled, and not yet looked at ahead of its time; nor put off or tried since
UNCHECKED = text("state = 'waiting' AND due_at = scheduled_time AND checked_at IS NULL")


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
        # What the scheduler brings to Redis as its time comes near, whatever the platform.
        _partial("ix_publish_jobs_upcoming", "due_at", "id", where=OPEN),
        _partial("ix_publish_jobs_active", "platform", where=ACTIVE),
        _partial("ix_publish_jobs_at_platform", "platform", "due_at", where=AT_PLATFORM),
        _partial("ix_publish_jobs_lane", "account_id", "priority", "due_at", where=TO_BEGIN),
        _partial("ix_publish_jobs_leased", "platform", "due_at", where=LEASED),
        _partial("ix_publish_jobs_unchecked", "due_at", where=UNCHECKED),
        _partial("ix_publish_jobs_paused", "platform", "due_at", where=PAUSED),
        _partial("ix_publish_jobs_unavailable", "platform", "due_at", where=UNAVAILABLE),
        _partial("ix_publish_jobs_completed", "id", where=COMPLETED),
        _partial("ix_publish_jobs_unsuccessful", "id", where=UNSUCCESSFUL),
        _partial("ix_publish_jobs_may_be_live", "id", where=MAY_BE_LIVE),
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

    # What was asked for.
    caption: Mapped[str] = mapped_column(Text, default="")
    hashtags: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    privacy_level: Mapped[str] = mapped_column(String(16))
    share_to_feed: Mapped[bool] = mapped_column(default=True)
    platform_options: Mapped[dict[str, Any]] = mapped_column(JsonColumn, default=dict)
    priority: Mapped[int]
    max_attempts: Mapped[int]
    backoff_type: Mapped[str] = mapped_column(String(16))
    backoff_delay_ms: Mapped[int]
    #: what RQ keeps of the run: True nothing, False the default, a number that many
    remove_on_complete: Mapped[bool | int] = mapped_column(JsonColumn, default=False)
    remove_on_fail: Mapped[bool | int] = mapped_column(JsonColumn, default=False)
    scheduled_time: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # Where it is.
    state: Mapped[JobState] = mapped_column(values_of(JobState))
    step: Mapped[Step | None] = mapped_column(values_of(Step))
    progress: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts_made: Mapped[int] = mapped_column(default=0)
    #: runs of the present attempt that ended with their worker lost
    lost_runs: Mapped[int] = mapped_column(default=0)
    #: times that an upload was opened anew within the present attempt
    reopened: Mapped[int] = mapped_column(default=0)

    #: the platform has all of it, and is only asked how it is doing: no upload any more
    is_at_platform: Mapped[bool] = mapped_column(default=False)
    #: the file made for the platform that goes in place of the video, or is waited for
    rendition_id: Mapped[str | None] = mapped_column(ForeignKey("renditions.id"))

    # Who holds it.
    #: fencing token: raised by each claim; a write of any other number is refused
    run_number: Mapped[int] = mapped_column(default=0)
    is_leased: Mapped[bool] = mapped_column(default=False)
    #: counts the wake-ups sent to RQ, so that each run has an id of its own
    wake_number: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    # What the platform has given us so far.
    #: Read only by who asks for it: a key that is gone must not make the row unreadable.
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJson, deferred=True)
    #: since when the platform may have published it: no cancellation, no second upload any more
    committed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: since when, once committed, no look at the platform has been answered
    unanswered_since: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # What a look ahead of its time has found.
    #: None: not looked at yet, or moved since
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: until when a worker that looks at it is waited for
    checking_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: what its user was told is at risk: `token`, `video`, `limits`
    risks_told: Mapped[list[str]] = mapped_column(JsonColumn, default=list)

    # Why it failed, or why it waits.
    error_code: Mapped[str | None] = mapped_column(String(100))
    error_category: Mapped[str | None] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(String(1000))
    error_hint: Mapped[str | None] = mapped_column(String(500))

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_committed(self) -> bool:
        """Whether the platform may have published it."""
        return self.committed_at is not None

    @property
    def may_be_live(self) -> bool:
        """Whether it failed and only the platform, or a person, can tell if it is live."""
        is_ambiguous = self.error_category == "ambiguous"
        return self.state is JobState.FAILED and (is_ambiguous or self.is_committed)

    def state_at(self, now: datetime) -> JobState:
        """Return the state of the contract, which tells `delayed` from `waiting`."""
        return shown_state(self.state, self.due_at, now)
