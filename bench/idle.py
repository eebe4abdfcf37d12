"""The cost of waiting: Redis commands of a whole idle stack."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from rq.worker_registration import REDIS_WORKER_KEYS

from app.platforms import PLATFORMS
from bench.bench import Bench
from bench.counters import count_commands, reset_commands
from bench.figures import BULLMQ, OURS, Figure, Goal
from bench.node import BullMq
from bench.processes import wait_until

DAY_SECONDS = 24 * 3600
#: Start-up is over when there are hardly any commands for this long.
SETTLE_SECONDS, HARDLY_ANY = 5.0, 2
START_SECONDS = 120.0


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the commands per day, extrapolated from a few minutes."""
    ours: list[float] = []
    theirs: list[float] = []
    with ExitStack() as parts:
        stage = parts.enter_context(bench.stage())
        parts.enter_context(stage.leading_scheduler())
        parts.enter_context(stage.web(2))
        for platform in PLATFORMS:
            parts.enter_context(stage.worker(WORKER_PLATFORMS=platform))
        wait_until(lambda: _has_settled(bench), "the stack has started", START_SECONDS)
        ours += [_per_day(bench, bench.size.quiet_seconds) for _ in range(bench.size.runs)]
    if bench.bullmq is not None:
        theirs += _theirs(bench, bench.bullmq)
    yield Figure(
        "Redis commands per day, idle: web, scheduler, one worker per platform",
        "",
        {OURS: ours, BULLMQ: theirs},
        (Goal(20_000),),
    )


def _theirs(bench: Bench, bullmq: BullMq) -> list[float]:
    bench.redis.flushall()
    with ExitStack() as parts:
        for _ in PLATFORMS:
            parts.enter_context(bullmq.worker("empty")).started()
        time.sleep(_settling(bench))  # it never got quiet
        return [_per_day(bench, bench.size.idle_seconds) for _ in range(bench.size.runs)]


def _has_settled(bench: Bench) -> bool:
    if bench.redis.scard(REDIS_WORKER_KEYS) < len(PLATFORMS):
        return False  # still starting
    reset_commands(bench.redis)
    time.sleep(_settling(bench))
    return count_commands(bench.redis) <= HARDLY_ANY


def _settling(bench: Bench) -> float:
    return min(SETTLE_SECONDS, bench.size.idle_seconds)


def _per_day(bench: Bench, seconds: float) -> float:
    reset_commands(bench.redis)
    time.sleep(seconds)
    return count_commands(bench.redis) * DAY_SECONDS / seconds
