"""The entries of ended jobs in RQ's registries, for rq-dashboard.

Whether an RQ run or a worker's own poll executed the last step, the job leaves one run with its own
id in the finished or the failed registry. Nothing depends on it.
"""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError
from rq.registry import BaseRegistry, FailedJobRegistry, FinishedJobRegistry
from rq.utils import as_text
from rq.utils import now as rq_now

from app.causes import why
from app.publishing.claims import Claim
from app.queues import PUBLISH_QUEUES, QUEUE_NAMES, Run, RunQueue, current_redis, new_post_run
from app.queues.names import KEEP_COMPLETED, KEEP_FAILED

logger = logging.getLogger(__name__)


def keep_completed(claim: Claim, result: dict[str, str]) -> None:
    """Keep an entry of a completed job, as its `removeOnComplete` says."""
    keep = _how_many(claim.remove_on_complete, KEEP_COMPLETED)
    if keep:
        _keep(claim, keep, result=result)


def keep_failed(claim: Claim, reason: str) -> None:
    """Keep an entry of a failed job, as its `removeOnFail` says."""
    keep = _how_many(claim.remove_on_fail, KEEP_FAILED)
    if keep:
        _keep(claim, keep, reason=reason)


def trim_all(*, keep_completed: int = KEEP_COMPLETED, keep_failed: int = KEEP_FAILED) -> None:
    """Drop the oldest entries beyond these numbers from every queue. Raises `RedisError`."""
    connection = current_redis()
    for name in QUEUE_NAMES:
        queue = RunQueue(name, connection)
        for registry, keep in zip(_registries(queue), (keep_completed, keep_failed)):
            beyond = connection.zrange(registry.key, 0, -(keep + 1))
            _drop(connection, registry, [str(as_text(member)) for member in beyond])  # type: ignore


def _how_many(remove: bool | int, default: int) -> int:
    """Return how many entries to keep: True: none, False: the default, a number: that many."""
    if remove is True:
        return 0
    return default if remove is False else int(remove)


def _keep(
    claim: Claim, keep: int, *, result: dict[str, str] | None = None, reason: str = ""
) -> None:
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
            run.keep_as_failed(pipeline, reason, "")
        else:
            run.keep_as_finished(pipeline, result, "")
        beyond = [as_text(member) for member in pipeline.execute()[0]]
        _drop(connection, registry, [run_id for run_id in beyond if run_id != claim.job_id])
    except RedisError as exc:
        logger.warning("the end of a job is missing from RQ: %s", why(exc))


def _run(connection: Redis, claim: Claim, queue: str) -> Run:
    run = new_post_run(connection, claim.platform, claim.job_id, queue, claim.job_id)
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
