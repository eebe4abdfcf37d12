"""Enqueueing and scheduling: the only package that uses rq and rq-scheduler to add work."""

from app.queues.connection import connect_redis, current_redis
from app.queues.names import (
    BACKGROUND_QUEUE,
    CONNECT_QUEUE,
    ENCODE_QUEUE,
    MAINTENANCE_QUEUE,
    MEMORY_KEY,
    PUBLISH_QUEUES,
    QUEUE_NAMES,
    QUEUE_OF,
)
from app.queues.run import Run, RunQueue, new_post_run, new_run
from app.queues.scheduler import Deposed, PostScheduler
from app.queues.wakes import (
    HORIZON,
    Wake,
    parent_process,
    wake,
    wake_delivery,
    wake_function,
    wake_transcode,
)

__all__ = [
    "CONNECT_QUEUE",
    "ENCODE_QUEUE",
    "HORIZON",
    "BACKGROUND_QUEUE",
    "MAINTENANCE_QUEUE",
    "MEMORY_KEY",
    "PUBLISH_QUEUES",
    "QUEUE_NAMES",
    "QUEUE_OF",
    "Deposed",
    "PostScheduler",
    "Run",
    "RunQueue",
    "Wake",
    "connect_redis",
    "current_redis",
    "new_post_run",
    "new_run",
    "parent_process",
    "wake",
    "wake_delivery",
    "wake_function",
    "wake_transcode",
]
