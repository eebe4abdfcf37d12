"""The scheduler: how fast posts that fall due at one instant are queued, how late single ones."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.ids import new_id
from app.queues import PUBLISH_QUEUES, RunQueue, Wake, wake
from bench.figures import Figure, measured, percentile

QUEUE = PUBLISH_QUEUES["TIKTOK"]
AT_ONCE = (1_000, 10_000)
RUNS = 3
SINGLE_POSTS = 300
SPREAD_SECONDS = 10.0
BATCH = 1000
#: Enough to put the runs there before the first is due.
AHEAD_SECONDS_PER_THOUSAND = 1.0
LOOK_SECONDS = 0.001


def measure_release(app: Flask, redis: Redis) -> list[Figure]:
    """Return the figures of the scheduler that runs; no worker takes the runs off the queue."""
    with app.app_context():
        at_once = [
            measured(f"{count:,} posts due at one instant: until queued", "s", RUNS, release)
            for count, release in ((count, _release(count, redis)) for count in AT_ONCE)
        ]
        return [*at_once, *_lateness(redis)]


def _release(count: int, redis: Redis) -> Callable[[], float]:
    def once() -> float:
        redis.delete(RunQueue(QUEUE, redis).key)
        due_at = utcnow() + timedelta(seconds=1 + AHEAD_SECONDS_PER_THOUSAND * count / 1000)
        for first in range(0, count, BATCH):
            size = min(BATCH, count - first)
            wake([Wake(new_id(), "TIKTOK", due_at, 1) for _ in range(size)])
        time.sleep(max(due_at.timestamp() - time.time(), 0))
        while RunQueue(QUEUE, redis).count < count:
            time.sleep(LOOK_SECONDS)
        return time.time() - due_at.timestamp()

    return once


def _lateness(redis: Redis) -> Iterator[Figure]:
    redis.delete(RunQueue(QUEUE, redis).key)
    start = utcnow() + timedelta(seconds=1)
    due = sorted(
        start + timedelta(seconds=random.uniform(0, SPREAD_SECONDS)) for _ in range(SINGLE_POSTS)
    )
    wake([Wake(new_id(), "TIKTOK", due_at, 1) for due_at in due])
    late_ms: list[float] = []
    while len(late_ms) < SINGLE_POSTS:
        queued = RunQueue(QUEUE, redis).count
        now = time.time()
        late_ms += [
            (now - due[position].timestamp()) * 1000 for position in range(len(late_ms), queued)
        ]
        time.sleep(LOOK_SECONDS)
    redis.delete(RunQueue(QUEUE, redis).key)
    yield Figure("queued after it was due, p50", "ms", (percentile(late_ms, 0.5),))
    yield Figure("queued after it was due, p99", "ms", (percentile(late_ms, 0.99),))
    yield Figure("earliest (never below 0)", "ms", (min(late_ms),))
