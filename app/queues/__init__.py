"""Enqueueing and scheduling: the only package that uses rq and rq-scheduler to add work."""

from app.queues.names import (
    CONNECT_QUEUE,
    ENCODE_QUEUE,
    LOOKS_QUEUE,
    MAINTENANCE_QUEUE,
    PUBLISH_QUEUES,
    QUEUE_NAMES,
    QUEUE_OF,
)
from app.queues.run import Run, RunQueue, new_run
from app.queues.scheduler import Deposed, PostScheduler
from app.queues.wakes import (
    HORIZON,
    Wake,
    connect_redis,
    current_redis,
    wake,
    wake_maintenance,
    wake_transcode,
)

__all__ = [
    "CONNECT_QUEUE",
    "ENCODE_QUEUE",
    "HORIZON",
    "LOOKS_QUEUE",
    "MAINTENANCE_QUEUE",
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
    "new_run",
    "wake",
    "wake_transcode",
    "wake_maintenance",
]
