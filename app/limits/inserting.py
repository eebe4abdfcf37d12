"""Rows that come into being when they are first needed, whoever needs them first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Base


def inserting(dialect: str) -> Callable[[type[Base] | Table], Any]:
    """Return the `INSERT` of a database that knows what to do where the key is taken."""
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def insert_missing(session: Session, model: type[Base], **columns: Any) -> None:
    """Insert a row unless one with its key is there; another transaction may be doing the same."""
    insert = inserting(session.get_bind().dialect.name)
    session.execute(insert(model).values(**columns).on_conflict_do_nothing())
