"""A worker's pending pop, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.processes import wait_until
from workers.engine.listener import Listener

QUEUE, IN_FLIGHT = "rq:queue:listened", "rq:in-flight:listened"


@pytest.fixture
def listener(redis: Redis) -> Iterator[Listener]:
    """A listener with a pending pop."""
    listener = Listener(redis, QUEUE, IN_FLIGHT)
    listener.listen()
    yield listener
    listener.close()


def test_popped_run_is_returned_once_and_is_on_the_in_flight_list(
    redis: Redis, listener: Listener
) -> None:
    redis.rpush(QUEUE, "a-run")
    wait_until(lambda: redis.llen(IN_FLIGHT), "the pop")
    assert listener.read() == "a-run"
    assert not listener.is_listening
    assert redis.lrange(IN_FLIGHT, 0, -1) == [b"a-run"]


def test_one_that_was_closed_since_its_socket_spoke_has_nothing_to_say(
    redis: Redis, listener: Listener
) -> None:
    """As when Redis dies: all sockets become readable, and the first one read closes all others."""
    redis.rpush(QUEUE, "a-run")
    wait_until(lambda: redis.llen(IN_FLIGHT), "the pop")
    listener.close()
    assert listener.read() is None
    assert redis.lrange(IN_FLIGHT, 0, -1) == [b"a-run"]
