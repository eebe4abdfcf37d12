"""The blueprint of the operator's pages: what they read of a request, and how they say no."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import BadRequest, HTTPException

from app.admin.operator import PREFIX
from app.database.engine import AWAY
from app.faults import flatten
from app.publishing.errors import PublishingError

STATIC = Path(__file__).resolve().parent.parent / "static" / "admin"
blueprint = Blueprint(
    "admin", __name__, url_prefix=PREFIX, static_folder=str(STATIC), static_url_path="/static"
)


def read_values(schema: type[Schema], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schema makes of a query or a form, where an empty field is no field.

    Raises `BadRequest` that names every field that is wrong.
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
        words = "; ".join(f"{path}: {' '.join(said)}" for path, said in faults.items())
        raise BadRequest(words) from exc
    return values


def done(words: str, endpoint: str, **values: Any) -> Any:
    """Say that something was done, on the page that shows it."""
    flash(words, "done")
    return redirect(url_for(endpoint, **values), 303)


def refused(words: str, endpoint: str, **values: Any) -> Any:
    """Say why something was not done, on the page that shows it."""
    flash(words, "refused")
    return redirect(url_for(endpoint, **values), 303)


@blueprint.app_template_global()
def admin_static(name: str) -> str:
    """Return the address of a file of ours, which changes with its content."""
    return url_for("admin.static", filename=name, v=_digest(name))


@lru_cache(maxsize=32)
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@blueprint.errorhandler(HTTPException)
def show_http_error(error: HTTPException) -> Any:
    """Show an error of Flask's, or of ours, as a page."""
    if error.response is not None:
        return error.response
    return _error_page(error.code or 500, error.description or error.name)


@blueprint.errorhandler(PublishingError)
def show_refusal(error: PublishingError) -> Response:
    """Show why something may not be done."""
    return _error_page(409, str(error))


def show_database_error(error: Exception) -> Response:
    """Show that the database is away."""
    return _error_page(503, "The database does not answer; try again in a moment")


for kind in AWAY:
    blueprint.register_error_handler(kind, show_database_error)


def _error_page(status: int, words: str) -> Response:
    return make_response(render_template("admin/error.html", words=words, status=status), status)
