"""What RQ keeps of jobs that ended, for rq-dashboard: a run with the job's own id.

Whoever executed the last step, an RQ run or a look of the worker's own, the job leaves one entry
among the finished or the failed. Nothing depends on it.
"""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError
from rq.registry import BaseRegistry, FailedJobRegistry, FinishedJobRegistry
from rq.utils import as_text
from rq.utils import now as rq_now

from app.publishing.claims import Claim
from app.queues import PUBLISH_QUEUES, QUEUE_NAMES, Run, RunQueue, current_redis, new_run
from app.queues.names import ADVANCE, KEEP_COMPLETED, KEEP_FAILED

logger = logging.getLogger(__name__)


def keep_completed(claim: Claim, result: dict[str, str]) -> None:
    """Keep a job that is live, as its `removeOnComplete` says."""
    keep = _how_many(claim.remove_on_complete, KEEP_COMPLETED)
    if keep:
        _keep(claim, keep, result=result)


def keep_failed(claim: Claim, why: str) -> None:
    """Keep a job that failed, as its `removeOnFail` says."""
    keep = _how_many(claim.remove_on_fail, KEEP_FAILED)
    if keep:
        _keep(claim, keep, why=why)


def trim_all(*, keep_completed: int = KEEP_COMPLETED, keep_failed: int = KEEP_FAILED) -> None:
    """Drop the oldest beyond these numbers from every queue's lists. Raises `RedisError`."""
    connection = current_redis()
    for name in QUEUE_NAMES:
        queue = RunQueue(name, connection)
        for registry, keep in zip(_registries(queue), (keep_completed, keep_failed)):
            beyond = connection.zrange(registry.key, 0, -(keep + 1))
            _drop(connection, registry, [str(as_text(member)) for member in beyond])  # type: ignore


def _how_many(remove: bool | int, default: int) -> int:
    """Return how many to keep: True none, False the default number, a number that many."""
    if remove is True:
        return 0
    return default if remove is False else int(remove)


def _keep(claim: Claim, keep: int, *, result: dict[str, str] | None = None, why: str = "") -> None:
    connection = current_redis()
    queue = RunQueue(PUBLISH_QUEUES[claim.platform], connection)
    finished, failed = _registries(queue)
    registry, other = (failed, finished) if result is None else (finished, failed)
    try:
        pipeline = connection.pipeline(transaction=False)
        pipeline.zrange(registry.key, 0, -keep)
        pipeline.zrem(other.key, claim.job_id)
        run = _run(connection, claim, queue.name)
        if result is None:
            run.keep_as_failed(pipeline, why, "")
        else:
            run.keep_as_finished(pipeline, result, "")
        beyond = [as_text(member) for member in pipeline.execute()[0]]
        _drop(connection, registry, [run_id for run_id in beyond if run_id != claim.job_id])
    except RedisError as exc:
        logger.warning("the end of a job is not shown by RQ: %s", type(exc).__name__)


def _run(connection: Redis, claim: Claim, queue: str) -> Run:
    args = (claim.platform, claim.job_id)
    run = new_run(connection, ADVANCE, args, queue, "%s post %s" % args, claim.job_id)
    run.enqueued_at = run.started_at = run.ended_at = rq_now()
    return run


def _registries(queue: RunQueue) -> tuple[BaseRegistry, BaseRegistry]:
    return FinishedJobRegistry(queue=queue), FailedJobRegistry(queue=queue)


def _drop(connection: Redis, registry: BaseRegistry, run_ids: list[str]) -> None:
    if not run_ids:
        return
    pipeline = connection.pipeline(transaction=False)
    pipeline.zrem(registry.key, *run_ids)
    for run_id in run_ids:
        pipeline.delete(Run.key_for(run_id), f"rq:results:{run_id}")
    pipeline.execute()
