"""Queueing the wake-ups that are missing: so many that all that may begin now is found.

A wake-up that finds every place taken is used up, and the row stays due. So whoever frees a place
(`passing`) asks here, after its commit, whether something could begin that no queued wake-up will
find; the sweeper asks for every platform, for what died in between. Changes no row.
"""

from __future__ import annotations

import logging
from datetime import datetime

from redis.exceptions import RedisError
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.ids import new_id
from app.limits.lanes import count_lanes
from app.limits.places import read_places
from app.models import PublishJob
from app.models.publish_job import AT_PLATFORM
from app.queues import PUBLISH_QUEUES, RunQueue, Wake, current_redis, wake

logger = logging.getLogger(__name__)
#: Rows of a kind looked at: more than a queue of that length needs no help.
LOOK = 1000


_TO_ASK = select(func.count()).select_from(
    select(PublishJob.id)
    .where(
        PublishJob.platform == bindparam("platform"),
        AT_PLATFORM,
        PublishJob.due_at <= bindparam("now"),
    )
    .limit(LOOK)
    .subquery()
)


def relay(platform: str, now: datetime, *, polls: bool = False) -> int:
    """Queue the wake-ups that are missing, for what may begin; return how many.

    Not for every row that is due: those that wait for a place get theirs from who frees it. With
    `polls` also for what is to be asked about, which else its own worker sees to.
    """
    with transaction() as session:
        wanted = startable(session, platform, now, polls=polls)
    if not wanted:
        return 0
    try:
        missing = wanted - RunQueue(PUBLISH_QUEUES[platform], current_redis()).count
    except RedisError as exc:
        logger.warning("wake-ups left to the sweeper: %s", type(exc).__name__)
        return 0
    wake([Wake("next", platform, now, new_id()) for _ in range(missing)], now)
    return max(missing, 0)


def startable(session: Session, platform: str, now: datetime, *, polls: bool = True) -> int:
    """Count what a claim could take now, up to `LOOK` of each kind."""
    asked = session.scalar(_TO_ASK, {"platform": platform, "now": now}) or 0 if polls else 0
    places = read_places(session, platform, now)
    free = places.free_uploads
    if free == 0:
        return asked
    uploads = places.lost_uploads + count_lanes(
        session, platform, now, without=places.full_accounts, limit=free
    )
    return asked + min(uploads, free)
