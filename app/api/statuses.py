"""Names of HTTP statuses. Those of Python's `HTTPStatus` differ between its versions."""

from __future__ import annotations

import re

from werkzeug.http import HTTP_STATUS_CODES

ERROR_STATUSES = tuple(status for status in HTTP_STATUS_CODES if status >= 400)


def phrase(status: int) -> str:
    """Return a status as words: `Request Entity Too Large`."""
    return HTTP_STATUS_CODES[status]


def name(status: int) -> str:
    """Return the name of a status in the OpenAPI document: `REQUEST_ENTITY_TOO_LARGE`."""
    return re.sub(r"\W+", "_", phrase(status)).upper()
