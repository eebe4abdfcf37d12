"""What RQ keeps of runs that ended, and how long the database keeps jobs.

Only the run that ends a job is worth keeping: the ones before it are gone at once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from flask import current_app
from redis.exceptions import RedisError
from rq import get_current_job
from rq.registry import BaseRegistry, FailedJobRegistry, FinishedJobRegistry
from rq.utils import as_text
from sqlalchemy import delete, select

from app.config import Config
from app.models import IdempotencyKey, Notification, PublishJob, TimelineEntry
from app.publishing.transaction import transaction
from app.queues import QUEUE_NAMES, RESULT_TTL_SECONDS, Run, RunQueue, current_redis
from app.renditions.removing import prune_renditions
from app.states import FINAL_STATES
from workers.contexts import current_storage

logger = logging.getLogger(__name__)
#: What an upload that was broken off by a crash left in the folder, untouched for this long.
PARTIAL_KEEP = timedelta(hours=1)
KEEP_COMPLETED = 100
KEEP_FAILED = 1000
IDEMPOTENCY_KEEP = timedelta(hours=24)
BATCH = 500


def keep_run(remove: bool | int, *, is_failure: bool) -> bool:
    """Apply a job's `removeOnComplete` or `removeOnFail` to the run that ended it.

    True keeps nothing, False the default number, a number that many. Tell whether the run is
    to be kept.
    """
    run = get_current_job()
    if run is None or remove is True or (remove is not False and remove == 0):
        return False
    run.result_ttl = RESULT_TTL_SECONDS
    default = KEEP_FAILED if is_failure else KEEP_COMPLETED
    keep = default if remove is False else int(remove)
    trim(run.origin, keep - 1, is_failure=is_failure)
    return True


def trim(queue_name: str, keep: int, *, is_failure: bool) -> int:
    """Drop the oldest ended runs of a queue beyond `keep`; return how many went."""
    queue = RunQueue(queue_name, current_redis())
    registry: BaseRegistry = (
        FailedJobRegistry(queue=queue) if is_failure else FinishedJobRegistry(queue=queue)
    )
    try:
        members = queue.connection.zrange(registry.key, 0, -(max(keep, 0) + 1))
        outdated = [as_text(member) for member in members if isinstance(member, bytes)]
        if not outdated:
            return 0
        pipeline = queue.connection.pipeline(transaction=False)
        pipeline.zrem(registry.key, *outdated)
        for run_id in outdated:
            pipeline.delete(Run.key_for(run_id), f"rq:results:{run_id}")
        pipeline.execute()
    except RedisError as exc:
        logger.warning("runs not trimmed: %s", type(exc).__name__)
        return 0
    return len(outdated)


def prune(now: datetime) -> None:
    """Delete what is past its time: jobs, their timelines, notifications, keys, runs, converted
    videos, leftovers."""
    config: Config = current_app.config["SETTINGS"]
    before = now - timedelta(days=config.retention_days)
    while _prune_jobs(before) == BATCH:
        pass
    with transaction() as session:
        session.execute(
            # Also what was never sent, because no receiver is set.
            delete(Notification).where(Notification.created_at < before)
        )
        session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at < now - IDEMPOTENCY_KEEP)
        )
    for name in QUEUE_NAMES:
        trim(name, KEEP_COMPLETED, is_failure=False)
        trim(name, KEEP_FAILED, is_failure=True)
    prune_renditions(now - timedelta(days=config.rendition_days))
    current_storage().prune_partials(PARTIAL_KEEP.total_seconds())


def _prune_jobs(before: datetime) -> int:
    with transaction() as session:
        query = select(PublishJob.id).where(
            PublishJob.finished_at < before, PublishJob.state.in_(FINAL_STATES)
        )
        ids = session.scalars(query.limit(BATCH)).all()
        session.execute(delete(TimelineEntry).where(TimelineEntry.job_id.in_(ids)))
        session.execute(delete(PublishJob).where(PublishJob.id.in_(ids)))
    return len(ids)
