"""A failover of Redis: the old primary becomes a replica that keeps its connections open."""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from app.config import Config
from app.models import Video
from app.queues.scheduler import FENCE_KEY
from app.states import JobState
from sandbox.development.redis_server import EXECUTABLES, RedisServer
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from tests.workers.conftest import connect
from tests.workers.support import ended

pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]


class RedisName(socketserver.ThreadingTCPServer):
    """A host name: new connections lead to the primary of the moment, open ones stay."""

    daemon_threads = True

    def __init__(self, primary: Path) -> None:
        self.primary = primary
        super().__init__(("127.0.0.1", 0), _Relay)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}/0"


class _Relay(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, RedisName)
        client: socket.socket = self.request
        with socket.socket(socket.AF_UNIX) as redis, selectors.DefaultSelector() as both:
            redis.connect(str(self.server.primary))
            both.register(client, selectors.EVENT_READ, redis)
            both.register(redis, selectors.EVENT_READ, client)
            while True:
                for ready, _ in both.select():
                    try:
                        received = ready.fileobj.recv(65_536)  # type: ignore[union-attr]
                        ready.data.sendall(received)
                    except OSError:
                        return
                    if not received:
                        return


@pytest.fixture(params=EXECUTABLES)
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Two servers of Redis, or of Valkey."""
    pair = RedisServer(server=request.param), RedisServer(server=request.param)
    for server in pair:
        server.start()
    yield pair
    for server in pair:
        server.stop()


@pytest.fixture
def redis_name(servers: tuple[RedisServer, RedisServer]) -> Iterator[RedisName]:
    """A name that leads to the first of the servers."""
    with RedisName(servers[0].socket) as name:
        thread = threading.Thread(target=name.serve_forever)
        thread.start()
        yield name
        name.shutdown()
        thread.join()


@pytest.fixture
def config(config: Config, redis_name: RedisName) -> Config:
    """Settings that know Redis by that name."""
    return replace(config, redis_url=redis_name.url, worker_concurrency=1)


def test_processes_follow_the_primary(
    app: Flask,
    config: Config,
    servers: tuple[RedisServer, RedisServer],
    redis_name: RedisName,
    platforms: Platforms,
    stored_film: Video,
    tmp_path: Path,
) -> None:
    account = connect(platforms, "TIKTOK")
    with (
        Process("workers.scheduler", config, tmp_path / "scheduler.log"),
        Process("workers.worker", config, tmp_path / "worker.log"),
    ):
        first = make_job("TIKTOK", account=account, video=stored_film)
        assert ended(first).state is JobState.COMPLETED
        redis_name.primary = servers[1].socket
        with Redis.from_url(servers[0].url) as old:
            old.replicaof("127.0.0.1", 1)
        second = make_job("TIKTOK", account=account, video=stored_film)
        assert ended(second).state is JobState.COMPLETED
        # Released by the scheduler itself, and not only found by the next sweep.
        with Redis.from_url(servers[1].url) as new:
            wait_until(lambda: new.exists(FENCE_KEY), "a release on the new primary")
