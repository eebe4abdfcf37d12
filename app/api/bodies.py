"""Reading the bytes of a body: bounded, and to their end, so that the connection may go on."""

from __future__ import annotations

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge

from app.api.errors import MalformedBody

#: A batch of 100 posts with the longest captions, every letter of them escaped, is nearly as long.
MAX_BODY_BYTES = 5_000_000
#: As much of a body that is too long is read and thrown away. gunicorn hangs up on a client that
#: has more to send, after an answer that promised to go on: its next request would be lost.
DISCARD_MAX_BYTES = 4 * MAX_BODY_BYTES
_PIECE_BYTES = 65536


def read_body(request: Request) -> bytes:
    """Return a request's body; raises `RequestEntityTooLarge` and `MalformedBody`."""
    # One more: a body sent in chunks is cut at the bound without a word.
    request.max_content_length = MAX_BODY_BYTES + 1
    try:
        body = _bounded(request)
        if body is None:
            _discard_rest(request)
            raise RequestEntityTooLarge()
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
