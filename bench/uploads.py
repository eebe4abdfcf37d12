"""Videos of 10 MB over connections of 50 MB/s: throughput and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.bench import Bench
from bench.figures import BULLMQ, OURS, Figure, Goal
from bench.packages import loaded_bytes
from bench.posts import store_video
from bench.processes import PeakMemory
from bench.sides import CONCURRENCY, Side, our_side, their_side
from bench.world import open_world

MB = 10**6
VIDEO_BYTES = 10 * MB
BYTES_PER_SECOND = 50.0 * MB


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield posts per minute, and the peak memory of the worker tree."""
    rates: dict[str, list[float]] = {OURS: [], BULLMQ: []}
    peaks: dict[str, list[float]] = {OURS: [], BULLMQ: []}

    def add(name: str, side: Side) -> None:
        rate, peak = _publish(side, bench.size.large_posts)
        rates[name].append(rate)
        peaks[name].append(peak / MB)

    with open_world(bench.folder / "uploads", BYTES_PER_SECOND) as world:
        key = store_video(world, VIDEO_BYTES)
        for _ in range(bench.size.runs):
            with our_side(bench, world, key) as ours:
                add(OURS, ours)
            if bench.bullmq is not None:
                with their_side(bench, bench.bullmq, world, key) as theirs:
                    add(BULLMQ, theirs)
    name = f"10 MB videos, 50 MB/s per connection, concurrency {CONCURRENCY}"
    goals = (Goal(1, BULLMQ, at_least=True),)
    yield Figure(f"{name}: posts per minute", "", rates, goals, more_is_better=True)
    yield Figure(f"{name}: memory of the worker tree", "MB", peaks, (Goal(0.5, BULLMQ),))
    floor = [loaded_bytes(bench) / MB for _ in range(bench.size.runs)]
    yield Figure("the packages alone, imported by one process: memory", "MB", {OURS: floor})


def _publish(side: Side, count: int) -> tuple[float, float]:
    """Return the posts per minute; then, of as many again, the peak memory.

    Not both at once: adding up the pages of each process takes CPU time, and more of it the more
    processes there are.
    """
    started = time.monotonic()
    side.publish(count)
    seconds = time.monotonic() - started
    with PeakMemory(side.worker) as memory:
        side.publish(count)
    return 60 * count / seconds, memory.peak_bytes
