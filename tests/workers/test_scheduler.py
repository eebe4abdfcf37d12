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
from sqlalchemy import select

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.ids import new_id
from app.models import SchedulerTerm
from app.queues import HORIZON, PUBLISH_QUEUES, Deposed, PostScheduler, Run, RunQueue, Wake, wake
from app.queues.names import QUEUE_NAMES
from app.queues.scheduler import BELL_KEY, FENCE_KEY, Released
from sandbox.development.redis_server import RedisServer
from tests.databases import ON_POSTGRES
from tests.processes import Process, wait_until
from tests.redis_values import commands, wait_until_quiet
from workers.scheduling.leadership import TERM_SECONDS, Leadership

# One database: real processes take time, and what they do to rows has its own tests.
pytestmark = ON_POSTGRES

QUEUE = PUBLISH_QUEUES["TIKTOK"]


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """Make the application current."""
    with app.app_context():
        yield


def leader() -> str | None:
    """Return who leads, if somebody does; no transaction stays open, which SQLite would lock."""
    with transaction() as session:
        return session.scalar(select(SchedulerTerm.holder).where(SchedulerTerm.holder != ""))


@pytest.fixture
def scheduler(context: None, config: Config, tmp_path: Path) -> Iterator[Process]:
    """A running scheduler that leads."""
    with Process("workers.scheduler", config, tmp_path / "scheduler.log") as process:
        wait_until(leader, "a leader")
        yield process


def delay(seconds: float, count: int = 1) -> list[Wake]:
    """Schedule wake-ups for rows that need not exist: the scheduler never reads them.

    Where a test passes the time in, take a long one: what is due by the time that Redis hears of
    it goes straight onto the queue.
    """
    due_at = utcnow() + timedelta(seconds=seconds)
    wakes = [Wake(new_id(), "TIKTOK", due_at, 1) for _ in range(count)]
    assert wake(wakes)
    return wakes


def queued(redis: Redis) -> list[str]:
    """Return the ids on the queue, in order."""
    return RunQueue(QUEUE, redis).job_ids


@pytest.mark.usefixtures("scheduler")
def test_delayed_run_is_released_when_due_and_not_before(redis: Redis) -> None:
    [one] = delay(1.3)
    released_at = wait_until(lambda: queued(redis) and time.time(), "a released run")
    assert queued(redis) == [one.run_id]
    assert released_at >= one.due_at.timestamp()
    run = Run.fetch(one.run_id, connection=redis)
    assert run.get_status() == "queued"
    assert list(run.args) == ["TIKTOK", one.job_id]


@pytest.mark.usefixtures("scheduler")
def test_earlier_run_wakes_the_sleeping_scheduler(redis: Redis) -> None:
    delay(600)
    [soon] = delay(0.5)
    assert wait_until(lambda: queued(redis), "the earlier run") == [soon.run_id]


@pytest.mark.usefixtures("scheduler")
def test_runs_due_at_one_instant_are_each_released_once(redis: Redis) -> None:
    wakes = delay(1.0, count=2500)
    wait_until(lambda: len(queued(redis)) >= len(wakes), "all runs")
    ids = queued(redis)
    assert len(ids) == len(set(ids)) == len(wakes)
    assert redis.zcard(PostScheduler(QUEUE, redis).scheduled_jobs_key) == 0


def test_release_follows_due_order(context: None, redis: Redis) -> None:
    late, early, middle = (delay(seconds)[0] for seconds in (300, 100, 200))
    assert PostScheduler(QUEUE, redis).release(1, late.due_at) == Released(3, next_due=None)
    assert queued(redis) == [early.run_id, middle.run_id, late.run_id]


def test_release_tells_when_the_next_run_is_due(context: None, redis: Redis) -> None:
    soon, later = delay(100)[0], delay(200)[0]
    released = PostScheduler(QUEUE, redis).release(1, soon.due_at)
    assert released == Released(1, next_due=later.due_at.timestamp())


def test_release_leaves_no_half_of_a_run(context: None, redis: Redis) -> None:
    """A delayed run whose hash is gone, or lacks the call, would fail in a worker."""
    gone, half, whole = (delay(seconds)[0] for seconds in (100, 200, 300))
    redis.delete(Run.key_for(gone.run_id))
    redis.hdel(Run.key_for(half.run_id), "data")
    scheduler = PostScheduler(QUEUE, redis)
    assert scheduler.release(1, half.due_at) == Released(0, whole.due_at.timestamp())
    assert scheduler.release(1, whole.due_at) == Released(1, next_due=None)
    assert queued(redis) == [whole.run_id]
    assert redis.keys("rq:job:*") == [Run.key_for(whole.run_id).encode()]


def test_only_a_run_that_is_due_before_all_others_rings(context: None, redis: Redis) -> None:
    [first], [_], [earlier] = delay(60), delay(120), delay(30)
    rings = redis.lrange(BELL_KEY, 0, -1)
    assert rings == [f"{QUEUE} {one.due_at.timestamp()!r}".encode() for one in (first, earlier)]


def test_post_beyond_the_horizon_costs_redis_nothing(context: None, redis: Redis) -> None:
    delay(HORIZON.total_seconds() + 60, count=3)
    assert redis.dbsize() == 0


def test_scheduler_of_an_earlier_term_releases_nothing(context: None, redis: Redis) -> None:
    """It was paused, say, and resumes beside its successor."""
    first, second = delay(100)[0], delay(200)[0]
    scheduler = PostScheduler(QUEUE, redis)
    assert scheduler.release(8, first.due_at).count == 1
    with pytest.raises(Deposed):
        scheduler.release(7, second.due_at)
    assert queued(redis) == [first.run_id]


def test_leader_below_the_term_that_redis_remembers_takes_a_higher_one(
    context: None, config: Config, redis: Redis, tmp_path: Path
) -> None:
    """The database was restored, or failed over, and has lost the term that Redis has seen."""
    redis.set(FENCE_KEY, int(time.time()) + 3600)
    with Process("workers.scheduler", config, tmp_path / "scheduler.log"):
        wait_until(leader, "a leader")
        [wake] = delay(1.0)
        wait_until(lambda: queued(redis), "the release")
    assert queued(redis) == [wake.run_id]


def test_leader_that_resigned_is_followed_at_once(app: Flask) -> None:
    first, second = Leadership(app), Leadership(app)
    assert [one.renew() for one in (first, second)] == [True, False]
    second.resign()  # not its leadership to give away
    assert not second.renew()
    first.resign()
    assert second.renew()
    assert first.term is None and second.term is not None


def test_leader_that_gives_no_sign_of_life_is_followed(app: Flask) -> None:
    first, second = Leadership(app), Leadership(app)
    assert first.renew()
    begun = time.monotonic()
    number = first.term
    wait_until(second.renew, "the other one to take over")
    assert time.monotonic() - begun >= TERM_SECONDS
    assert first.term is None, "it knows by its own clock that its term is over"
    assert second.term is not None and number is not None and second.term > number
    assert not first.renew()


def test_leader_that_gives_signs_of_life_stays(app: Flask) -> None:
    first, second = Leadership(app), Leadership(app)
    begun = time.monotonic()
    while time.monotonic() - begun < TERM_SECONDS + 1:
        assert first.renew()
        assert not second.renew()
        time.sleep(0.2)


def test_replaced_run_is_forgotten(context: None, redis: Redis) -> None:
    [one] = delay(600)
    due_at = utcnow() + timedelta(seconds=1200)
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
        leading, standby = (Process("workers.scheduler", config, tmp_path / name) for name in "ab")
        stack.enter_context(leading)
        old = wait_until(leader, "a leader")
        stack.enter_context(standby)
        wait_until(lambda: "stands by" in standby.log.read_text(), "the standby at its post")
        delay(20)
        leading.signal(end)
        [soon] = delay(0.5)
        wait_until(lambda: leader() not in (None, old), "another leader")
        assert wait_until(lambda: queued(redis), "the run") == [soon.run_id]


@pytest.mark.usefixtures("context")
def test_scheduler_killed_amid_a_release_loses_and_doubles_nothing(
    config: Config, redis: Redis, scheduler: Process
) -> None:
    wakes = delay(3.0, count=20_000)
    wait_until(lambda: redis.llen(RunQueue(QUEUE, redis).key), "the release to begin")
    scheduler.kill()
    scheduler.start()
    wait_until(lambda: len(queued(redis)) >= len(wakes), "all runs")
    assert sorted(queued(redis)) == sorted(one.run_id for one in wakes)


def test_scheduler_survives_redis_losing_its_memory(redis: Redis, scheduler: Process) -> None:
    redis.flushall()
    [one] = delay(0.3)
    assert wait_until(lambda: queued(redis), "the run") == [one.run_id]
    assert scheduler.terminate() == 0


def test_told_to_stop_while_redis_is_away_it_ends_in_order(
    scheduler: Process, redis_server: RedisServer
) -> None:
    redis_server.kill()
    try:
        wait_until(lambda: "does not respond" in scheduler.log.read_text(), "the outage")
        assert scheduler.terminate() == 0
    finally:
        redis_server.start()
    assert "Traceback" not in scheduler.log.read_text()


def test_idle_scheduler_asks_redis_nothing(redis: Redis, scheduler: Process) -> None:
    """Serverless Redis is billed by the command."""
    wait_until_quiet(redis)  # it has checked every queue and listens to the bell
    time.sleep(12)  # two sweeps and six renewals
    counted = commands(redis)
    # The hourly trim of what RQ keeps may fall into it: two lists for each queue.
    hourly = counted.pop("zrange", 0)
    assert hourly in (0, 2 * len(QUEUE_NAMES)), hourly
    assert sum(counted.values()) <= 1, counted
