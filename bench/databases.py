"""PostgreSQL databases: one server, migrated once, a copy per stage."""

from __future__ import annotations

from types import TracebackType

import flask_migrate
from cryptography.fernet import Fernet

from app import create_app
from app.extensions import db
from app.settings import config_from_env
from bench.processes import ROOT
from sandbox.development.postgres_server import PostgresServer

TEMPLATE = "migrated"


class Databases:
    """Provides empty databases with every table."""

    def __init__(self) -> None:
        self._server: PostgresServer | None = None
        self._count = 0

    def new(self) -> str:
        """Return the URL of an unused database; the first call starts the server."""
        if self._server is None:
            self._server = PostgresServer()
            _migrate(self._server.create_database(TEMPLATE))
        self._count += 1
        return self._server.create_database(f"bench_{self._count}", template=TEMPLATE)

    def __enter__(self) -> Databases:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.remove()


def _migrate(url: str) -> None:
    keys = Fernet.generate_key().decode()
    settings = {"DATABASE_URL": url, "TOKEN_ENCRYPTION_KEYS": keys, "LOG_LEVEL": "WARNING"}
    app = create_app(config_from_env(settings))
    with app.app_context():
        flask_migrate.upgrade(str(ROOT / "migrations"))
        db.engine.dispose()
