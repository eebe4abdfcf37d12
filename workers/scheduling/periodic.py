"""What is to be done from time to time, queued for the workers. Leader only; does nothing itself.

Each is queued only when there is something to do: an idle service costs no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from redis import Redis
from sqlalchemy import exists, or_, select

from app.database.transaction import transaction
from app.limits.silence import silent_platforms
from app.metrics.rollup import needs_roll_up
from app.models import Consent, PublishedPost
from app.platforms import PLATFORMS
from app.queues import QUEUE_OF, RunQueue, current_redis, wake_maintenance
from app.queues.names import ADD_UP, CONNECT, COUNT_POSTS
from app.states import ConsentState

#: Runs of a queue that may wait before no more are added.
WAITING_MAX = 4
#: What ended is added up when it is older than this and what the tallies stay behind.
ADD_UP_EVERY = timedelta(seconds=60)
COUNT_POSTS_SECONDS = 300
#: There while posts were counted not long ago.
COUNTED_KEY = "publish:counted"


def queue_periodic(now: datetime) -> None:
    """Queue a run of each kind that has something to do; raises what Redis or the database do."""
    wanted = []
    if needs_roll_up(now - ADD_UP_EVERY):
        wanted.append(ADD_UP)
    if _is_consent_waiting(now):
        wanted.append(CONNECT)
    if _is_post_due(now):
        wanted.append(COUNT_POSTS)
    for function in taken_on(wanted, current_redis()):
        if function != COUNT_POSTS or _was_not_counted_lately():
            wake_maintenance(function)


def taken_on(wanted: Sequence[str], connection: Redis) -> list[str]:
    """Return those functions of whose queue not many runs wait already.

    Where many do nobody works on them, and each of them works on all there is. Redis is asked
    only where something is wanted. Raises `RedisError`.
    """
    queues = {QUEUE_OF[function] for function in wanted}
    open_queues = {one for one in queues if RunQueue(one, connection).count < WAITING_MAX}
    return [function for function in wanted if QUEUE_OF[function] in open_queues]


def _was_not_counted_lately() -> bool:
    return bool(current_redis().set(COUNTED_KEY, "1", nx=True, ex=COUNT_POSTS_SECONDS))


def _is_post_due(now: datetime) -> bool:
    with transaction() as session:
        silent = silent_platforms(session, now)
        due = [
            exists().where(PublishedPost.platform == platform, PublishedPost.count_at <= now)
            for platform in PLATFORMS
            if platform not in silent
        ]
        return bool(due) and bool(session.scalar(select(or_(*due))))


def _is_consent_waiting(now: datetime) -> bool:
    """Tell whether a code is left that nobody exchanges: the wake-up for it was lost."""
    waiting = exists().where(Consent.state == ConsentState.GRANTED, Consent.expires_at > now)
    with transaction() as session:
        return bool(session.scalar(select(waiting)))
