"""Run the migrations on the application's own engine: `python -m app db upgrade`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy import text
from sqlalchemy.types import TypeDecorator

from app.database.migration_turn import migration_turn
from app.extensions import db


def render_plain_type(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Render custom column types as the types they are stored as: migrations outlive the code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run() -> None:
    """Run the migrations, each in a transaction of its own; one process at a time."""
    options = dict(current_app.extensions["migrate"].configure_args)
    options.setdefault("render_item", render_plain_type)
    with migration_turn(db.engine), db.engine.connect() as connection:
        connection.detach()  # closed at the end, and not used again with its changed setting
        if connection.dialect.name == "postgresql":
            # Not limited in time: an index on a large table takes long.
            connection.execute(text("SET statement_timeout = 0"))
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
