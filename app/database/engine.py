"""How the two databases are opened: pools, time limits, and SQLite taught to behave."""

from __future__ import annotations

import select
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import (
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)

from app.extensions import db

#: What is raised while the database is away, full, or too busy to answer.
AWAY = (OperationalError, InterfaceError, TimeoutError)
#: Seconds a statement may take, and a lock be waited for, before the caller gets an error.
STATEMENT_SECONDS = 30
LOCK_SECONDS = 15
#: Seconds a transaction may do nothing before the server undoes it. Of a worker that froze, or
#: whose machine lost its power, the server hears nothing for hours, and keeps its locks; whoever
#: waits for one gets it before `LOCK_SECONDS` are over.
SILENT_SECONDS = 10

#: https://www.postgresql.org/docs/current/errcodes-appendix.html: read_only_sql_transaction
_READ_ONLY = "25006"
#: A server that vanished without a word is noticed within this, not after the system's hours.
_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 1000 * STATEMENT_SECONDS,
}


def engine_options(database_url: str) -> dict[str, Any]:
    """Return SQLAlchemy's options for a database URL; makes the folder of a SQLite file."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        return {"hide_parameters": True, "connect_args": {"timeout": LOCK_SECONDS}}
    timeouts = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": SILENT_SECONDS,
    }
    settings = " ".join(f"-c {name}={seconds}s" for name, seconds in timeouts.items())
    return {
        # The values of a statement that failed would get into logs and RQ's lists of failures.
        "hide_parameters": True,
        # Eight for a process, fewer than it has threads: small plans have twenty in all, and a
        # statement is short. What finds none free waits.
        "pool_size": 5,
        "max_overflow": 3,
        "pool_timeout": 10,
        "connect_args": {
            "connect_timeout": 5,
            "options": f"{settings} -c timezone=UTC",
            **_KEEPALIVE,
        },
    }


def configure_engines() -> None:
    """Hook SQLite's settings into the application's engine. Needs an application context."""
    if db.engine.dialect.name == "sqlite":
        event.listen(db.engine, "connect", _open_sqlite)
        event.listen(db.engine, "begin", _begin_immediate)
    else:
        event.listen(db.engine, "checkout", _refuse_dead)
        event.listen(db.engine, "handle_error", _tell_of_absence)


def _refuse_dead(connection: Any, record: Any, proxy: Any) -> None:
    """Let the pool open another connection where the server has ended this one.

    Nothing can be read from one that is idle and alive, so that a look at the socket tells what
    SQLAlchemy's own ping asks the server for, a round trip in each transaction.
    """
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    if looking.poll(0):
        raise DisconnectionError


def _tell_of_absence(context: ExceptionContext) -> None:
    """Raise as any lost connection what the driver calls an internal error: that the server has
    ended a transaction that was silent for too long, or takes no writes, as one that is no longer
    the primary or has no disk left. The next connection may be to one that does."""
    error = context.sqlalchemy_exception
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True
    if context.is_disconnect and isinstance(error, InternalError):
        raise OperationalError(
            error.statement,
            error.params,
            context.original_exception,
            hide_parameters=True,
            connection_invalidated=True,
        )


def _open_sqlite(connection: Any, record: Any) -> None:
    # The driver's own transactions begin too late; see _begin_immediate.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, without waiting, when
    # another one wrote in between. Taking the write lock first makes SQLite wait instead.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
