"""Run the migrations on the application's own engine: `python -m app db upgrade`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy import text
from sqlalchemy.types import TypeDecorator

from app.extensions import db

#: Of PostgreSQL's advisory lock; any constant that nothing else uses.
LOCK_KEY = 7_201_937_118_604


def render_plain_type(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Render custom column types as the types they are stored as: migrations outlive the code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run() -> None:
    """Run the migrations, each in a transaction of its own; one process at a time."""
    options = dict(current_app.extensions["migrate"].configure_args)
    options.setdefault("render_item", render_plain_type)
    with db.engine.connect() as connection:
        connection.detach()  # closed at the end, and not used again: the lock ends with it
        if connection.dialect.name == "postgresql":
            # Not limited in time: an index on a large table takes long, and so may our turn.
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            connection.execute(text("RESET lock_timeout"))
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            transaction_per_migration=True,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
