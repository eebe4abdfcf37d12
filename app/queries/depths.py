"""Counts what is open now: jobs by platform, runs by queue, and what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rq.registry import ScheduledJobRegistry
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from app.config import current_config
from app.database.transaction import transaction
from app.models import Account, Notification, PublishJob
from app.models.account import TO_RECONNECT
from app.models.notification import PENDING
from app.models.publish_job import ACTIVE, AMBIGUOUS, OPEN
from app.platforms import PLATFORMS
from app.queues import QUEUE_NAMES, RunQueue, current_redis
from app.states import JobState

_DEAD = text("state = 'dead'")
#: Counting stops here; larger counts are reported as this number.
COUNT_MAX = 10_000


@dataclass(frozen=True)
class Depth:
    """The open jobs of a platform. `late`: how long ago the earliest of them was due."""

    platform: str
    waiting: int
    delayed: int
    active: int
    late: timedelta


@dataclass(frozen=True)
class QueueDepth:
    """The runs of an RQ queue: ready to run, and scheduled for later."""

    queue: str
    queued: int
    scheduled: int


@dataclass(frozen=True)
class Troubles:
    """What needs the attention of an operator.

    `stored_notifications` wait for nothing but a receiver: without one, nothing is `pending`.
    """

    pending_notifications: int
    stored_notifications: int
    dead_notifications: int
    accounts_to_reconnect: int
    ambiguous_jobs: int


def read_depths(now: datetime, most: int = COUNT_MAX) -> list[Depth]:
    """Return the open jobs of every platform, counting at most `most` in each state.

    The cap bounds the cost, however many posts are scheduled.
    """
    with transaction() as session:
        return [_depth_of(session, platform, now, most) for platform in PLATFORMS]


def _depth_of(session: Session, platform: str, now: datetime, most: int) -> Depth:
    due, later = PublishJob.due_at <= now, PublishJob.due_at > now
    active_due, active_later, all_due, all_later = (
        select(func.count())
        .select_from(
            select(PublishJob.due_at)
            .where(PublishJob.platform == platform, *conditions)
            .limit(2 * most)  # up to `most` of them may be active, which are subtracted below
            .subquery()
        )
        .scalar_subquery()
        for conditions in ((ACTIVE, due), (ACTIVE, later), (OPEN, due), (OPEN, later))
    )
    first = select(func.min(PublishJob.due_at)).where(PublishJob.platform == platform, OPEN)
    row = session.execute(
        select(active_due, active_later, all_due, all_later, first.scalar_subquery())
    ).one()
    first_due = row[4]
    return Depth(
        platform,
        waiting=min(max(row[2] - row[0], 0), most),
        delayed=min(max(row[3] - row[1], 0), most),
        active=min(row[0] + row[1], most),
        late=max(now - first_due, timedelta()) if first_due is not None else timedelta(),
    )


def read_queues() -> list[QueueDepth]:
    """Return the number of runs on every queue, in one round trip; raises `RedisError`."""
    connection = current_redis()
    pipeline = connection.pipeline(transaction=False)
    for name in QUEUE_NAMES:
        queue = RunQueue(name, connection)
        pipeline.llen(queue.key)
        pipeline.zcard(ScheduledJobRegistry(queue=queue).key)
    counts = pipeline.execute()
    return [
        QueueDepth(name, counts[2 * position], counts[2 * position + 1])
        for position, name in enumerate(QUEUE_NAMES)
    ]


def read_troubles() -> Troubles:
    """Return what needs a person, counting at most `COUNT_MAX` of each kind."""
    queries = (
        select(Notification.id).where(PENDING),
        select(Notification.id).where(_DEAD),
        select(Account.id).where(TO_RECONNECT),
        select(PublishJob.id).where(AMBIGUOUS),
    )
    with transaction() as session:
        unsent, dead, accounts, jobs = (_count(session, query) for query in queries)
    has_receiver = bool(current_config().webhook_url)
    pending, stored = (unsent, 0) if has_receiver else (0, unsent)
    return Troubles(pending, stored, dead, accounts, jobs)


def _count(session: Session, query: Select[str]) -> int:
    counted = select(func.count()).select_from(query.limit(COUNT_MAX).subquery())
    return session.scalar(counted) or 0


def states_of(depth: Depth) -> Sequence[tuple[str, int]]:
    """Return a depth's counts by the name of the state."""
    return (
        (JobState.WAITING.value, depth.waiting),
        (JobState.DELAYED.value, depth.delayed),
        (JobState.ACTIVE.value, depth.active),
    )
