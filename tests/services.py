"""The real PostgreSQL that the tests run against, from a wheel, on this machine only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pgserver
from pgserver import pg_ctl


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

    def stop(self, mode: str = "fast") -> None:
        """End it: `fast` as a restart does, `immediate` as a crash. Its data stay."""
        pg_ctl(
            ["-w", "-m", mode, "stop"], pgdata=self._server.pgdata, user=self._server.system_user
        )

    def start(self) -> None:
        """Start it again where it was, and wait until it answers."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """End it and take its folder away."""
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
