"""The scheduler process: on time, never early, one leader, nothing released twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.ids import new_id
from app.queues import PUBLISH_QUEUES, QUEUE_NAMES, PostScheduler, Run, RunQueue, Wake, wake
from app.queues.scheduler import LEADER_KEY
from sandbox.redis_server import RedisServer
from tests.processes import Process, wait_until
from workers.leadership import Leadership, Turn

QUEUE = PUBLISH_QUEUES["TIKTOK"]


@pytest.fixture
def database_url(sqlite_template: Path) -> str:
    """One database will do: the scheduler's work is on Redis."""
    return f"sqlite:///{sqlite_template}"


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """Make the application current."""
    with app.app_context():
        yield


@pytest.fixture
def scheduler(config: Config, redis: Redis, tmp_path: Path) -> Iterator[Process]:
    """A running scheduler that leads."""
    with Process("workers.scheduler", config, tmp_path / "scheduler.log") as process:
        wait_until(lambda: redis.get(LEADER_KEY), "a leader")
        yield process


def delay(seconds: float, count: int = 1) -> list[Wake]:
    """Schedule wake-ups for rows that need not exist: the scheduler never looks at them."""
    due_at = utcnow() + timedelta(seconds=seconds)
    wakes = [Wake(new_id(), "TIKTOK", due_at, 1) for _ in range(count)]
    assert wake(wakes)
    return wakes


def leadership(redis: Redis) -> Leadership:
    """Return a process's claim to lead."""
    return Leadership(redis, [PostScheduler(name, redis) for name in QUEUE_NAMES])


def queued(redis: Redis) -> list[str]:
    """Return the ids on the queue, in order."""
    return RunQueue(QUEUE, redis).job_ids


@pytest.mark.usefixtures("context", "scheduler")
def test_delayed_run_is_released_when_due_and_not_before(redis: Redis) -> None:
    [one] = delay(1.3)
    released_at = wait_until(lambda: queued(redis) and time.time(), "a released run")
    assert released_at >= one.due_at.timestamp()
    run = Run.fetch(one.run_id, connection=redis)
    assert run.get_status() == "queued"
    assert list(run.args) == ["TIKTOK", one.job_id]


@pytest.mark.usefixtures("context", "scheduler")
def test_earlier_run_wakes_the_sleeping_scheduler(redis: Redis) -> None:
    delay(3600)
    [soon] = delay(0.5)
    assert wait_until(lambda: queued(redis), "the earlier run") == [soon.run_id]


@pytest.mark.usefixtures("context", "scheduler")
def test_runs_due_at_one_instant_are_each_released_once(redis: Redis) -> None:
    wakes = delay(1.0, count=2500)
    wait_until(lambda: len(queued(redis)) >= len(wakes), "all runs")
    ids = queued(redis)
    assert len(ids) == len(set(ids)) == len(wakes)
    assert redis.zcard(PostScheduler(QUEUE, redis).scheduled_jobs_key) == 0


def test_release_follows_due_order(context: None, redis: Redis) -> None:
    late, early, middle = (delay(seconds)[0] for seconds in (0.3, 0.1, 0.2))
    assert leadership(redis).take_turn(late.due_at) == Turn(leads=True, next_due=None)
    assert queued(redis) == [early.run_id, middle.run_id, late.run_id]


def test_turn_tells_when_the_next_run_is_due(context: None, redis: Redis) -> None:
    soon, later = delay(0.1)[0], delay(60)[0]
    turn = leadership(redis).take_turn(soon.due_at)
    assert turn.next_due == later.due_at.timestamp()


def test_scheduler_that_does_not_lead_releases_nothing(context: None, redis: Redis) -> None:
    [one] = delay(0.1)
    redis.set(LEADER_KEY, "somebody else")
    assert leadership(redis).take_turn(one.due_at) == Turn(leads=False, next_due=None)
    assert queued(redis) == []


def test_leader_that_resigned_is_followed_at_once(context: None, redis: Redis) -> None:
    first, second = leadership(redis), leadership(redis)
    now = utcnow()
    assert [one.take_turn(now).leads for one in (first, second)] == [True, False]
    second.resign()  # not its office to give away
    assert not second.take_turn(now).leads
    first.resign()
    assert second.take_turn(now).leads


def test_replaced_run_is_forgotten(context: None, redis: Redis) -> None:
    [one] = delay(3600)
    due_at = utcnow() + timedelta(seconds=7200)
    wake([replace(one, due_at=due_at, number=2, replaces=1)])
    scheduler = PostScheduler(QUEUE, redis)
    assert one.run_id not in scheduler
    assert scheduler.count() == 1
    assert redis.zrange(scheduler.scheduled_jobs_key, 0, -1) == [f"{one.job_id}-2".encode()]
    assert not Run.exists(one.run_id, redis)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_standby_takes_over(
    config: Config, redis: Redis, tmp_path: Path, end: signal.Signals
) -> None:
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(Process("workers.scheduler", config, tmp_path / f"{number}.log"))
            for number in (1, 2)
        )
        wait_until(lambda: redis.get(LEADER_KEY), "a leader")
        old = redis.get(LEADER_KEY)
        leads = [
            process
            for process in (first, second)
            if "leads now" in wait_until(lambda: "".join(_logs(first, second)), "a log")
            and "leads now" in process.log.read_text()
        ]
        assert len(leads) == 1
        leads[0].signal(end)
        delay(0.5)
        wait_until(lambda: redis.get(LEADER_KEY) not in (None, old), "another leader")
        assert len(wait_until(lambda: queued(redis), "the run")) == 1


@pytest.mark.usefixtures("context")
def test_scheduler_survives_redis_losing_its_memory(redis: Redis, scheduler: Process) -> None:
    redis.flushall()
    wait_until(lambda: redis.get(LEADER_KEY), "a leader again")
    [one] = delay(0.3)
    assert wait_until(lambda: queued(redis), "the run") == [one.run_id]
    assert scheduler.terminate() == 0


def test_told_to_stop_while_redis_is_away_it_ends_in_order(
    scheduler: Process, redis_server: RedisServer
) -> None:
    redis_server.kill()
    try:
        wait_until(lambda: "does not answer" in scheduler.log.read_text(), "the outage")
        assert scheduler.terminate() == 0
    finally:
        redis_server.start()
    assert "Traceback" not in scheduler.log.read_text()


def _logs(*processes: Process) -> list[str]:
    return [process.log.read_text() for process in processes]
