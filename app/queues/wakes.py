"""Waking workers up. The row is the truth: a wake that is lost costs time, never a post.

A run does not carry the job: it says that a row of its platform is due at a time. Whoever
executes it claims the row that should go first. So losing Redis loses no work, a doubled wake
does nothing, and an error of Redis here is logged and left to the sweeper.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.retry import Retry
from rq.job import JobStatus
from rq.utils import now as rq_now

from app.clock import utcnow
from app.queues.names import (
    ADVANCE,
    DELIVER,
    ENCODE,
    ENCODE_QUEUE,
    MAINTENANCE_QUEUE,
    PUBLISH_QUEUES,
)
from app.queues.run import FAILURE_TTL_SECONDS, NO_TIMEOUT, Run, RunQueue
from app.queues.scheduler import PostScheduler

logger = logging.getLogger(__name__)
#: How long a request of the API may hang on Redis before the row alone has to do.
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Wake:
    """One wake-up for a row: `number` makes the run's id new each time.

    `replaces` is the number of an earlier wake that no longer means anything, if there is one.
    """

    job_id: str
    platform: str
    due_at: datetime
    number: int | str
    replaces: int | None = None

    @property
    def run_id(self) -> str:
        """The run's id: letters, digits and a dash, as RQ wants."""
        return f"{self.job_id}-{self.number}"


def connect_redis(url: str) -> Redis:
    """Return a client that gives up soon: the API must answer when Redis does not."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),
    )


def current_redis() -> Redis:
    """Return the running application's Redis client."""
    client = current_app.extensions["redis"]
    assert isinstance(client, Redis)
    return client


def wake(wakes: Sequence[Wake]) -> bool:
    """Queue or schedule a run for each row, all in one round trip; tell whether Redis took them.

    Call it after the commit: a run that starts before its row is there would find nothing.
    """
    if not wakes:
        return True
    try:
        pipeline = current_redis().pipeline(transaction=False)
        for one in wakes:
            _add(pipeline, one)
        pipeline.execute()
    except RedisError as exc:
        logger.warning("wake-ups left to the sweeper: %s", type(exc).__name__)
        return False
    return True


def wake_maintenance(function: str = DELIVER) -> bool:
    """Queue a run of a function that works through rows of its own: by default the outbox."""
    return _wake_for_rows(function, MAINTENANCE_QUEUE)


def wake_encode() -> bool:
    """Queue a run that makes the files which are due to be made."""
    return _wake_for_rows(ENCODE, ENCODE_QUEUE)


def _wake_for_rows(function: str, queue: str) -> bool:
    connection = current_redis()
    run = _run(connection, function, (), queue, function.rpartition(".")[2], None)
    try:
        pipeline = connection.pipeline(transaction=False)
        _push(pipeline, connection, run, queue)
        pipeline.execute()
    except RedisError as exc:
        logger.warning("%s left to the sweeper: %s", queue, type(exc).__name__)
        return False
    return True


def _add(pipeline: Pipeline, wake: Wake) -> None:
    connection = current_redis()
    queue = PUBLISH_QUEUES[wake.platform]
    if wake.replaces is not None:
        outdated = f"{wake.job_id}-{wake.replaces}"
        PostScheduler(queue, connection).forget(pipeline, [outdated])
    args = (wake.platform, wake.job_id)
    description = f"{wake.platform} post {wake.job_id}"
    run = _run(connection, ADVANCE, args, queue, description, wake.run_id)
    if wake.due_at > utcnow():
        PostScheduler(queue, connection).schedule_run(pipeline, run, wake.due_at)
    else:
        _push(pipeline, connection, run, queue)


def _run(
    connection: Redis,
    function: str,
    args: tuple[str, ...],
    queue: str,
    description: str,
    run_id: str | None,
) -> Run:
    run = Run.create(
        function,
        args=args,
        connection=connection,
        origin=queue,
        id=run_id,
        description=description,
        timeout=NO_TIMEOUT,
        # Only the run that ends its job is kept: see workers.retention.
        result_ttl=0,
        failure_ttl=FAILURE_TTL_SECONDS,
    )
    assert isinstance(run, Run)
    return run


def _push(pipeline: Pipeline, connection: Redis, run: Run, queue: str) -> None:
    run.enqueued_at = rq_now()
    run.set_status(JobStatus.QUEUED, pipeline=pipeline)
    run.save(pipeline=pipeline)
    RunQueue(queue, connection).push_job_id(run.id, pipeline=pipeline)
