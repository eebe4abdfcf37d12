"""Runs that do nothing: the throughput of the engine itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rq import Queue

from app.queues import MAINTENANCE_QUEUE, RunQueue
from bench.bench import Bench
from bench.figures import BULLMQ, OURS, RQ, Figure, Goal
from bench.mark import FUNCTION, MARKS
from bench.node import BullMq, jobs_left
from bench.processes import Tree, wait_until
from bench.stage import BIN

RUN_SECONDS = 600.0
FORKING, SIMPLE = "rq.worker.Worker", "rq.worker.SimpleWorker"


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield empty runs per second of one process tree."""
    marks = bench.folder / "marks"
    ours, forking, simple, theirs = [], [], [], []
    for _ in range(bench.size.runs):
        ours.append(_ours(bench, marks))
        forking.append(_stock(bench, marks, FORKING))
        simple.append(_stock(bench, marks, SIMPLE))
        if bench.bullmq is not None:
            theirs.append(_theirs(bench, bench.bullmq))
    name = "empty runs per second, one process tree"
    yield Figure(
        f"{name}; RQ: the forking worker",
        "/s",
        {OURS: ours, BULLMQ: theirs, RQ: forking},
        (Goal(10, RQ, at_least=True),),
        more_is_better=True,
    )
    values = {OURS: ours, RQ: simple}
    yield Figure(f"{name}; RQ: the in-process worker", "/s", values, more_is_better=True)


def _ours(bench: Bench, marks: Path) -> float:
    with bench.stage() as stage:
        queue = RunQueue(MAINTENANCE_QUEUE, bench.redis)
        variables = {MARKS: str(marks), "WORKER_CONCURRENCY": "5"}
        worker = stage.process("bench.marking_worker", **variables)
        return _rate(queue, worker, bench.size.empty_runs, marks)


def _stock(bench: Bench, marks: Path, kind: str) -> float:
    bench.redis.flushall()
    command = [str(BIN / "rq"), "worker", "--worker-class", kind, "--url", bench.redis_url]
    environment = {**os.environ, MARKS: str(marks)}
    worker = Tree([*command, "--quiet", "empty"], environment, bench.folder / "rq.log")
    return _rate(Queue("empty", bench.redis), worker, bench.size.stock_runs, marks)


def _rate(queue: Queue, worker: Tree, count: int, marks: Path) -> float:
    """Return a worker's runs per second, after some warm-up runs."""
    marks.write_bytes(b"")
    first = count // 10 + 1
    with worker:
        _add(queue, first)
        wait_until(lambda: marks.stat().st_size >= first, "the first runs", RUN_SECONDS)
        with worker.paused():
            _add(queue, count)
        return _timed(lambda: marks.stat().st_size >= first + count, count)


def _theirs(bench: Bench, bullmq: BullMq) -> float:
    bench.redis.flushall()
    count = bench.size.empty_runs
    with bullmq.worker("empty") as worker:
        worker.started()
        bullmq.add(count=count // 10 + 1)
        wait_until(lambda: jobs_left(bench.redis) == 0, "the first jobs", RUN_SECONDS)
        with worker.paused():
            bullmq.add(count=count)
        rate = _timed(lambda: jobs_left(bench.redis) == 0, count)
        worker.ended()
    return rate


def _add(queue: Queue, count: int) -> None:
    runs = [Queue.prepare_data(FUNCTION, timeout=60, result_ttl=0) for _ in range(count)]
    queue.enqueue_many(runs)


def _timed(is_done: Callable[[], bool], count: int) -> float:
    """Return the runs per second from now until all are done."""
    started = time.monotonic()
    wait_until(is_done, f"{count} runs", RUN_SECONDS)
    return count / (time.monotonic() - started)
