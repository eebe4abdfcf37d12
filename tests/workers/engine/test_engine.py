"""The worker engine on a real Redis: pops that lose nothing, children that die, outages."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.queries.processes import count_workers
from app.queues import (
    BACKGROUND_QUEUE,
    CONNECT_QUEUE,
    MAINTENANCE_QUEUE,
    PUBLISH_QUEUES,
    Run,
    RunQueue,
    Wake,
    new_run,
    wake,
)
from sandbox.development.redis_server import RedisServer
from tests.databases import ON_POSTGRES
from tests.processes import Process, wait_until
from tests.redis_values import commands, wait_until_quiet
from tests.workers.engine.hasty import GRACE_SECONDS
from tests.workers.engine.stand_in import CRASH, FAIL, GROW, SLEEP, WAIT
from workers.engine.worker import CLOSING_SECONDS
from workers.worker import BACKGROUND_RUNS

# One database: real processes take time, and what they do to rows has its own tests.
pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]
QUEUE = PUBLISH_QUEUES["TIKTOK"]
MB = 10**6
WORKER = "tests.workers.engine.stand_in"


@pytest.fixture
def config(config: Config) -> Config:
    """Settings for a worker with two upload slots."""
    return replace(config, worker_concurrency=2)


@pytest.fixture
def worker(config: Config, tmp_path: Path) -> Iterator[Process]:
    """A running worker; no scheduler, so that nothing else recovers lost runs."""
    with Process(WORKER, config, tmp_path / "worker.log") as process:
        wait_until(lambda: count_workers(utcnow())["TIKTOK"], "a worker")
        yield process


class Gate:
    """A named pipe: what opens it waits until the test has opened it too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: int | None = None
        os.mkfifo(path)

    @property
    def args(self) -> tuple[str, int]:
        """The arguments of `WAIT`."""
        return str(self._path), os.O_RDONLY

    def open(self) -> None:
        """Let everything go, now and later."""
        self._opened = os.open(self._path, os.O_RDWR)

    def close(self) -> None:
        """Close the pipe, if it was opened."""
        if self._opened is not None:
            os.close(self._opened)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What runs of `WAIT` wait at."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()


def put(redis: Redis, function: str, *args: object, queue: str = QUEUE) -> Run:
    """Queue a run of a function."""
    run = new_run(redis, function, args, queue, "a test")  # type: ignore[arg-type]
    run.save()
    RunQueue(queue, redis).push_job_id(run.id)
    return run


def started(redis: Redis, queue: str = QUEUE) -> int:
    """Count the started runs."""
    return int(redis.zcard(RunQueue(queue, redis).started_key))


def nothing_left(redis: Redis) -> bool:
    """Tell whether every run of the queue has been executed."""
    queue = RunQueue(QUEUE, redis)
    return not queue.count and not started(redis) and not list(redis.scan_iter("rq:job:*"))


def test_run_is_gone_when_it_is_done(redis: Redis, worker: Process) -> None:
    put(redis, SLEEP, 0)
    wait_until(lambda: nothing_left(redis), "the run")


def test_run_that_fails_is_kept_with_why(redis: Redis, worker: Process) -> None:
    run = put(redis, FAIL, -1)
    registry = RunQueue(QUEUE, redis).failed_job_registry
    assert wait_until(lambda: registry.get_job_ids(), "the failure") == [run.id]
    result = Run.fetch(run.id, connection=redis).latest_result()
    assert result is not None and "ValueError: " in str(result.exc_string)
    assert f"{run.id} failed: ValueError: " in worker.log.read_text()


def test_as_many_runs_as_there_are_slots_are_at_work(
    redis: Redis, worker: Process, gate: Gate
) -> None:
    for _ in range(4):
        put(redis, WAIT, *gate.args)
    wait_until(lambda: started(redis) == 2, "two at work")
    assert RunQueue(QUEUE, redis).count == 2
    gate.open()
    wait_until(lambda: nothing_left(redis), "all of them")


def test_queue_whose_runs_hang_holds_up_no_other(redis: Redis, worker: Process, gate: Gate) -> None:
    for _ in range(4):
        put(redis, WAIT, *gate.args)
    wait_until(lambda: started(redis) == 2, "the slots to be taken")
    other = PUBLISH_QUEUES["YOUTUBE"]
    run = put(redis, SLEEP, 0, queue=other)
    wait_until(lambda: not Run.exists(run.id, redis), "the other queue's run")
    assert started(redis) == 2


def test_background_runs_that_hang_hold_up_neither_maintenance_nor_consents(
    redis: Redis, worker: Process, gate: Gate
) -> None:
    for _ in range(3):
        put(redis, WAIT, *gate.args, queue=BACKGROUND_QUEUE)
    wait_until(
        lambda: started(redis, BACKGROUND_QUEUE) == BACKGROUND_RUNS,
        "the background slots to be taken",
    )
    hanging = put(redis, WAIT, *gate.args, queue=CONNECT_QUEUE)
    wait_until(lambda: started(redis, CONNECT_QUEUE) == 1, "a consent at work")
    run = put(redis, SLEEP, 0, queue=MAINTENANCE_QUEUE)
    wait_until(lambda: not Run.exists(run.id, redis), "the run of maintenance")
    assert started(redis, BACKGROUND_QUEUE) == BACKGROUND_RUNS and Run.exists(hanging.id, redis)


def test_killed_worker_loses_no_run(redis: Redis, worker: Process, gate: Gate) -> None:
    """The next worker puts back what it had popped, and executes it."""
    runs = [put(redis, WAIT, *gate.args) for _ in range(5)]
    wait_until(lambda: started(redis) == 2, "two at work")
    worker.kill()
    names = redis.smembers("rq:workers")
    redis.delete(*names)  # as if they had expired
    assert all(Run.exists(run.id, redis) for run in runs)
    gate.open()
    worker.start()
    wait_until(lambda: nothing_left(redis), "all of them")


def test_dead_worker_of_other_queues_is_cleared_away_too(
    config: Config, redis: Redis, worker: Process, gate: Gate, tmp_path: Path
) -> None:
    """Otherwise its in-flight runs would wait for a worker of that platform, and it stay listed."""
    other = PUBLISH_QUEUES["YOUTUBE"]
    youtube, tiktok = ({"WORKER_PLATFORMS": name} for name in ("YOUTUBE", "TIKTOK"))
    with Process(WORKER, config, tmp_path / "other.log", **youtube) as dead:
        wait_until(lambda: count_workers(utcnow())["YOUTUBE"] == 2, "the other worker")
        put(redis, WAIT, *gate.args, queue=other)
        wait_until(lambda: started(redis, other) == 1, "its work")
        dead.kill()
    worker.kill()
    redis.delete(*redis.smembers("rq:workers"))  # as if they had expired
    with Process(WORKER, config, tmp_path / "third.log", **tiktok):
        wait_until(lambda: RunQueue(other, redis).count == 1, "its run to be put back")
        assert started(redis, other) == 0


def test_memory_of_large_runs_is_given_back_and_no_run_is_lost(
    redis: Redis, worker: Process
) -> None:
    """A child that has grown ends after its run, and gets no other run on its way out."""
    for _ in range(12):
        put(redis, GROW, 100 * MB)
        put(redis, SLEEP, 0)
    wait_until(lambda: nothing_left(redis), "all of them")
    assert RunQueue(QUEUE, redis).failed_job_registry.get_job_ids() == []

    def grown() -> list[int]:
        children = psutil.Process(worker.pid).children()
        return [child.pid for child in children if child.memory_info().rss > 150 * MB]

    wait_until(lambda: not grown(), "the children to be small")


def test_run_that_kills_its_child_takes_no_other_with_it(
    redis: Redis, worker: Process, gate: Gate
) -> None:
    put(redis, WAIT, *gate.args)
    wait_until(lambda: started(redis) == 1, "one at work")
    crash = put(redis, CRASH)
    registry = RunQueue(QUEUE, redis).failed_job_registry
    assert wait_until(lambda: registry.get_job_ids(), "the crash") == [crash.id]
    assert started(redis) == 1
    redis.delete(Run.key_for(crash.id))
    gate.open()
    wait_until(lambda: nothing_left(redis), "the other run's own end")


def test_runs_that_come_after_an_outage_of_redis_are_taken(
    redis: Redis, redis_server: RedisServer, worker: Process
) -> None:
    put(redis, SLEEP, 1)
    redis_server.kill()
    redis_server.start()
    run = put(redis, SLEEP, 0)
    wait_until(lambda: not Run.exists(run.id, redis), "the run after the outage")


def test_told_to_stop_it_settles_what_ends_and_takes_no_more(
    redis: Redis, worker: Process, gate: Gate
) -> None:
    for _ in range(3):
        put(redis, WAIT, *gate.args)
    wait_until(lambda: started(redis) == 2, "two at work")
    wait_until(lambda: len(worker.children()) > 2, "an idle child")
    worker.tell_to_stop()
    wait_until(lambda: len(worker.children()) == 2, "the end of the idle child")
    gate.open()
    assert worker.wait() == 0
    assert (started(redis), RunQueue(QUEUE, redis).count) == (0, 1)
    assert redis.smembers("rq:workers") == set()


def test_worker_ends_in_time_while_redis_hangs(
    redis: Redis, redis_server: RedisServer, config: Config, gate: Gate, tmp_path: Path
) -> None:
    """Counted from SIGTERM, which comes while it waits for Redis: the platforms kill 30 s later."""
    with Process("tests.workers.engine.hasty", config, tmp_path / "hasty.log") as process:
        runs = [put(redis, WAIT, *gate.args) for _ in range(2)]
        wait_until(lambda: started(redis) == len(runs), "two at work")
        frozen, *_ = process.children()
        os.kill(frozen, signal.SIGSTOP)
        os.kill(redis_server.pid, signal.SIGSTOP)
        try:
            gate.open()
            time.sleep(0.5)  # until it has begun to tell Redis that a run has ended
            began = time.monotonic()
            assert process.terminate() == 0
            took = time.monotonic() - began
        finally:
            os.kill(redis_server.pid, signal.SIGCONT)
    assert took < GRACE_SECONDS + CLOSING_SECONDS + 1.0


def test_idle_worker_asks_redis_next_to_nothing(redis: Redis, worker: Process) -> None:
    """Its pops are pending, and heartbeats go to the database."""
    put(redis, SLEEP, 0)
    wait_until(lambda: nothing_left(redis), "a run, after which it is idle")
    wait_until_quiet(redis)
    time.sleep(12)
    counted = commands(redis)
    assert sum(counted.values()) <= 1, counted


def test_few_commands_carry_out_a_run(app: Flask, redis: Redis, worker: Process) -> None:
    """All commands count, those inside scripts too: RQ's own worker sends about sixty."""
    count = 20
    redis.config_resetstat()
    for number in range(count):
        wake([Wake(f"{number:026}", "TIKTOK", utcnow(), 1)])
    wait_until(lambda: not redis.keys("rq:job:*"), "all of them")
    ours = ("keys", "hello", "client", "select", "command", "ping")
    sent = {name: calls for name, calls in commands(redis).items() if not name.startswith(ours)}
    assert sum(sent.values()) <= 15 * count, sent


def test_child_that_is_told_to_stop_alone_is_replaced(
    redis: Redis, worker: Process, gate: Gate
) -> None:
    """By its pid, by whoever took it for the one that hangs: it must swallow no run."""
    busy = put(redis, WAIT, *gate.args)
    wait_until(lambda: started(redis) == 1, "one at work")
    for child in psutil.Process(worker.pid).children():
        child.terminate()
    runs = [busy, *(put(redis, SLEEP, 0) for _ in range(5))]
    gate.open()
    wait_until(lambda: nothing_left(redis), "all runs")
    assert not RunQueue(QUEUE, redis).failed_job_registry.get_job_ids(), runs
    alive = psutil.Process(worker.pid).children()
    for child in alive:
        child.terminate()
    psutil.wait_procs(alive, timeout=30)
    wait_until(lambda: psutil.Process(worker.pid).children(), "another child")


def test_run_that_a_newborn_child_was_stopped_before_reading_goes_to_another(
    redis: Redis, worker: Process
) -> None:
    family = psutil.Process(worker.pid)

    def put_unread() -> Run | None:
        for child in family.children():
            child.suspend()
        run = put(redis, SLEEP, 0)
        wait_until(lambda: not Run.exists(run.id, redis) or started(redis), "its start")
        are_suspended = [one.status() == psutil.STATUS_STOPPED for one in family.children()]
        # None: a child that was forked meanwhile executes it.
        return run if all(are_suspended) and Run.exists(run.id, redis) else None

    run = wait_until(put_unread, "a run with a child that cannot read it")
    for child in family.children():
        child.terminate()
        child.resume()
    wait_until(lambda: not started(redis), "the run")
    assert not Run.exists(run.id, redis)


def test_worker_ends_also_where_an_idle_child_cannot(worker: Process) -> None:
    """Whatever blocks the exit of an idle child must not block a deploy."""
    children = psutil.Process(worker.pid).children()
    assert children
    for child in children:
        child.suspend()
    assert worker.terminate() == 0
