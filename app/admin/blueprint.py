"""The blueprint of the operator's pages: reading requests, messages and error pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from marshmallow import Schema, ValidationError
from sqlalchemy.exc import ProgrammingError
from werkzeug.exceptions import BadRequest, HTTPException

from app.admin.operator_auth import PREFIX
from app.database.engine import AWAY
from app.database.versions import outdated_by
from app.faults import flatten
from app.publishing.errors import PublishingError

STATIC = Path(__file__).resolve().parent.parent / "static" / "admin"
blueprint = Blueprint(
    "admin", __name__, url_prefix=PREFIX, static_folder=str(STATIC), static_url_path="/static"
)


def read_values(schema: type[Schema], given: Mapping[str, Any]) -> dict[str, Any]:
    """Load a query or a form with a schema; empty fields count as missing.

    Raises `BadRequest`, which names every invalid field.
    """
    stripped = {
        name: value.strip() if isinstance(value, str) else value for name, value in given.items()
    }
    filled = {name: value for name, value in stripped.items() if value != ""}
    try:
        values: dict[str, Any] = schema().load(filled)
    except ValidationError as exc:
        assert isinstance(exc.messages, dict)
        faults = flatten(exc.messages)
        message = "; ".join(f"{path}: {' '.join(messages)}" for path, messages in faults.items())
        raise BadRequest(message) from exc
    return values


def done(message: str, endpoint: str, **values: Any) -> Any:
    """Redirect to a page that shows the result, with a success message."""
    flash(message, "done")
    return redirect(url_for(endpoint, **values), 303)


def refused(message: str, endpoint: str, **values: Any) -> Any:
    """Redirect to a page that shows why nothing was done, with a refusal message."""
    flash(message, "refused")
    return redirect(url_for(endpoint, **values), 303)


@blueprint.app_template_global()
def admin_static(name: str) -> str:
    """Return the URL of one of our static files, which changes with its content."""
    return url_for("admin.static", filename=name, v=_digest(name))


@lru_cache(maxsize=32)
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@blueprint.errorhandler(HTTPException)
def show_http_error(error: HTTPException) -> Any:
    """Show an HTTP error as a page."""
    if error.response is not None:
        return error.response
    return _error_page(error.code or 500, error.description or error.name)


@blueprint.errorhandler(PublishingError)
def show_refusal(error: PublishingError) -> Response:
    """Show a refused action as a page."""
    return _error_page(409, str(error))


def show_database_error(error: Exception) -> Response:
    """Show that the database does not respond, or that its migrations were forgotten."""
    outdated = outdated_by(error)
    if isinstance(error, ProgrammingError) and not outdated:
        raise error  # a bug, like any other
    words = "The database does not respond; try again in a moment"
    return _error_page(503, f"In the database, {outdated}" if outdated else words)


for kind in (*AWAY, ProgrammingError):
    blueprint.register_error_handler(kind, show_database_error)


def _error_page(status: int, message: str) -> Response:
    return make_response(
        render_template("admin/error.html", message=message, status=status), status
    )
