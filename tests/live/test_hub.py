"""The hub: what it sends, what it polls, and whom it drops."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from app.clock import utcnow
from app.live.hub import LISTENERS_PER_USER, Change, Event, Hub
from app.live.listener import UNSENT_MAX_BYTES
from tests.processes import wait_until


class Jobs:
    """Jobs that a test changes: what a hub looks at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.events: dict[str, Event] = {}
        self.looks = 0

    def tell(self, job_id: str, words: str, *, is_last: bool = False) -> None:
        with self.lock:
            self.events[job_id] = Event(words, f"{words}\n".encode(), is_last)

    def look(self, known: Mapping[str, Any]) -> Iterable[Change]:
        with self.lock:
            self.looks += 1
            events = dict(self.events)
        for job_id, mark in known.items():
            event = events.get(job_id)
            if event is None or event.id != mark:
                yield Change(job_id, event and event.id, event)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def hub(jobs: Jobs) -> Iterator[Hub]:
    hub = Hub(jobs.look, poll_seconds=0.02)
    yield hub
    hub.close()


@pytest.fixture
def beating_hub(jobs: Jobs) -> Iterator[Hub]:
    hub = Hub(jobs.look, poll_seconds=0.02, heartbeat_seconds=0.2)
    yield hub
    hub.close()


def listen(hub: Hub, job_id: str, seen: str = "", **options: Any) -> socket.socket:
    ours, theirs = socket.socketpair()
    hub.add(theirs, job_id, b"hello\n", seen, **{"user_id": "alice", **options})
    ours.settimeout(60)
    return ours


def test_each_change_is_told_once_until_the_last(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    with listen(hub, "a", seen="one") as listener, listener.makefile("rb") as lines:
        assert lines.readline() == b"hello\n"
        jobs.tell("a", "two")
        assert lines.readline() == b"two\n"
        jobs.tell("a", "three", is_last=True)
        assert list(lines) == [b"three\n"]
    wait_until(lambda: hub.count == 0, "the listener is let go")


def test_listeners_of_a_job_that_is_gone_are_let_go(hub: Hub, jobs: Jobs) -> None:
    with listen(hub, "nothing") as listener, listener.makefile("rb") as lines:
        assert list(lines) == [b"hello\n"]


def test_silence_is_broken_by_a_heartbeat(beating_hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    with listen(beating_hub, "a", seen="one") as listener, listener.makefile("rb") as lines:
        assert lines.readline() == b"hello\n"
        assert lines.readline().startswith(b":")


def test_nobody_listening_costs_no_look(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    with listen(hub, "a", seen="one"):
        wait_until(lambda: jobs.looks >= 3, "looks while somebody listens")
    wait_until(lambda: hub.count == 0, "the hub notices that nobody listens")
    asked = jobs.looks
    with listen(hub, "b"):  # let go at its first look, which is the only one
        wait_until(lambda: hub.count == 0, "the listener is let go")
    assert jobs.looks <= asked + 2


def test_one_look_serves_all_listeners(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    listeners = [listen(hub, "a", seen="one") for _ in range(50)]
    jobs.tell("a", "two", is_last=True)
    for listener in listeners:
        with listener, listener.makefile("rb") as lines:
            assert b"two\n" in list(lines)


def test_listener_that_does_not_read_is_let_go(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "0")
    with listen(hub, "a", seen="0"):
        for number in range(1, 10_000):
            jobs.tell("a", f"{number}" + "x" * UNSENT_MAX_BYTES)
            if hub.count == 0:
                break
            looks = jobs.looks
            wait_until(lambda seen=looks: jobs.looks > seen or hub.count == 0, "a look")
        assert hub.count == 0


def test_places_of_one_user_are_bounded(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    with ExitStack() as stack:
        for _ in range(LISTENERS_PER_USER):
            assert hub.has_room_for("mallory")
            stack.enter_context(listen(hub, "a", seen="one", user_id="mallory"))
        assert not hub.has_room_for("mallory")
        assert hub.has_room_for("alice")
    wait_until(lambda: hub.has_room_for("mallory"), "the places are free again")


def test_listener_is_let_go_at_the_end_of_its_time(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    until = utcnow().timestamp() + 0.3
    with listen(hub, "a", seen="one", until=until) as brief, listen(hub, "a", seen="one"):
        with brief.makefile("rb") as lines:
            assert list(lines) == [b"hello\n"]
        assert utcnow().timestamp() >= until
        wait_until(lambda: hub.count == 1, "the other stays")


def test_closing_hangs_up_on_everybody(hub: Hub, jobs: Jobs) -> None:
    jobs.tell("a", "one")
    with listen(hub, "a", seen="one") as listener, listener.makefile("rb") as lines:
        assert lines.readline() == b"hello\n"
        hub.close()
        assert list(lines) == []
        assert not hub.has_room()
