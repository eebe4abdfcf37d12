"""What is to be done from time to time, queued for the workers. Leader only; does nothing itself.

Each is queued only when there is something to do: an idle service costs no run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select

from app.metrics.rolling import is_anything_to_count
from app.models import Consent, PublishedPost
from app.platforms import PLATFORMS
from app.publishing.transaction import transaction
from app.queues import MAINTENANCE_QUEUE, RunQueue, current_redis, wake_maintenance
from app.queues.names import ADD_UP, CONNECT, COUNT_POSTS
from app.states import ConsentState

#: Runs that may wait before no more are added: nobody works on them.
WAITING_MAX = 4
#: What ended is added up when it is older than this and what the tallies stay behind.
ADD_UP_EVERY = timedelta(seconds=60)
COUNT_POSTS_SECONDS = 300
#: There while posts were counted not long ago.
COUNTED_KEY = "publish:counted"


def queue_periodic(now: datetime) -> None:
    """Queue a run of each kind that has something to do; raises what Redis or the database do."""
    wanted = []
    if is_anything_to_count(now - ADD_UP_EVERY):
        wanted.append(ADD_UP)
    if _is_consent_waiting(now):
        wanted.append(CONNECT)
    if _is_post_due(now):
        wanted.append(COUNT_POSTS)
    # Redis is asked only where there is something to do.
    if not wanted or RunQueue(MAINTENANCE_QUEUE, current_redis()).count >= WAITING_MAX:
        return
    for function in wanted:
        if function != COUNT_POSTS or _was_not_counted_lately():
            wake_maintenance(function)


def _was_not_counted_lately() -> bool:
    return bool(current_redis().set(COUNTED_KEY, "1", nx=True, ex=COUNT_POSTS_SECONDS))


def _is_post_due(now: datetime) -> bool:
    due = [
        exists().where(PublishedPost.platform == platform, PublishedPost.count_at <= now)
        for platform in PLATFORMS
    ]
    with transaction() as session:
        return bool(session.scalar(select(or_(*due))))


def _is_consent_waiting(now: datetime) -> bool:
    """Tell whether a code is left that nobody exchanges: the wake-up for it was lost."""
    waiting = exists().where(Consent.state == ConsentState.GRANTED, Consent.expires_at > now)
    with transaction() as session:
        return bool(session.scalar(select(waiting)))
