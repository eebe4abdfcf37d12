"""Queueing missing wake-ups, so that every startable job finds a worker.

A wake-up that finds every upload slot in use is spent, while the row stays due. So a run that
frees a slot calls this after its commit, to queue a wake-up for anything startable that has none;
the sweeper does so for every platform, in case a process died in between. Changes no row.
"""

from __future__ import annotations

import logging
from datetime import datetime

from redis.exceptions import RedisError
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.causes import why
from app.database.transaction import transaction
from app.ids import new_id
from app.limits.lanes import count_lanes
from app.limits.upload_slots import read_upload_slots
from app.models import PublishJob
from app.models.publish_job import AT_PLATFORM
from app.queues import PUBLISH_QUEUES, RunQueue, Wake, current_redis, wake

logger = logging.getLogger(__name__)
#: Polls counted at most: a queue as long as that needs no help.
POLLS_MAX = 1000


_DUE_POLLS = select(func.count()).select_from(
    select(PublishJob.id)
    .where(
        PublishJob.platform == bindparam("platform"),
        AT_PLATFORM,
        PublishJob.due_at <= bindparam("now"),
    )
    .limit(POLLS_MAX)
    .subquery()
)


def queue_missing_wakes(platform: str, now: datetime, *, polls: bool = False) -> int:
    """Queue wake-ups for what is startable and has none; return how many.

    Not for every due row: one that waits for a slot is woken when one is freed. With `polls`, due
    polls are counted too; otherwise the worker that uploaded polls by itself.
    """
    with transaction() as session:
        wanted = count_startable(session, platform, now, polls=polls)
    if not wanted:
        return 0
    try:
        missing = wanted - RunQueue(PUBLISH_QUEUES[platform], current_redis()).count
    except RedisError as exc:
        logger.warning("wake-ups left to the sweeper: %s", why(exc))
        return 0
    wake([Wake("next", platform, now, new_id()) for _ in range(missing)], now)
    return max(missing, 0)


def count_startable(session: Session, platform: str, now: datetime, *, polls: bool = True) -> int:
    """Count what a claim could take now: uploads up to the free slots, polls up to `POLLS_MAX`."""
    due_polls = session.scalar(_DUE_POLLS, {"platform": platform, "now": now}) or 0 if polls else 0
    slots = read_upload_slots(session, platform, now)
    if slots.free == 0:
        return due_polls
    uploads = slots.resumable + count_lanes(
        session, platform, now, without=slots.full_accounts, limit=slots.free
    )
    return due_polls + min(uploads, slots.free)
