"""The database object, without an application. Imports only the base of the models."""

from __future__ import annotations

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from app.models.base import Base

# Rows stay readable after the commit: whoever reads them later holds no connection for it.
db = SQLAlchemy(
    model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False}
)
#: Batch mode, since SQLite cannot alter a table in place.
migrate = Migrate(render_as_batch=True, compare_type=True)
