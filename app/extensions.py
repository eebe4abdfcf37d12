"""The database object, and access to the running application. Imports only the models' base."""

from __future__ import annotations

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from app.models.base import Base

# Rows stay readable after the commit, so that reading them later holds no connection.
db = SQLAlchemy(
    model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False}
)


def running_app() -> Flask:
    """Return the application behind `current_app`, for use in another thread."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, Flask)
    return app
