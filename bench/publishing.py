"""One post from end to end: its Redis commands and CPU time.

The videos are small, so that byte transfer costs next to nothing; workers, scheduler and the
sandbox are the real ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.bench import Bench
from bench.counters import count_commands, reset_commands
from bench.figures import BULLMQ, OURS, Figure, Goal
from bench.posts import store_video
from bench.sides import CONCURRENCY, Side, our_side, their_side
from bench.world import open_world


@dataclass(frozen=True)
class Cost:
    """The cost of one post."""

    commands: float
    cpu_ms: float
    per_second: float


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures per published post."""
    costs: dict[str, list[Cost]] = {OURS: [], BULLMQ: []}
    with open_world(bench.folder / "publishing") as world:
        key = store_video(world, 0)
        for _ in range(bench.size.runs):
            with our_side(bench, world, key) as ours:
                costs[OURS].append(_cost(bench, ours))
            if bench.bullmq is not None:
                with their_side(bench, bench.bullmq, world, key) as theirs:
                    costs[BULLMQ].append(_cost(bench, theirs))

    def of(part: str) -> dict[str, list[float]]:
        return {side: [getattr(cost, part) for cost in runs] for side, runs in costs.items()}

    yield Figure(
        "Redis commands per published post, all counted", "", of("commands"), (Goal(0.5, BULLMQ),)
    )
    yield Figure("CPU time per published post, excluding byte transfer", "ms", of("cpu_ms"))
    yield Figure(
        f"small posts per second, concurrency {CONCURRENCY}",
        "/s",
        of("per_second"),
        more_is_better=True,
    )


def _cost(bench: Bench, side: Side) -> Cost:
    count = bench.size.small_posts
    cpu_seconds = sum(tree.cpu_seconds() for tree in side.trees)
    reset_commands(bench.redis)
    started = time.monotonic()
    side.publish(count)
    seconds = time.monotonic() - started
    cpu_seconds = sum(tree.cpu_seconds() for tree in side.trees) - cpu_seconds
    return Cost(count_commands(bench.redis) / count, cpu_seconds * 1000 / count, count / seconds)
