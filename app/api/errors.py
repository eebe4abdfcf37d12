"""The API's errors, and the handlers that turn every error into an RFC 9457 problem.

ApiError
  InvalidRequest     400  the body, query or headers are invalid
  MalformedBody      400  the body cannot be parsed
  Unauthorized       401  a missing or invalid key or token
  Forbidden          403  valid credentials that do not permit the call
  NotFound           404  it does not exist, or belongs to another user
  UnsupportedBody    415  the body is not JSON
  TooMany            429  the user has as many as a user may have
  Unavailable        503  the service cannot do it now; retrying may help
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Flask, Response, json
from sqlalchemy.exc import ProgrammingError
from werkzeug.exceptions import HTTPException

from app.api import statuses
from app.causes import why
from app.database.engine import AWAY
from app.database.versions import log_outdated, outdated_by
from app.faults import PAST_TIME, Faults
from app.publishing.errors import KeyReused, PublishingError
from app.storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)
PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class ApiError(Exception):
    """Base of the API's errors; the text is one sentence for a person."""

    status: ClassVar[int] = 500
    headers: ClassVar[Mapping[str, str]] = {}


class InvalidRequest(ApiError):
    """Raised with every fault of a request.

    `faults` maps field paths to messages; `valid` holds the values that could be read.
    """

    status = 400

    def __init__(self, faults: Faults, valid: Any = None) -> None:
        super().__init__(_sentence(faults))
        self.faults = faults
        self.valid = valid


class MalformedBody(ApiError):
    """Raised when a body cannot be parsed."""

    status = 400


class Unauthorized(ApiError):
    """Raised without a valid key or token; does not reveal why a token is invalid."""

    status = 401
    headers = {"WWW-Authenticate": 'Bearer realm="publishing"'}


class Forbidden(ApiError):
    """Raised for an authenticated caller who may not make this call."""

    status = 403


class NotFound(ApiError):
    """Raised alike for what does not exist and for what belongs to another user."""

    status = 404


class UnsupportedBody(ApiError):
    """Raised for a body that is not JSON."""

    status = 415


class TooMany(ApiError):
    """Raised when a user has all that one may have at a time."""

    status = 429
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}


class Unavailable(ApiError):
    """Raised when a part of the service that this needs does not respond."""

    status = 503
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}


def register_error_handlers(app: Flask) -> None:
    """Answer every error of the application with a problem."""
    app.register_error_handler(ApiError, _answer_api_error)
    app.register_error_handler(PublishingError, _answer_publishing_error)
    for kind in (*AWAY, ProgrammingError):
        app.register_error_handler(kind, _answer_database_error)
    app.register_error_handler(StoreUnavailable, _answer_store_error)


def problem(
    status: int,
    error: str,
    *,
    detail: str = "",
    faults: Faults | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Return a problem document; `more` has members of its own for it (RFC 9457, section 3.2)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": statuses.phrase(status),
        "status": status,
        "detail": detail or error,
        "error": error,
        **(more or {}),
    }
    if faults:
        body["errors"] = faults
    response = Response(json.dumps(body), status, content_type=PROBLEM_TYPE)
    response.headers.update(headers or {})
    return response


def answer_http_error(error: HTTPException) -> Any:
    """Turn an error of Flask or Werkzeug, such as an unknown route, into a problem."""
    if error.response is not None:
        return error.response
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return problem(status, error.description or error.name, headers=headers)


def _sentence(faults: Faults) -> str:
    """Return one sentence about the faults; the wording of one case is part of the contract."""
    if any(PAST_TIME in messages for messages in faults.values()):
        return PAST_TIME
    if len(faults) == 1:
        ((path, messages),) = faults.items()
        return f"{path}: {messages[0]}"
    return f"{len(faults)} fields are wrong: {', '.join(faults)}"


def _answer_api_error(error: ApiError) -> Response:
    if isinstance(error, InvalidRequest):
        detail = "; ".join(
            f"{path}: {' '.join(messages)}" for path, messages in error.faults.items()
        )
        return problem(error.status, str(error), detail=detail, faults=error.faults)
    return problem(error.status, str(error), headers=error.headers)


def _answer_publishing_error(error: PublishingError) -> Response:
    return problem(422 if isinstance(error, KeyReused) else 409, str(error))


def _answer_database_error(error: Exception) -> Response:
    outdated = outdated_by(error)
    if outdated:
        log_outdated(outdated)
        words = "The tables of the database are not up to date"
        return problem(503, words, headers=Unavailable.headers)
    if isinstance(error, ProgrammingError):
        raise error  # a bug, like any other
    logger.error("the database did not answer: %s", why(error))
    return problem(503, "The database does not respond; try again", headers=Unavailable.headers)


def _answer_store_error(error: StoreUnavailable) -> Response:
    return problem(503, str(error), headers=Unavailable.headers)
