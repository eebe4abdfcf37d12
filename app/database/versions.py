"""Whether the database's tables are those that the code needs: a migration may be forgotten."""

from __future__ import annotations

import logging
import time
from functools import cache

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from app.causes import why
from app.extensions import db

logger = logging.getLogger(__name__)
#: The revision of the last migration in `migrations/`.
SCHEMA_VERSION = "0001"
#: Pause between two looks at tables that are not migrated yet.
WAIT_SECONDS = 2.0
_VERSION = text("SELECT version_num FROM alembic_version")
#: How SQLite begins a sentence about a missing table or column; it has no code for them.
_MISSING = ("no such ", "table ")


def outdated_tables(*, may_be_newer: bool = False) -> str:
    """Return a sentence with the command that helps where the tables are of another version.

    Empty where they are as needed; with `may_be_newer`, also where a deploy has migrated them and
    this process is of the code before. Raises `SQLAlchemyError` where the database is away.
    """
    with db.engine.connect() as connection:
        present = _present(connection)
    is_newer = present is not None and present > SCHEMA_VERSION
    if present == SCHEMA_VERSION or (may_be_newer and is_newer):
        return ""
    return (
        f"the tables are at version {present}, the code needs {SCHEMA_VERSION}: "
        "run `python -m app db upgrade`"
    )


def outdated_by(error: Exception) -> str:
    """Return the sentence of `outdated_tables` where they may be why a statement failed."""
    if not _concerns_tables(error):
        return ""
    try:
        return outdated_tables()
    except SQLAlchemyError:
        return ""


def wait_for_tables() -> None:
    """Wait while the tables are older than the code: a deploy may not have migrated them yet.

    A database that is away is not waited for; the process copes with that by itself.
    """
    while True:
        try:
            outdated = outdated_tables(may_be_newer=True)
        except SQLAlchemyError:
            return
        if not outdated:
            return
        log_outdated(outdated)
        time.sleep(WAIT_SECONDS)


def reason(error: Exception) -> str:
    """Say why the database did not do something, for a line of the log."""
    return outdated_by(error) or why(error)


@cache
def log_outdated(sentence: str) -> None:
    """Log that the tables are outdated, once: every request would say the same."""
    logger.error(sentence)


def _concerns_tables(error: Exception) -> bool:
    if isinstance(error, OperationalError):
        return str(error.orig).startswith(_MISSING)
    return isinstance(error, ProgrammingError)


def _present(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(_VERSION)
    return version
