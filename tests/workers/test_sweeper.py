"""Redis is disposable: what it lost is put back from the rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.models import PublishJob
from app.publishing import outcomes
from app.publishing.claims import claim_next
from app.queues import HORIZON, MAINTENANCE_QUEUE, PUBLISH_QUEUES, PostScheduler, RunQueue
from sandbox.development.redis_server import RedisServer
from tests.factories import make_job
from workers.scheduling.periodic import WAITING_MAX, queue_periodic
from workers.scheduling.sweeper import FETCH_EVERY, GRACE, Sweeper

pytestmark = pytest.mark.usefixtures("context")
QUEUE = PUBLISH_QUEUES["TIKTOK"]


@pytest.fixture
def config(config: Config) -> Config:
    """Settings with a receiver that nothing is sent to here."""
    return replace(
        config, webhook_url="http://127.0.0.1:9/hook", webhook_secrets=("whsec_c2VjcmV0",)
    )


def sweep(after: timedelta = 2 * GRACE) -> None:
    """Sweep and queue periodic work as a scheduler just started, a moment from now."""
    Sweeper().sweep(utcnow() + after)
    queue_periodic(utcnow() + after)


def queued(redis: Redis, name: str = QUEUE) -> int:
    """Count the runs on a queue."""
    return RunQueue(name, redis).count


def end_lease(job: PublishJob) -> None:
    """End a lost worker's lease."""
    db.session.get_one(PublishJob, job.id, populate_existing=True).due_at = utcnow()
    db.session.commit()


def delayed(redis: Redis) -> int:
    """Count the delayed runs."""
    return int(redis.zcard(PostScheduler(QUEUE, redis).scheduled_jobs_key))


def test_rows_without_a_wake_up_get_one(redis: Redis) -> None:
    for _ in range(3):
        make_job()
    redis.delete(RunQueue(QUEUE, redis).key)
    sweep()
    assert queued(redis) == 3
    sweep()
    assert queued(redis) == 3


def test_rows_in_a_workers_hands_are_left_alone(redis: Redis) -> None:
    job = make_job()
    claim_next("TIKTOK", utcnow())
    redis.delete(RunQueue(QUEUE, redis).key)
    sweep()
    assert queued(redis) == 0
    end_lease(job)
    sweep()
    assert queued(redis) == 1


def test_delayed_rows_are_put_back_after_redis_lost_its_memory(redis: Redis) -> None:
    for _ in range(3):
        make_job(due_at=utcnow() + HORIZON / 2)
    sweep()
    redis.flushall()
    sweep()
    assert delayed(redis) == 3
    sweep()
    assert delayed(redis) == 3


def test_loss_of_redis_is_noticed_by_a_scheduler_that_runs(redis: Redis) -> None:
    make_job(due_at=utcnow() + HORIZON / 2)
    sweeper = Sweeper(memory_check_seconds=0.0)
    sweeper.sweep(utcnow())
    redis.flushall()
    sweeper.sweep(utcnow())
    assert delayed(redis) == 1


def test_row_beyond_the_horizon_is_fetched_when_it_comes_near(redis: Redis) -> None:
    """Until then it costs Redis nothing, and it is there long before it is due."""
    due_at = utcnow() + 3 * HORIZON
    for _ in range(3):
        make_job(due_at=due_at)
    sweeper = Sweeper()
    now = utcnow()
    while now < due_at - HORIZON / 2:
        sweeper.sweep(now)
        assert delayed(redis) == 0 or now > due_at - HORIZON - FETCH_EVERY
        now += FETCH_EVERY / 2
    assert delayed(redis) == 3


def test_many_rows_due_at_one_instant_are_all_fetched(redis: Redis) -> None:
    due_at = utcnow() + HORIZON / 2
    for _ in range(7):
        make_job(due_at=due_at)
    redis.flushall()
    Sweeper(page=3).sweep(utcnow())
    assert delayed(redis) == 7


def test_post_accepted_while_redis_was_away_is_found(
    redis: Redis, redis_server: RedisServer
) -> None:
    redis_server.kill()
    try:
        make_job()
    finally:
        redis_server.start()
    sweep()
    assert queued(redis) == 1


def test_rows_that_redis_refused_are_put_into_it_later(redis: Redis) -> None:
    make_job(due_at=utcnow() + HORIZON / 2)
    sweeper = Sweeper()
    sweeper.sweep(utcnow())
    redis.delete(PostScheduler(QUEUE, redis).scheduled_jobs_key)
    redis.config_set("maxmemory", 1)  # as when it is full, or no longer the primary
    try:
        sweeper.invalidate()
        sweeper.sweep(utcnow())
    finally:
        redis.config_set("maxmemory", 0)
    assert delayed(redis) == 0
    sweeper.sweep(utcnow())
    assert delayed(redis) == 1


def test_undelivered_notifications_wake_a_worker(redis: Redis) -> None:
    make_job()
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None
    outcomes.cancel(claim, utcnow())
    redis.flushall()
    sweep()
    assert queued(redis, MAINTENANCE_QUEUE) == 1


def test_maintenance_that_nobody_does_is_not_piled_up(redis: Redis) -> None:
    make_job()
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None
    outcomes.cancel(claim, utcnow())
    for _ in range(3 * WAITING_MAX):
        sweep()
    assert queued(redis, MAINTENANCE_QUEUE) == WAITING_MAX


def test_idle_service_without_a_receiver_wakes_nobody(app: Flask, redis: Redis) -> None:
    """Notifications then stay due for ever: queueing runs for them would cost commands."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], webhook_url="")
    make_job()
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None
    outcomes.cancel(claim, utcnow())
    redis.flushall()
    sweep()
    assert queued(redis, MAINTENANCE_QUEUE) == 0
