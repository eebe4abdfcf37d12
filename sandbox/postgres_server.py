"""The embedded PostgreSQL: a real server out of a wheel, on this machine only."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # It looks for a runtime folder when it is imported, and complains where there is none.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
    import pgserver


class PostgresServer:
    """One PostgreSQL, in a folder of its own.

    One that need not outlive a loss of power waits for no disk. Killed, it loses nothing either:
    what it has committed is the system's by then.
    """

    def __init__(self, *, outlives_power: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._server = pgserver.get_server(self.folder, cleanup_mode="stop")
        if not outlives_power:
            for setting in ("fsync", "full_page_writes"):
                self._server.psql(f"ALTER SYSTEM SET {setting} = off")
            self._server.psql("SELECT pg_reload_conf()")

    def create_database(self, name: str, template: str = "template1") -> str:
        """Copy a database that nobody is in, by default an empty one; return the copy's URL."""
        self._server.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        uri: str = self._server.get_uri(database=name)
        return uri

    def stop(self, mode: str = "fast") -> None:
        """End it: `fast` as a restart does, `immediate` as a crash. Its data stay."""
        pgserver.pg_ctl(
            ["-w", "-m", mode, "stop"], pgdata=self._server.pgdata, user=self._server.system_user
        )

    def start(self) -> None:
        """Start it again where it was, and wait until it answers."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """End it and take its folder away."""
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
