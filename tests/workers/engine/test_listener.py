"""A worker's pending pop, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.processes import wait_until
from workers.engine.listener import Listener

QUEUE, HAND = "rq:queue:listened", "rq:hand:listened"


@pytest.fixture
def listener(redis: Redis) -> Iterator[Listener]:
    """One that listens."""
    listener = Listener(redis, QUEUE, HAND)
    listener.listen()
    yield listener
    listener.close()


def test_what_comes_is_told_once_and_lies_in_the_hand_list(
    redis: Redis, listener: Listener
) -> None:
    redis.rpush(QUEUE, "a-run")
    wait_until(lambda: redis.llen(HAND), "the pop")
    assert listener.read() == "a-run"
    assert not listener.is_listening
    assert redis.lrange(HAND, 0, -1) == [b"a-run"]


def test_one_that_was_closed_since_its_socket_spoke_has_nothing_to_say(
    redis: Redis, listener: Listener
) -> None:
    """As when Redis ends: all sockets speak at once, and the first to be heard closes all."""
    redis.rpush(QUEUE, "a-run")
    wait_until(lambda: redis.llen(HAND), "the pop")
    listener.close()
    assert listener.read() is None
    assert redis.lrange(HAND, 0, -1) == [b"a-run"]
