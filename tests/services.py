"""The real PostgreSQL that the tests run against, from a wheel, on this machine only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pgserver


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
