"""Single posts at random times: how long after its due time a worker starts on each."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import PublishJob
from app.publishing.create import create_jobs
from app.states import AccountState, JobState
from bench.bench import Bench
from bench.figures import BULLMQ, OURS, Figure, Goal, percentile
from bench.node import BullMq, jobs_delayed, jobs_left
from bench.posts import ended, make_accounts, new_job, probed_video
from bench.processes import wait_until

BATCH = 100
#: Warm-up posts.
WARM_POSTS = 20
END_SECONDS = 120.0


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the median, the 99th percentile and the minimum of the lateness."""
    runs: dict[str, list[Sequence[float]]] = {OURS: [], BULLMQ: []}
    for _ in range(bench.size.runs):
        runs[OURS].append(_ours(bench))
        if bench.bullmq is not None:
            runs[BULLMQ].append(_theirs(bench, bench.bullmq))

    def figure(name: str, share: float, *goals: Goal) -> Figure:
        values = {side: [percentile(late, share) for late in lates] for side, lates in runs.items()}
        return Figure(f"due → started, {name}", "ms", values, goals)

    yield figure("p50", 0.5)
    yield figure("p99", 0.99, Goal(50), Goal(1, BULLMQ))
    del runs[BULLMQ]  # our minimum alone proves that nothing starts early
    yield figure("minimum: never early", 0.0, Goal(0, at_least=True))


def _dues(bench: Bench) -> list[datetime]:
    start = utcnow() + timedelta(seconds=bench.size.ahead_seconds)
    spread = bench.size.spread_seconds
    seconds = (random.uniform(0, spread) for _ in range(bench.size.single_posts))
    return sorted(start + timedelta(seconds=second) for second in seconds)


def _ours(bench: Bench) -> list[float]:
    """Return each post's lateness in milliseconds, from its row.

    The account is marked for reconnection, so that a post ends as soon as it has started.
    """
    with (
        bench.stage() as stage,
        stage.leading_scheduler(),
        stage.worker(WORKER_CONCURRENCY="5"),
    ):
        accounts = make_accounts(None, state=AccountState.RECONNECT_REQUIRED)
        video = probed_video()

        def accept(dues: Sequence[datetime], *, is_later: bool) -> None:
            new = [
                new_job(accounts[number % len(accounts)], video, due_at, is_later=is_later)
                for number, due_at in enumerate(dues)
            ]
            for first in range(0, len(new), BATCH):
                create_jobs(new[first : first + BATCH], utcnow())

        accept([utcnow()] * WARM_POSTS, is_later=False)
        wait_until(lambda: ended(JobState.FAILED) == WARM_POSTS, "the workers are there")
        dues = _dues(bench)
        accept(dues, is_later=True)
        time.sleep(max((dues[-1] - utcnow()).total_seconds(), 0))
        all_posts = WARM_POSTS + len(dues)
        wait_until(lambda: ended(JobState.FAILED) == all_posts, "all have started", END_SECONDS)
        return _late_ms()


def _late_ms() -> list[float]:
    """Return how late each scheduled post was started, from its row."""
    with transaction() as session:
        query = select(PublishJob.started_at, PublishJob.scheduled_time)
        rows = session.execute(query).all()
    return [(started - due).total_seconds() * 1000 for started, due in rows if started and due]


def _theirs(bench: Bench, bullmq: BullMq) -> list[float]:
    bench.redis.flushall()
    with bullmq.worker("record") as worker:
        worker.started()
        dues = [due_at.timestamp() * 1000 for due_at in _dues(bench)]
        bullmq.add(dues=dues)
        time.sleep(max(dues[-1] / 1000 - time.time(), 0))
        wait_until(
            lambda: jobs_left(bench.redis) + jobs_delayed(bench.redis) == 0,
            "BullMQ has started all",
            END_SECONDS,
        )
        late_ms: list[float] = worker.ended()["lateMs"]
    return late_ms
