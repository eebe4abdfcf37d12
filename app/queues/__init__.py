"""The one package that knows rq and rq-scheduler from the side that puts work on queues."""

from app.queues.names import ENCODE_QUEUE, MAINTENANCE_QUEUE, PUBLISH_QUEUES, QUEUE_NAMES
from app.queues.run import RESULT_TTL_SECONDS, Run, RunQueue
from app.queues.scheduler import PostScheduler
from app.queues.wakes import (
    Wake,
    connect_redis,
    current_redis,
    wake,
    wake_encode,
    wake_maintenance,
)

__all__ = [
    "ENCODE_QUEUE",
    "MAINTENANCE_QUEUE",
    "PUBLISH_QUEUES",
    "QUEUE_NAMES",
    "RESULT_TTL_SECONDS",
    "PostScheduler",
    "Run",
    "RunQueue",
    "Wake",
    "connect_redis",
    "current_redis",
    "wake",
    "wake_encode",
    "wake_maintenance",
]
