"""Thousands of listeners on one web process: their memory, and how late they are told."""

from __future__ import annotations

import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import flask_migrate
from sqlalchemy import update

from app import create_base
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.ids import new_id
from app.models import Account, PublishJob, Video
from app.publishing.create import NewJob, create_jobs
from app.publishing.transaction import transaction
from app.states import JobState, VideoState
from bench.figures import Figure, percentile
from bench.processes import private_bytes
from tests.services import PostgresServer

ROOT = Path(__file__).resolve().parent.parent
LISTENERS = 2_000
FILES_WANTED = 2 * LISTENERS + 256
SINGLE_CHANGES = 50
ROUNDS = 5
SINGLE_PAUSE_SECONDS = 0.15
PATIENCE_SECONDS = 120.0
USER = "bench"
KEY = "bench-key"
MB = 10**6


def measure_listeners(config: Config) -> list[Figure]:
    """Return the figures, with the given settings but for the database."""
    server = PostgresServer()
    url = server.create_database("listeners").replace("postgresql://", "postgresql+psycopg://")
    config = replace(config, database_url=url, api_keys=(KEY,), port=_free_port())
    app = create_base(config)
    try:
        with app.app_context():
            flask_migrate.upgrade(str(ROOT / "migrations"))
            job_ids = _make_jobs()
            with _web(config) as pid:
                figures = _measure(config.port, pid, job_ids)
            db.engine.dispose()
    finally:
        server.remove()
    return figures


def _measure(port: int, pid: int, job_ids: list[str]) -> list[Figure]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_WANTED, most), most))
    with ExitStack() as stack:
        stack.enter_context(closing(_Crowd(port, job_ids[:1]))).wait_for(1)  # all is loaded
        before = private_bytes(pid)
        crowd = stack.enter_context(closing(_Crowd(port, job_ids)))
        crowd.wait_for(LISTENERS)
        listening = private_bytes(pid)
        late = _single_changes(crowd, job_ids)
        rounds = [_change_all(crowd, job_ids, number) for number in range(ROUNDS)]
        after = private_bytes(pid)
    many = f"{LISTENERS:,} listeners"
    return [
        Figure(f"{many} on one web process: memory", "MB", ((listening - before) / MB,)),
        Figure(f"{many}: memory grown by {ROUNDS} changes each", "MB", ((after - listening) / MB,)),
        Figure(f"{many}: a change is told after, p50", "s", (percentile(late, 0.5),)),
        Figure(f"{many}: a change is told after, p99", "s", (percentile(late, 0.99),)),
        Figure(f"{many}: all change at once, the last is told after", "s", tuple(rounds)),
    ]


def _single_changes(crowd: _Crowd, job_ids: list[str]) -> list[float]:
    late = []
    for job_id in random.Random(1).sample(job_ids, SINGLE_CHANGES):
        changed_at = _change([job_id], 40)
        late.append(crowd.told_at(job_id, changed_at) - changed_at)
        time.sleep(random.uniform(0, SINGLE_PAUSE_SECONDS))
    return late


def _change_all(crowd: _Crowd, job_ids: list[str], number: int) -> float:
    changed_at = _change(job_ids, 50 + number)
    return max(crowd.told_at(job_id, changed_at) for job_id in job_ids) - changed_at


def _change(job_ids: list[str], progress: int) -> float:
    with transaction() as session:
        session.execute(
            update(PublishJob)
            .where(PublishJob.id.in_(job_ids))
            .values(state=JobState.ACTIVE, progress=progress)
        )
    return time.monotonic()


class _Crowd:
    """A listener for each job; a thread notes when each was told something last."""

    def __init__(self, port: int, job_ids: list[str]) -> None:
        self._told: dict[str, float] = {}
        self._changed = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._sockets = [self._join(port, job_id) for job_id in job_ids]

    def _join(self, port: int, job_id: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        lines = (
            f"GET /api/publish/{job_id}/events HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {KEY}",
            f"X-User-Id: {USER}",
        )
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, job_id)
        return connection

    def wait_for(self, count: int) -> None:
        """Wait until so many were told something."""
        self._until(lambda: len(self._told) >= count)

    def told_at(self, job_id: str, after: float) -> float:
        """Wait until a job's listener was told something after a time; return when it was."""
        self._until(lambda: self._told[job_id] > after)
        return self._told[job_id]

    def _until(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(is_so, PATIENCE_SECONDS):
                raise RuntimeError("the listeners were not told in time")

    def _read(self) -> None:
        while not self._done.is_set():
            for key, _ in self._selector.select(0.05):
                words = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not words:
                    raise RuntimeError("a listener was hung up on")
                if b"event: status" in words:
                    with self._changed:
                        self._told[key.data] = time.monotonic()
                        self._changed.notify_all()

    def close(self) -> None:
        """Hang up."""
        self._done.set()
        self._thread.join()
        for connection in self._sockets:
            connection.close()


def _make_jobs() -> list[str]:
    now = utcnow()
    account = Account(id=new_id(), user_id=USER, platform="TIKTOK", platform_user_id="1")
    video = Video(id=new_id(), user_id=USER, r2_key="film.mp4", state=VideoState.READY)
    with transaction() as session:
        session.add_all([account, video])
    new = NewJob(
        user_id=USER,
        account_id=account.id,
        video_id=video.id,
        platform="TIKTOK",
        caption="Listened to",
        privacy_level="public",
        priority=5,
        due_at=now,
    )
    return [job.id for job in create_jobs([new] * LISTENERS, now)]


@contextmanager
def _web(config: Config) -> Iterator[int]:
    """Run one web process as the Procfile does; gives the pid of its parent."""
    variables = {
        **os.environ,
        "DATABASE_URL": config.database_url,
        "API_KEYS": KEY,
        "PORT": str(config.port),
        "WEB_CONCURRENCY": "1",
    }
    command = ["-m", "gunicorn", "--config", "python:app.serving", "app:create_app()"]
    with subprocess.Popen([sys.executable, *command], env=variables) as running:
        try:
            while not _is_up(config.port):
                time.sleep(0.1)
            yield running.pid
        finally:
            running.terminate()


def _is_up(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
