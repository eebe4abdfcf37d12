"""Posts that are all due at the same instant: how long until they are queued."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from app.clock import utcnow
from app.ids import new_id
from app.queues import PUBLISH_QUEUES, RunQueue, Wake, wake
from bench.bench import Bench
from bench.figures import BULLMQ, OURS, Figure, Goal
from bench.node import jobs_delayed
from bench.posts import PLATFORM

BATCH = 1000
#: Extra time on top of `ahead_seconds` to insert all posts before they are due.
ADDED_PER_SECOND = 4000.0
SLOWNESSES = (1, 2, 4, 8, 16)
POLL_SECONDS = 0.001
RELEASE_SECONDS = 300.0
#: From this many posts on, the goal is BullMQ's own time.
MANY = 10_000


class TooLate(Exception):
    """Raised when posts were due before the last was inserted: the measurement is void."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the seconds from the due time until the last is queued."""
    for count in bench.size.released:
        values: dict[str, list[float]] = {OURS: [], BULLMQ: []}
        for _ in range(bench.size.runs):
            values[OURS].append(_measured(bench, count, _ours))
            if bench.bullmq is not None:
                values[BULLMQ].append(_measured(bench, count, _theirs))
        goals = (Goal(1, BULLMQ),) if count >= MANY else ()
        yield Figure(f"{count:,} posts due at one instant: until queued", "s", values, goals)


def _measured(bench: Bench, count: int, side: Callable[[Bench, int, float], float]) -> float:
    """Measure a side; allow more time to insert the posts if that took too long."""
    for slowness in SLOWNESSES:
        try:
            return side(
                bench, count, bench.size.ahead_seconds + slowness * count / ADDED_PER_SECOND
            )
        except TooLate:
            continue
    raise TimeoutError(f"{count} posts cannot be put there before they are due")


def _ours(bench: Bench, count: int, ahead_seconds: float) -> float:
    with bench.stage() as stage, stage.leading_scheduler():
        queue = RunQueue(PUBLISH_QUEUES[PLATFORM], stage.redis)

        def add(due_at: datetime) -> None:
            for first in range(0, count, BATCH):
                size = min(BATCH, count - first)
                wake([Wake(new_id(), PLATFORM, due_at, 1) for _ in range(size)])

        return _released(ahead_seconds, add, lambda: queue.count, count)


def _theirs(bench: Bench, count: int, ahead_seconds: float) -> float:
    assert bench.bullmq is not None
    bullmq = bench.bullmq

    def add(due_at: datetime) -> None:
        bullmq.add(count=count, due=due_at.timestamp() * 1000)

    bench.redis.flushall()
    # BullMQ's workers promote its delayed jobs.
    with bullmq.worker("empty") as worker:
        worker.started()
        return _released(ahead_seconds, add, lambda: count - jobs_delayed(bench.redis), count)


def _released(
    ahead_seconds: float, add: Callable[[datetime], None], released: Callable[[], int], count: int
) -> float:
    """Add the posts, and return how long after their due time all are queued.

    Raises `TooLate` and `TimeoutError`.
    """
    due_at = utcnow() + timedelta(seconds=ahead_seconds)
    add(due_at)
    if released() > 0 or utcnow() >= due_at:
        raise TooLate
    time.sleep(max(due_at.timestamp() - time.time(), 0))
    deadline = time.monotonic() + RELEASE_SECONDS
    while released() < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} posts were not released within {RELEASE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return time.time() - due_at.timestamp()
