"""Videos of a folder, for whoever holds a signed link: a platform that fetches them itself."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request
from werkzeug.datastructures import ContentRange

from app.api.blueprint import Blueprint
from app.api.errors import problem
from app.clock import utcnow
from app.storage import StoredObject, Stream, current_storage
from app.storage.errors import InvalidKey, InvalidLink, ObjectChanged, ObjectMissing

blueprint = Blueprint("media", __name__, url_prefix="/media", description="Signed links to videos")
PIECE_BYTES = 256 * 1024
Span = tuple[int, int]


class NoSuchRange(Exception):
    """Raised with the object's size when it has no such bytes as are asked for."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The video has {size_bytes} bytes")
        self.size_bytes = size_bytes


@blueprint.route("/<token>", methods=["GET"], operation="fetchMedia")
@blueprint.doc(security=[])
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="video/*")
@blueprint.alt_response(403, response="FORBIDDEN")
@blueprint.alt_response(404, response="NOT_FOUND")
@blueprint.alt_response(416, response="REQUESTED_RANGE_NOT_SATISFIABLE")
@blueprint.alt_response(206, schema={"type": "string", "format": "binary"}, content_type="video/*")
def fetch(token: str) -> Response:
    """Fetch a video, or the part of it that `Range` names, by its signed link"""
    storage = current_storage()
    key = storage.verify_download(token, utcnow())
    stored = storage.stat(key)
    span = _asked_span(stored)
    if request.method == "HEAD" or stored.size_bytes == 0:
        return _answer(stored, span, None)
    first, end = span or (0, stored.size_bytes)
    return _answer(stored, span, storage.open(key, first, end - first, stored.etag))


@blueprint.errorhandler(InvalidLink)
def answer_refused_link(error: InvalidLink) -> Response:
    """Answer a link that is forged or past its time."""
    return problem(403, str(error))


@blueprint.errorhandler(InvalidKey)
@blueprint.errorhandler(ObjectMissing)
@blueprint.errorhandler(ObjectChanged)
def answer_missing(error: Exception) -> Response:
    """Answer a link to what is not there any more."""
    return problem(404, "The video is not there any more")


@blueprint.errorhandler(NoSuchRange)
def answer_no_such_range(error: NoSuchRange) -> Response:
    """Answer a range beyond the video's end."""
    return problem(416, str(error), headers={"Content-Range": f"bytes */{error.size_bytes}"})


def _asked_span(stored: StoredObject) -> Span | None:
    """Return which bytes are asked for: first, and one past the last. None: the whole.

    Several ranges at once are answered with the whole, as the standard allows. Raises
    `NoSuchRange`.
    """
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    condition = request.if_range
    if condition.date is not None or condition.etag not in (None, stored.etag.strip('"')):
        return None
    span = asked.range_for_length(stored.size_bytes)
    if span is None:
        raise NoSuchRange(stored.size_bytes)
    return span


def _answer(stored: StoredObject, span: Span | None, stream: Stream | None) -> Response:
    first, end = span or (0, stored.size_bytes)
    answer = Response(
        _pieces(stream) if stream else b"",
        206 if span else 200,
        content_type=stored.content_type,
    )
    if span:
        content_range = ContentRange("bytes", first, end, stored.size_bytes)
        answer.headers["Content-Range"] = content_range.to_header()
    answer.headers["Content-Length"] = str(end - first)
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["ETag"] = stored.etag
    answer.headers["Cache-Control"] = "private, no-store"
    # Whatever somebody has uploaded as a video, a browser shall not take it for a page.
    answer.headers["X-Content-Type-Options"] = "nosniff"
    if stream is not None:
        answer.call_on_close(stream.close)  # a client may go before the first piece is read
    return answer


def _pieces(stream: Stream) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece
