"""A worker's entry in RQ's lists, on a real Redis."""

from __future__ import annotations

import pytest
from redis import Redis
from rq.worker import BaseWorker
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from app.queues import PUBLISH_QUEUES, RunQueue
from workers.engine.registration import HEARTBEAT_SECONDS, Registration

QUEUE = PUBLISH_QUEUES["TIKTOK"]


@pytest.fixture
def registration(redis: Redis) -> Registration:
    """The registration of a worker that RQ does not know yet."""
    queues = [RunQueue(QUEUE, redis)]
    worker = BaseWorker(queues, name="a-worker", connection=redis)
    return Registration(worker, queues, lambda: ())


def known(redis: Redis) -> list[bytes]:
    """Return the workers of a queue that RQ takes for alive."""
    return [key for key in redis.smembers(WORKERS_BY_QUEUE_KEY % QUEUE) if redis.exists(key)]


def test_worker_is_known_from_the_first_turn_on(redis: Redis, registration: Registration) -> None:
    registration.renew()
    assert known(redis) == [b"rq:worker:a-worker"]


def test_redis_emptied_before_anything_listens_is_found_out_in_the_next_turn(
    redis: Redis, registration: Registration
) -> None:
    """No pending pop would notice it yet, and the pool silently reopens lost connections."""
    registration.renew()
    redis.flushall()
    assert registration.seconds() <= 0
    registration.renew()
    assert known(redis) == [b"rq:worker:a-worker"]


def test_sign_of_life_is_given_seldom(redis: Redis, registration: Registration) -> None:
    registration.renew()
    registration.renew()
    assert HEARTBEAT_SECONDS - 60 < registration.seconds() <= HEARTBEAT_SECONDS
