"""Waking workers. The row is the source of truth: a lost wake-up costs time, never a post.

A run does not carry a job: it only says that a row of its platform is due. The worker that executes
it claims the row that should go first. Losing Redis therefore loses no work, a duplicate wake-up
does nothing, and a Redis error here is logged and left to the sweeper.

Not every wake-up needs Redis. What is due beyond the horizon stays in the database until the sweep
brings it to Redis. And inside a worker, polls of a platform and deliveries of notifications are
kept by that worker's own parent process (`ParentProcess`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from flask import current_app
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from rq.job import JobStatus
from rq.utils import now as rq_now

from app.causes import why
from app.clock import utcnow
from app.queues.connection import current_redis
from app.queues.names import (
    DELIVER,
    MEMORY_KEY,
    PUBLISH_QUEUES,
    QUEUE_OF,
    TRANSCODE,
)
from app.queues.run import Run, RunQueue, new_post_run, new_run
from app.queues.scheduler import PostScheduler

logger = logging.getLogger(__name__)
#: How long wake-ups are left to the sweeper after Redis has not answered one: each would take its
#: caller as long as that one.
SILENT_SECONDS = 10.0
SILENT_UNTIL = "redis_silent_until"
#: Set once this process has kept wake-ups from Redis.
_WITHHELD = "redis_wakes_withheld"
#: What is due later than this is not put into Redis yet.
HORIZON = timedelta(minutes=30)


@dataclass(frozen=True)
class Wake:
    """One wake-up for a row; `number` makes the run's id unique.

    `replaces` is the number of an earlier wake-up that is now obsolete, if any. `is_poll`: the
    platform is processing the upload and has to be polled.
    """

    job_id: str
    platform: str
    due_at: datetime
    number: int | str
    replaces: int | None = None
    is_poll: bool = False

    @property
    def run_id(self) -> str:
        """The run's id: letters, digits and a dash, as RQ requires."""
        return f"{self.job_id}-{self.number}"


class ParentProcess(Protocol):
    """A worker's parent process, as its children see it."""

    def report_claim(self, job_id: str, run_number: int) -> None:
        """Note which job the child has claimed, in case the child dies."""

    def keep(self, wake: Wake) -> bool:
        """Take a wake-up; False for one that the scheduler should keep."""

    def keep_call(self, function: str) -> bool:
        """Take a call of a function that finds its own rows; False while the process stops."""


def parent_process() -> ParentProcess | None:
    """Return the parent process; None outside a worker's child."""
    parent: ParentProcess | None = current_app.extensions.get("parent_process")
    return parent


def wake(wakes: Sequence[Wake], now: datetime | None = None) -> bool:
    """Queue or schedule a run for each row, in one round trip; return whether that succeeded.

    `now` defaults to the current time. Call it after the commit: a run that starts before its row
    is visible finds nothing.
    """
    parent = parent_process()
    if parent is not None:
        wakes = [one for one in wakes if not parent.keep(one)]
    now = now or utcnow()
    near = [one for one in wakes if one.replaces is not None or one.due_at <= now + HORIZON]
    if not near:
        return True
    if _is_silent():
        return False
    try:
        _send(near, now)
    except RedisError as exc:
        _leave_to_sweeper("wake-ups", exc)
        return False
    return True


def _send(wakes: Sequence[Wake], now: datetime) -> None:
    by_platform = attrgetter("platform")
    pipeline = current_redis().pipeline(transaction=False)
    if current_app.extensions.get(_WITHHELD):
        pipeline.delete(MEMORY_KEY)  # has the sweeper schedule all upcoming rows again
    for platform, of_platform in groupby(sorted(wakes, key=by_platform), by_platform):
        queue = PostScheduler(PUBLISH_QUEUES[platform], current_redis())
        for one in of_platform:
            _add(pipeline, queue, one, now)
    pipeline.execute()
    current_app.extensions.pop(_WITHHELD, None)


def wake_delivery() -> None:
    """Queue a run that delivers the notifications in the outbox."""
    wake_function(DELIVER)


def wake_function(function: str) -> None:
    """Queue a run of a function that finds its own rows."""
    parent = parent_process()
    if parent is None or not parent.keep_call(function):
        _enqueue(function)


def wake_transcode() -> None:
    """Queue a run that transcodes the due renditions."""
    _enqueue(TRANSCODE)


def _enqueue(function: str) -> None:
    if _is_silent():
        return
    connection, queue = current_redis(), QUEUE_OF[function]
    run = new_run(connection, function, (), queue, function.rpartition(".")[2])
    try:
        pipeline = connection.pipeline(transaction=False)
        _push(pipeline, RunQueue(queue, connection), run)
        pipeline.execute()
    except RedisError as exc:
        _leave_to_sweeper(queue, exc)


def _is_silent() -> bool:
    silent_until: float = current_app.extensions.get(SILENT_UNTIL, 0.0)
    return time.monotonic() < silent_until


def _leave_to_sweeper(what: str, error: RedisError) -> None:
    logger.warning("%s left to the sweeper: %s", what, why(error))
    current_app.extensions[_WITHHELD] = True
    if isinstance(error, RedisTimeout):
        current_app.extensions[SILENT_UNTIL] = time.monotonic() + SILENT_SECONDS


def _add(pipeline: Pipeline, scheduler: PostScheduler, wake: Wake, now: datetime) -> None:
    if wake.replaces is not None:
        scheduler.forget(pipeline, [f"{wake.job_id}-{wake.replaces}"])
    if wake.due_at > now + HORIZON:
        return
    queue = scheduler.queue
    run = new_post_run(queue.connection, wake.platform, wake.job_id, queue.name, wake.run_id)
    if wake.due_at > now:
        scheduler.schedule_run(pipeline, run, wake.due_at)
    else:
        _push(pipeline, queue, run)


def _push(pipeline: Pipeline, queue: RunQueue, run: Run) -> None:
    run.enqueued_at = rq_now()
    run._status = JobStatus.QUEUED
    run.save(pipeline=pipeline)
    queue.push_job_id(run.id, pipeline=pipeline)
