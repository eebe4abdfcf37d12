"""Reads request bodies: bounded, and to their end, so that the connection can be reused."""

from __future__ import annotations

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge

from app.api.errors import MalformedBody

#: A batch of 100 posts with the longest captions, every character escaped, is nearly this long.
MAX_BODY_BYTES = 5_000_000
#: Up to this much of an oversized body is read and discarded. gunicorn closes the connection of a
#: client with more to send, although the response promised keep-alive: its next request is lost.
DISCARD_MAX_BYTES = 4 * MAX_BODY_BYTES
_PIECE_BYTES = 65536


def read_body(request: Request) -> bytes:
    """Return a request's body; raises `RequestEntityTooLarge` and `MalformedBody`."""
    # One more than the bound, at which a chunked body is silently truncated.
    request.max_content_length = MAX_BODY_BYTES + 1
    try:
        body = _bounded(request)
        if body is None:
            _discard_rest(request)
            raise RequestEntityTooLarge(
                f"The body has more than {MAX_BODY_BYTES} bytes, the most that are read"
            )
    except (ParseException, OSError) as exc:
        raise MalformedBody("The body broke off, or its chunks are malformed") from exc
    return body


def _bounded(request: Request) -> bytes | None:
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        return None
    return body if len(body) <= MAX_BODY_BYTES else None


def _discard_rest(request: Request) -> None:
    stream, left = request.environ["wsgi.input"], DISCARD_MAX_BYTES
    while left > 0 and (piece := stream.read(_PIECE_BYTES)):
        left -= len(piece)
