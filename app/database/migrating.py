"""Alembic's commands, such as `python -m app db upgrade`. Large, and not loaded by workers."""

from __future__ import annotations

from flask import Flask
from flask_migrate import Migrate

from app.extensions import db

#: Batch mode: SQLite cannot alter a table in place.
migrate = Migrate(render_as_batch=True, compare_type=True)


def register_migrations(app: Flask) -> None:
    """Add the commands to an application."""
    migrate.init_app(app, db)
