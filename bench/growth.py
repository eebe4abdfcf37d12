"""The cost of many scheduled posts: accepting and keeping them, and starting a scheduler."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from app.clock import utcnow
from app.ids import new_id
from app.publishing.create import create_jobs
from app.queues import PUBLISH_QUEUES, RunQueue, Wake, wake
from bench.bench import Bench
from bench.counters import used_memory
from bench.figures import BULLMQ, OURS, Figure, Goal
from bench.node import BullMq
from bench.posts import PLATFORM, make_accounts, new_job, probed_video
from bench.processes import wait_until
from bench.stage import Stage

YEAR = timedelta(days=365)
#: As in `POST /api/publish/batch`.
BATCH = 100
#: Near enough to be in Redis, far enough to stay there while it is measured.
SOON = timedelta(minutes=5)
START_SECONDS = 300.0
#: The last posts are accepted as fast as the first, within the machine's own variation.
FLAT = 0.8
MB = 10**6


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the cost of a year of scheduled posts, then Redis memory per delayed post."""
    yield from _year(bench)
    yield _memory(bench)


def _year(bench: Bench) -> Iterator[Figure]:
    count, edge = bench.size.scheduled_posts, bench.size.edge_posts
    with bench.stage() as stage:
        account, video = make_accounts(None, 1)[0], probed_video()
        before = used_memory(bench.redis)
        rates = list(_rates(account, video, count, edge))
        memory = (used_memory(bench.redis) - before) / MB
        starts = [_start(stage) for _ in range(bench.size.runs)]
    first, last = rates[0], rates[-1]
    title = f"{count:,} posts over a year"
    yield Figure(
        f"{title}: the first {edge:,} accepted", "/s", {OURS: [first]}, more_is_better=True
    )
    yield Figure(
        f"{title}: the last {edge:,} accepted",
        "/s",
        {OURS: [last]},
        (Goal(FLAT * first, at_least=True),),
        more_is_better=True,
    )
    yield Figure(f"{title}: Redis memory", "MB", {OURS: [memory]})
    yield Figure(f"{title}: scheduler start until first release", "s", {OURS: starts}, (Goal(2),))


def _rates(account: str, video: str, count: int, edge: int) -> Iterator[float]:
    """Accept posts in batches; yield the rate of each `edge` of them."""
    for _ in range(0, count, edge):
        started = time.monotonic()
        for _ in range(0, edge, BATCH):
            now = utcnow()
            dues = [now + SOON + random.random() * YEAR for _ in range(BATCH)]
            create_jobs([new_job(account, video, due, is_later=True) for due in dues], now)
        yield edge / (time.monotonic() - started)


def _start(stage: Stage) -> float:
    """Start a scheduler with a due post; return how long until it is queued."""
    queue = RunQueue(PUBLISH_QUEUES[PLATFORM], stage.redis)
    stage.redis.delete(queue.key)
    due_at = utcnow() + timedelta(seconds=0.2)
    wake([Wake(new_id(), PLATFORM, due_at, 1)])
    time.sleep(0.3)
    started = time.monotonic()
    with stage.process("workers.scheduler"):
        wait_until(lambda: queue.count, "the scheduler releases a post", START_SECONDS)
        return time.monotonic() - started


def _memory(bench: Bench) -> Figure:
    count = bench.size.delayed_posts
    values: dict[str, list[float]] = {OURS: [], BULLMQ: []}
    for _ in range(bench.size.runs):
        with bench.stage():
            before = used_memory(bench.redis)
            due_at = utcnow() + SOON
            for _ in range(0, count, BATCH):
                wake([Wake(new_id(), PLATFORM, due_at, 1) for _ in range(BATCH)])
            values[OURS].append((used_memory(bench.redis) - before) / count)
        if bench.bullmq is not None:
            values[BULLMQ].append(_their_memory(bench, bench.bullmq, count))
    return Figure("Redis memory per delayed post", "bytes", values)


def _their_memory(bench: Bench, bullmq: BullMq, count: int) -> float:
    bench.redis.flushall()
    bullmq.add(count=1)
    before = used_memory(bench.redis)
    due_at: datetime = utcnow() + SOON
    bullmq.add(count=count, due=due_at.timestamp() * 1000)
    return (used_memory(bench.redis) - before) / count
