"""Engine settings for both databases: pools, timeouts, and SQLite's pragmas."""

from __future__ import annotations

import select
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)

from app.extensions import db

#: Raised while the database is unreachable, full, or too busy to answer.
AWAY = (OperationalError, InterfaceError, TimeoutError)
_FROM_DATABASE = (DBAPIError, DisconnectionError, TimeoutError)
#: Timeouts of a statement, and of waiting for a lock.
STATEMENT_SECONDS = 30
LOCK_SECONDS = 15
#: The server rolls back a transaction that has been idle for this long. Otherwise it would keep
#: the locks of a worker that froze, or lost power, for hours; shorter than `LOCK_SECONDS`, so that
#: a transaction that waits for such a lock still gets it.
IDLE_TRANSACTION_SECONDS = 10

#: https://www.postgresql.org/docs/current/errcodes-appendix.html: read_only_sql_transaction
_READ_ONLY = "25006"
#: Notices a server that vanished silently long before the system's default of hours.
_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 1000 * STATEMENT_SECONDS,
}


@dataclass(frozen=True)
class PoolSize:
    """How many connections a process keeps, and how many more it opens while all are in use."""

    kept: int
    more: int

    @property
    def most(self) -> int:
        """The most connections that the process has at once."""
        return self.kept + self.more


#: Fewer than the threads of a process, for statements are short; a thread that finds none free
#: waits. Small plans allow twenty in all: docs/operations.md adds them up.
WEB_POOL = PoolSize(3, 0)
#: A child of the worker: its run, and for a moment the thread that renews its lease.
CHILD_POOL = PoolSize(1, 1)
SCHEDULER_POOL = PoolSize(2, 1)


def is_database_away(error: Exception) -> bool:
    """Tell whether the database itself failed, so that the error cannot be recorded there either.

    Also true during a deploy, for a statement that the schema does not fit: the worker's successor
    knows the schema. False for a statement that the database refused for the values in it, and for
    a bug in the use of SQLAlchemy, which would end every run alike.
    """
    return isinstance(error, _FROM_DATABASE) and not isinstance(error, (DataError, IntegrityError))


def engine_options(database_url: str, pool: PoolSize) -> dict[str, Any]:
    """Return SQLAlchemy's options for a database URL; makes the folder of a SQLite file."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        return {"hide_parameters": True, "connect_args": {"timeout": LOCK_SECONDS}}
    timeouts = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_SECONDS,
    }
    settings = [f"-c {name}={seconds}s" for name, seconds in timeouts.items()]
    given = url.query.get("options", "")
    return {
        # Values of a failed statement must not get into logs or RQ's failed registry.
        "hide_parameters": True,
        "pool_size": pool.kept,
        "max_overflow": pool.more,
        "pool_timeout": 10,
        "connect_args": {
            "connect_timeout": 5,
            # Of a setting that is given twice, the last counts.
            "options": " ".join([str(given), *settings, "-c timezone=UTC"]).strip(),
            **_KEEPALIVE,
        },
    }


def configure_engines() -> None:
    """Attach the listeners of its dialect to the application's engine. Needs an app context."""
    if db.engine.dialect.name == "sqlite":
        event.listen(db.engine, "connect", _open_sqlite)
        event.listen(db.engine, "begin", _begin_immediate)
    else:
        event.listen(db.engine, "checkout", _replace_closed)
        event.listen(db.engine, "handle_error", _translate_unavailable)


def _replace_closed(connection: Any, record: Any, proxy: Any) -> None:
    """Have the pool open another connection where the server has closed this one.

    An idle, open connection has nothing to read, so polling the socket tells what SQLAlchemy's own
    ping needs a round trip for in each transaction.
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if poller.poll(0):
        raise DisconnectionError


def _translate_unavailable(context: ExceptionContext) -> None:
    """Report as a lost connection what the driver calls an internal error.

    The server ended an idle transaction, or accepts no writes: it was demoted, or its disk is
    full. The next connection may reach one that does.
    """
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
    # Turns off the driver's own transactions, which begin too late; see _begin_immediate.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, without waiting, where
    # another one wrote in between. With the write lock taken first, SQLite waits instead.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
