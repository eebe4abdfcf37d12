"""Releasing the posts that a pause or an outage held up, in batches, once it is over.

A flag on the platform's gate says that some are still held: if a process dies midway, the
scheduler releases the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias, cast

from sqlalchemy import ColumnElement, Table, TextClause, bindparam, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app import timeline
from app.database.transaction import transaction
from app.limits import gates, lanes
from app.models import Gate, PublishJob
from app.models.publish_job import ERROR_COLUMNS
from app.platforms import PLATFORMS
from app.publishing.missing_wakes import queue_missing_wakes
from app.queues import Wake, wake
from app.run_all import run_all
from app.states import JobState

#: Posts released in one transaction, and batches released by one call.
BATCH = 500
BATCHES = 10
_JOBS = cast(Table, PublishJob.__table__)
_RELEASE = (
    update(_JOBS)
    .where(_JOBS.c.id == bindparam("job_id"))
    .values(
        due_at=bindparam("new_due_at"),
        wake_number=_JOBS.c.wake_number + 1,
        **dict.fromkeys(ERROR_COLUMNS),
    )
)


@dataclass(frozen=True)
class HeldPost:
    """What releasing a post needs of its row; `due_at` is until when it is held."""

    job_id: str
    account_id: str
    priority: int
    due_at: datetime | None
    attempts_made: int
    wake_number: int
    is_at_platform: bool
    state: JobState


@dataclass(frozen=True)
class Backlog:
    """The posts that one kind of hold keeps back.

    `flag` is the gate's column that says some are still to be released, and `is_held` finds them.
    `due_at` gives a post its new due time, from the time now and from how many posts at most the
    same call releases from this one on.
    """

    flag: InstrumentedAttribute[bool]
    is_held: TextClause
    due_at: Callable[[HeldPost, datetime, int], datetime]


_Released: TypeAlias = Sequence[tuple[HeldPost, datetime]]


def release_everywhere(backlog: Backlog, now: datetime) -> int:
    """Release what is flagged on any platform; return how many posts."""
    query = select(Gate.key).where(Gate.key.in_(PLATFORMS), backlog.flag)
    with transaction() as session:
        platforms = session.scalars(query).all()
    return sum(run_all(*(partial(release_batches, backlog, name, now) for name in platforms)))


def release_batches(backlog: Backlog, platform: str, now: datetime, *, batch: int = BATCH) -> int:
    """Release up to `BATCHES` batches of a platform's posts; return how many posts."""
    count = 0
    for _ in range(BATCHES):
        released = _release_batch(backlog, platform, now, batch, BATCHES * batch - count)
        count += released
        queue_missing_wakes(platform, now)
        if released < batch:
            break
    return count


def release_first(backlog: Backlog, platform: str, now: datetime) -> None:
    """Release the post that is due first, flagged or not."""
    with transaction() as session:
        gates.lock(session, platform)
        released = _release(session, backlog, platform, now, limit=1, remaining=0)
    _wake_polls(platform, released, now)
    queue_missing_wakes(platform, now)


def _release_batch(
    backlog: Backlog, platform: str, now: datetime, batch: int, remaining: int
) -> int:
    with transaction() as session:
        # Under the lock that claims take, so that no claim runs in between.
        gate = gates.lock(session, platform)
        if not getattr(gate, backlog.flag.key):
            return 0
        released = _release(session, backlog, platform, now, limit=batch, remaining=remaining)
        if len(released) < batch and not _is_any_held(session, backlog, platform, now):
            setattr(gate, backlog.flag.key, False)
    _wake_polls(platform, released, now)
    return len(released)


def _release(
    session: Session, backlog: Backlog, platform: str, now: datetime, *, limit: int, remaining: int
) -> _Released:
    """Make posts due, and drop the reason why they waited."""
    held = _held_posts(session, backlog, platform, now, limit)
    if not held:
        return []
    released = [
        (post, backlog.due_at(post, now, remaining - position))
        for position, post in enumerate(held)
    ]
    session.execute(
        _RELEASE, [{"job_id": post.job_id, "new_due_at": due_at} for post, due_at in released]
    )
    attempts = {post.job_id: post.attempts_made for post in held if post.state is JobState.WAITING}
    if attempts:
        timeline.wait_for_turn(session, attempts, now)
    uploads = {(post.account_id, post.priority) for post in held if not post.is_at_platform}
    for account_id, priority in sorted(uploads):
        lanes.refresh_lane(session, account_id, priority, platform)
    return released


def _held_posts(
    session: Session, backlog: Backlog, platform: str, now: datetime, limit: int
) -> list[HeldPost]:
    """Lock and return the held posts that are due first.

    Skips those that another transaction is changing: the claims of the platform wait meanwhile.
    """
    query = (
        select(
            PublishJob.id,
            PublishJob.account_id,
            PublishJob.priority,
            PublishJob.due_at,
            PublishJob.attempts_made,
            PublishJob.wake_number,
            PublishJob.is_at_platform,
            PublishJob.state,
        )
        .where(*_held(backlog, platform, now))
        .order_by(PublishJob.due_at, PublishJob.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [HeldPost(*row) for row in session.execute(query)]


def _is_any_held(session: Session, backlog: Backlog, platform: str, now: datetime) -> bool:
    return bool(session.scalar(select(exists().where(*_held(backlog, platform, now)))))


def _held(
    backlog: Backlog, platform: str, now: datetime
) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return PublishJob.platform == platform, backlog.is_held, PublishJob.due_at > now


def _wake_polls(platform: str, released: _Released, now: datetime) -> None:
    """Wake for each poll at its time; `queue_missing_wakes` does it for uploads."""
    wakes = [
        Wake(post.job_id, platform, due_at, post.wake_number + 1, is_poll=True)
        for post, due_at in released
        if post.is_at_platform
    ]
    wake(wakes, now)
