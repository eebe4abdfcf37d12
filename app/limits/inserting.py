"""Rows that come into being when they are first needed, whoever needs them first."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.models import Base


def insert_missing(session: Session, model: type[Base], **columns: Any) -> None:
    """Insert a row unless one with its key is there; another transaction may be doing the same."""
    bind = session.get_bind()
    insert = postgresql.insert if bind.dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(model).values(**columns).on_conflict_do_nothing())
