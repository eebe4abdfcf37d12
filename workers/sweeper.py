"""Finding what fell through: rows that are due without a wake-up on the way. Leader only.

A wake-up carries nothing, so lost ones are made good by number: where fewer runs are queued
than rows are due, the difference is queued again. One indexed count and one LLEN per platform.
"""

from __future__ import annotations

import logging
from datetime import datetime

from flask import current_app
from redis import Redis
from sqlalchemy import exists, select

from app.config import Config
from app.ids import new_id
from app.models import Notification, PublishedPost, PublishJob
from app.publishing.transaction import transaction
from app.queues import (
    ENCODE_QUEUE,
    MAINTENANCE_QUEUE,
    PUBLISH_QUEUES,
    QUEUE_NAMES,
    RunQueue,
    Wake,
    current_redis,
    wake,
    wake_encode,
    wake_maintenance,
)
from app.queues.names import FOLLOW_UP
from app.renditions.claims import is_any_due
from app.states import OPEN_STATES, NotificationState

logger = logging.getLogger(__name__)
#: Rows looked at per platform and sweep: more than a queue of that length needs no help.
LOOK = 1000
#: Runs of maintenance, or of conversions, that may wait before no more are added.
MAINTENANCE_MAX = 4
#: There while Redis has not lost its memory since the delayed runs were last put into it.
MEMORY_KEY = "publish:memory"


def sweep(now: datetime) -> None:
    """Queue what is due and not queued, and rebuild the delayed runs after a loss of Redis.

    Raises `RedisError` and `SQLAlchemyError`: the next sweep tries again.
    """
    connection = current_redis()
    if not connection.exists(MEMORY_KEY):
        queues = [RunQueue(name, connection).key for name in QUEUE_NAMES]
        connection.sadd(RunQueue.redis_queues_keys, *queues)  # what rq-dashboard lists
        _rebuild_delayed(now)
        connection.set(MEMORY_KEY, "1")
    for platform, queue_name in PUBLISH_QUEUES.items():
        _wake_missing(platform, queue_name, connection, now)
    if RunQueue(ENCODE_QUEUE, connection).count < MAINTENANCE_MAX and is_any_due(now):
        wake_encode()
    if RunQueue(MAINTENANCE_QUEUE, connection).count >= MAINTENANCE_MAX:
        return  # nobody works on them, and each of them works on all there is
    config: Config = current_app.config["SETTINGS"]
    if config.webhook_url and _is_notification_due(now):
        wake_maintenance()
    if _is_follow_up_due(now):
        wake_maintenance(FOLLOW_UP)


def _wake_missing(platform: str, queue_name: str, connection: Redis, now: datetime) -> None:
    with transaction() as session:
        query = select(PublishJob.id).where(
            PublishJob.platform == platform,
            PublishJob.state.in_(OPEN_STATES),
            PublishJob.due_at <= now,
        )
        due = session.scalars(query.limit(LOOK)).all()
    if not due:
        return
    missing = len(due) - RunQueue(queue_name, connection).count
    if missing > 0:
        logger.warning("%s rows of %s were due without a wake-up", missing, platform)
        wake([_swept(job_id, platform, now) for job_id in due[:missing]])


def _rebuild_delayed(now: datetime) -> None:
    last_id = ""
    while True:
        with transaction() as session:
            query = select(PublishJob.id, PublishJob.platform, PublishJob.due_at).where(
                PublishJob.state.in_(OPEN_STATES), PublishJob.due_at > now, PublishJob.id > last_id
            )
            rows = session.execute(query.order_by(PublishJob.id).limit(LOOK)).all()
        wake([_swept(job_id, platform, due_at or now) for job_id, platform, due_at in rows])
        if len(rows) < LOOK:
            return
        last_id = rows[-1][0]


def _swept(job_id: str, platform: str, due_at: datetime) -> Wake:
    return Wake(job_id, platform, due_at, f"s{new_id()}")


def _is_notification_due(now: datetime) -> bool:
    with transaction() as session:
        due = exists().where(
            Notification.state == NotificationState.PENDING, Notification.due_at <= now
        )
        return bool(session.scalar(select(due)))


def _is_follow_up_due(now: datetime) -> bool:
    with transaction() as session:
        return bool(session.scalar(select(exists().where(PublishedPost.follow_up_at <= now))))
