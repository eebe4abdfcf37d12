"""Thousands of listeners on one web process: their memory, and the delay of events."""

from __future__ import annotations

import random
import resource
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

from sqlalchemy import update

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import PublishJob
from app.publishing.create import create_jobs
from app.states import JobState
from bench.bench import Bench
from bench.figures import OURS, Figure, Goal, percentile
from bench.posts import USER, make_accounts, new_job, probed_video
from bench.processes import Tree
from bench.stage import API_KEY as KEY

SINGLE_CHANGES = 50
ROUNDS = 5
SINGLE_PAUSE_SECONDS = 0.15
PATIENCE_SECONDS = 120.0
#: Fewer than a user may have.
LISTENERS_PER_USER = 50
MB = 10**6


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the memory of the listeners, and the delay of events."""
    count = bench.size.listeners
    with bench.stage() as stage:
        users = _make_jobs(count)
        with stage.web(1) as (tree, url):
            yield from _measure(int(url.rpartition(":")[2]), tree, users)


def _measure(port: int, tree: Tree, users: dict[str, str]) -> Iterator[Figure]:
    job_ids = list(users)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * len(job_ids) + 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))
    with ExitStack() as stack:
        one = dict([*users.items()][:1])
        stack.enter_context(closing(_Crowd(port, one))).wait_for(1)  # warm-up
        before = tree.memory_bytes()
        crowd = stack.enter_context(closing(_Crowd(port, users)))
        crowd.wait_for(len(job_ids))
        listening = tree.memory_bytes()
        late = _single_changes(crowd, job_ids)
        rounds = [_change_all(crowd, job_ids, number) for number in range(ROUNDS)]
        after = tree.memory_bytes()
    many = f"{len(job_ids):,} listeners"

    def figure(name: str, unit: str, *values: float, goals: tuple[Goal, ...] = ()) -> Figure:
        return Figure(f"{many}: {name}", unit, {OURS: values}, goals)

    yield figure("memory of one web process", "MB", (listening - before) / MB)
    yield figure(f"memory growth after {ROUNDS} changes each", "MB", (after - listening) / MB)
    yield figure("a change arrives after, p50", "s", percentile(late, 0.5))
    yield figure("a change arrives after, p99", "s", percentile(late, 0.99), goals=(Goal(1),))
    yield figure("all change at once, the last event arrives after", "s", *rounds)


def _single_changes(crowd: _Crowd, job_ids: list[str]) -> list[float]:
    late = []
    for job_id in random.Random(1).sample(job_ids, SINGLE_CHANGES):
        changed_at = _change([job_id], 40)
        late.append(crowd.received_at(job_id, changed_at) - changed_at)
        time.sleep(random.uniform(0, SINGLE_PAUSE_SECONDS))
    return late


def _change_all(crowd: _Crowd, job_ids: list[str], number: int) -> float:
    changed_at = _change(job_ids, 50 + number)
    return max(crowd.received_at(job_id, changed_at) for job_id in job_ids) - changed_at


def _change(job_ids: list[str], progress: int) -> float:
    with transaction() as session:
        session.execute(
            update(PublishJob)
            .where(PublishJob.id.in_(job_ids))
            .values(state=JobState.ACTIVE, progress=progress)
        )
    return time.monotonic()


class _Crowd:
    """A listener per job, of its user; a thread records when each last received an event."""

    def __init__(self, port: int, users: dict[str, str]) -> None:
        self._received: dict[str, float] = {}
        self._changed = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._sockets = [self._join(port, *each) for each in users.items()]

    def _join(self, port: int, job_id: str, user: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        lines = (
            f"GET /api/publish/{job_id}/events HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {KEY}",
            f"X-User-Id: {user}",
        )
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, job_id)
        return connection

    def wait_for(self, count: int) -> None:
        """Wait until `count` listeners have received an event."""
        self._until(lambda: len(self._received) >= count)

    def received_at(self, job_id: str, after: float) -> float:
        """Wait for a job's next event after a time; return when it arrived."""
        self._until(lambda: self._received[job_id] > after)
        return self._received[job_id]

    def _until(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(is_so, PATIENCE_SECONDS):
                raise RuntimeError("the listeners got no event in time")

    def _read(self) -> None:
        while not self._done.is_set():
            for key, _ in self._selector.select(0.05):
                words = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not words:
                    raise RuntimeError("a listener was hung up on")
                if b"event: status" in words:
                    with self._changed:
                        self._received[key.data] = time.monotonic()
                        self._changed.notify_all()

    def close(self) -> None:
        """Close every connection."""
        self._done.set()
        self._thread.join()
        for connection in self._sockets:
            connection.close()


def _make_jobs(count: int) -> dict[str, str]:
    """Return the ids of new jobs, with their users."""
    [account_id], video_id, now = make_accounts(None, 1), probed_video(), utcnow()
    job = new_job(account_id, video_id, now)
    users = [f"{USER}-{number // LISTENERS_PER_USER}" for number in range(count)]
    jobs = create_jobs([replace(job, user_id=user) for user in users], now)
    return {job.id: user for job, user in zip(jobs, users, strict=True)}
