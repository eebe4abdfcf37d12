"""The database object, without an application. Imports only the base of the models."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy

from app.models.base import Base

# Rows stay readable after the commit: whoever reads them later holds no connection for it.
db = SQLAlchemy(
    model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False}
)
