"""Finding what fell through: rows that are due without a wake-up on the way. Leader only.

A wake-up carries nothing, so lost ones are made good by number: where fewer runs are queued
than rows could be taken up now, the difference is queued again; rows that wait for a place, for
their account's turn or for a window would find nothing. Rows that come near are brought to
Redis, and all of them once more after it has lost its memory. Each look is a short walk along an
index, and Redis is asked nothing while the database has nothing for it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from redis import Redis
from rq.defaults import RQ_KEY_PREFIX
from sqlalchemy import exists, select, tuple_

from app.config import current_config
from app.database.transaction import transaction
from app.models import Notification, PublishJob
from app.publishing.pausing import release_resumed
from app.publishing.recovering import release_recovered
from app.publishing.relay import relay
from app.queues import (
    HORIZON,
    PUBLISH_QUEUES,
    QUEUE_NAMES,
    RunQueue,
    Wake,
    current_redis,
    wake,
    wake_encode,
    wake_maintenance,
)
from app.queues.names import CHECK_AHEAD, DELIVER, ENCODE, FOLLOW_UP, RENEW
from app.renditions.claims import is_any_due
from app.states import OPEN_STATES, JobState, NotificationState
from workers.maintenance.at_risk import is_any_near
from workers.maintenance.follow_ups import is_any_to_follow_up
from workers.maintenance.renewals import is_any_to_renew
from workers.scheduling.periodic import taken_on

logger = logging.getLogger(__name__)
#: Rows that come near are brought to Redis so many at a time, until all are there.
PAGE_ROWS = 1000
#: A row due for less than this is left to the wake-up that is on its way.
GRACE = timedelta(seconds=1)
#: There while Redis has not lost its memory since the delayed runs were last put into it.
MEMORY_KEY = f"{RQ_KEY_PREFIX}:publish:memory"
#: How often it is asked for that while there is anything it could have lost.
REMEMBER_SECONDS = 20.0
#: Rows that wait; the second condition is that of their index.
_WAITING = (PublishJob.state == JobState.WAITING, PublishJob.state.in_(OPEN_STATES))
#: How far apart the fetches of upcoming rows may lie: always well within the horizon.
FETCH_EVERY = HORIZON / 6
#: Clocks differ: what a client should have put into Redis is fetched again for this long.
CLOCKS_DIFFER = timedelta(minutes=1)


class Sweeper:
    """Sweeps, and remembers up to when rows were brought to Redis, `page` of them at a time."""

    def __init__(
        self, *, remember_seconds: float = REMEMBER_SECONDS, page: int = PAGE_ROWS
    ) -> None:
        self._remember_seconds = remember_seconds
        self._page = page
        self._fetched_until: datetime | None = None
        self._remembered_at = -remember_seconds

    def sweep(self, now: datetime) -> None:
        """Queue what is due and not queued, and bring what comes near to Redis.

        Raises `RedisError` and `SQLAlchemyError`: the next sweep tries again.
        """
        connection = current_redis()
        release_resumed(now)
        release_recovered(now)
        for platform in PUBLISH_QUEUES:
            missing = relay(platform, now - GRACE, polls=True)
            if missing:
                logger.warning("%s wake-ups of %s were missing", missing, platform)
        self._fetch_upcoming(connection, now)
        _wake_maintenance(connection, now)
        if is_any_due(now - GRACE) and taken_on([ENCODE], connection):
            wake_encode()

    def _fetch_upcoming(self, connection: Redis, now: datetime) -> None:
        if not self._is_remembered(connection, now):
            self._fetched_until = None
        until = now + HORIZON
        done = self._fetched_until
        if done is not None and until - done < FETCH_EVERY:
            return
        since = now if done is None else done - CLOCKS_DIFFER
        _wake_between(since, until, now, self._page)
        self._fetched_until = until

    def _is_remembered(self, connection: Redis, now: datetime) -> bool:
        """Tell whether Redis still has what was put into it, as far as that matters."""
        if time.monotonic() - self._remembered_at < self._remember_seconds:
            return True
        if self._fetched_until is not None and not _is_any_upcoming(now):
            return True
        is_there = bool(connection.exists(MEMORY_KEY))
        if not is_there:
            queues = [RunQueue(name, connection).key for name in QUEUE_NAMES]
            connection.sadd(RunQueue.redis_queues_keys, *queues)  # what rq-dashboard lists
            connection.set(MEMORY_KEY, "1")
        self._remembered_at = time.monotonic()
        return is_there


def _is_any_upcoming(now: datetime) -> bool:
    with transaction() as session:
        upcoming = exists().where(
            *_WAITING, PublishJob.due_at > now, PublishJob.due_at <= now + HORIZON
        )
        return bool(session.scalar(select(upcoming)))


def _wake_between(since: datetime, until: datetime, now: datetime, page: int) -> None:
    """Schedule a run for every waiting row of a span; for one that has one it changes nothing."""
    last_due, last_id = since, ""
    while True:
        query = (
            select(PublishJob.id, PublishJob.platform, PublishJob.due_at, PublishJob.wake_number)
            .where(
                *_WAITING,
                tuple_(PublishJob.due_at, PublishJob.id) > tuple_(last_due, last_id),
                PublishJob.due_at <= until,
            )
            .order_by(PublishJob.due_at, PublishJob.id)
            .limit(page)
        )
        with transaction() as session:
            rows = session.execute(query).all()
        wake([Wake(row.id, row.platform, row.due_at or now, row.wake_number) for row in rows], now)
        if len(rows) < page:
            return
        last_due, last_id = rows[-1].due_at or until, rows[-1].id


def _wake_maintenance(connection: Redis, now: datetime) -> None:
    config = current_config()
    wanted = []
    if config.webhook_url and _is_any_notification_due(now):
        wanted.append(DELIVER)
    if is_any_to_follow_up(now):
        wanted.append(FOLLOW_UP)
    if is_any_near(now):
        wanted.append(CHECK_AHEAD)
    if is_any_to_renew(now):
        wanted.append(RENEW)
    for function in taken_on(wanted, connection):
        wake_maintenance(function)


def _is_any_notification_due(now: datetime) -> bool:
    with transaction() as session:
        due = exists().where(
            Notification.state == NotificationState.PENDING,
            Notification.due_at <= now - GRACE,
        )
        return bool(session.scalar(select(due)))
