"""One migration of a database at a time: the others wait for their turn, and not for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

logger = logging.getLogger(__name__)
#: Of PostgreSQL's advisory lock; any constant that nothing else uses.
LOCK_KEY = 7_201_937_118_604
#: How long to wait for another migration, which may build an index on a large table.
TURN_SECONDS = 900.0
PAUSE_SECONDS = 0.5
#: A lock's key of 64 bits is shown in two halves.
_HOLDER = text(
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND (classid::bigint << 32 | objid::bigint) = :key"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def migration_turn(engine: Engine) -> Iterator[None]:
    """Hold PostgreSQL's lock on migrations for the block; on SQLite, do nothing.

    The lock is that of a transaction, on a connection of its own: it ends with the block even where
    a pooler keeps the server's side of the connection. Raises `CommandError` after `TURN_SECONDS`.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        _wait_for_turn(connection)
        try:
            yield
        finally:
            connection.rollback()


def _wait_for_turn(connection: Connection) -> None:
    deadline = time.monotonic() + TURN_SECONDS
    is_told = False
    while not _has_lock(connection):
        what = f"another migration of this database (PostgreSQL's pid {_holder(connection)})"
        if time.monotonic() >= deadline:
            minutes = f"{TURN_SECONDS / 60:g} minutes"
            raise CommandError(f"{what} has not ended within {minutes}: run this again after it")
        if not is_told:
            logger.warning("waiting for %s to end", what)
            is_told = True
        time.sleep(PAUSE_SECONDS)


def _has_lock(connection: Connection) -> bool:
    query = text("SELECT pg_try_advisory_xact_lock(:key)")
    return bool(connection.scalar(query, {"key": LOCK_KEY}))


def _holder(connection: Connection) -> str:
    """Return the process id of the session that holds the lock; it may just have ended."""
    return str(connection.scalar(_HOLDER, {"key": LOCK_KEY}) or "unknown")
