"""The sweep: queue a run for every due job whose wake-up was lost. Leader only.

A wake-up names no job, so lost ones are replaced by number: if fewer runs are queued than jobs can
be claimed now, the difference is queued. Jobs that wait for an upload slot, for their account's
turn in the fair queue or for a rate limit do not count. Jobs due within the horizon are scheduled
in Redis, and all of them again after Redis has lost its memory. Each query is a short index scan,
and Redis is asked nothing while the database has nothing for it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from functools import partial

from redis import Redis
from sqlalchemy import exists, select, tuple_

from app.database.transaction import transaction
from app.models import PublishJob
from app.models.publish_job import WAITING
from app.publishing.missing_wakes import queue_missing_wakes
from app.publishing.pausing import release_resumed
from app.publishing.recovering import release_recovered
from app.queues import (
    HORIZON,
    MEMORY_KEY,
    PUBLISH_QUEUES,
    QUEUE_NAMES,
    RunQueue,
    Wake,
    current_redis,
    wake,
)
from app.run_all import run_all

logger = logging.getLogger(__name__)
#: Upcoming jobs are scheduled in Redis in pages of this size.
PAGE_ROWS = 1000
#: A row due for less than this is left to its wake-up, which is on its way.
GRACE = timedelta(seconds=1)
#: How often that key is checked while there is anything to lose.
MEMORY_CHECK_SECONDS = 20.0
#: The longest time between two fetches of upcoming rows: well within the horizon.
FETCH_EVERY = HORIZON / 6
#: Tolerated clock skew: each fetch overlaps by this what clients schedule themselves.
CLOCK_SKEW = timedelta(minutes=1)


class Sweeper:
    """Sweeps, and remembers up to when upcoming jobs are scheduled in Redis.

    `page` is how many jobs one query reads.
    """

    def __init__(
        self, *, memory_check_seconds: float = MEMORY_CHECK_SECONDS, page: int = PAGE_ROWS
    ) -> None:
        self._memory_check_seconds = memory_check_seconds
        self._page = page
        self._fetched_until: datetime | None = None
        self._is_invalid = False
        self._memory_checked_at = -memory_check_seconds

    def sweep(self, now: datetime) -> None:
        """Queue what is due and not queued, and schedule upcoming jobs in Redis.

        A part that fails does not stop the others: a row that is locked holds up nothing else.
        Raises their first `RedisError` or `SQLAlchemyError`; the next sweep tries again.
        """
        run_all(
            *(partial(_queue_missing, platform, now) for platform in PUBLISH_QUEUES),
            partial(self._fetch_upcoming, current_redis(), now),
            partial(release_resumed, now),
            partial(release_recovered, now),
        )

    def invalidate(self) -> None:
        """Schedule the upcoming jobs again.

        Redis was away, perhaps also for the processes that accepted them.
        """
        self._is_invalid = True

    def _fetch_upcoming(self, connection: Redis, now: datetime) -> None:
        if self._is_invalid or not self._has_memory(connection, now):
            self._is_invalid = False
            self._fetched_until = None
        until = now + HORIZON
        done = self._fetched_until
        if done is not None and until - done < FETCH_EVERY:
            return
        since = now if done is None else done - CLOCK_SKEW
        if _wake_between(since, until, now, self._page):
            self._fetched_until = until

    def _has_memory(self, connection: Redis, now: datetime) -> bool:
        """Tell whether Redis still has what was put into it; True unchecked if nothing was."""
        if time.monotonic() - self._memory_checked_at < self._memory_check_seconds:
            return True
        if self._fetched_until is not None and not _is_any_upcoming(now):
            return True
        is_there = bool(connection.exists(MEMORY_KEY))
        if not is_there:
            queues = [RunQueue(name, connection).key for name in QUEUE_NAMES]
            connection.sadd(RunQueue.redis_queues_keys, *queues)  # what rq-dashboard lists
            connection.set(MEMORY_KEY, "1")
        self._memory_checked_at = time.monotonic()
        return is_there


def _queue_missing(platform: str, now: datetime) -> None:
    missing = queue_missing_wakes(platform, now - GRACE, polls=True)
    if missing:
        logger.warning("%s wake-ups of %s were missing", missing, platform)


def _is_any_upcoming(now: datetime) -> bool:
    with transaction() as session:
        upcoming = exists().where(
            WAITING, PublishJob.due_at > now, PublishJob.due_at <= now + HORIZON
        )
        return bool(session.scalar(select(upcoming)))


def _wake_between(since: datetime, until: datetime, now: datetime, page: int) -> bool:
    """Schedule a run for every waiting job due in a span; one already scheduled is unchanged.

    Returns False where Redis did not take them.
    """
    last_due, last_id = since, ""
    while True:
        query = (
            select(PublishJob.id, PublishJob.platform, PublishJob.due_at, PublishJob.wake_number)
            .where(
                WAITING,
                tuple_(PublishJob.due_at, PublishJob.id) > tuple_(last_due, last_id),
                PublishJob.due_at <= until,
            )
            .order_by(PublishJob.due_at, PublishJob.id)
            .limit(page)
        )
        with transaction() as session:
            rows = session.execute(query).all()
        wakes = [Wake(row.id, row.platform, row.due_at or now, row.wake_number) for row in rows]
        if not wake(wakes, now):
            return False
        if len(rows) < page:
            return True
        last_due, last_id = rows[-1].due_at or until, rows[-1].id
