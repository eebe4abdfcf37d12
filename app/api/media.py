"""`/media`: serves videos of a folder by signed links, for platforms that fetch them."""

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
    """Raised when the requested range lies outside the object, with the object's size."""

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
    span = _requested_span(stored)
    if request.method == "HEAD" or stored.size_bytes == 0:
        return _answer(stored, span, None)
    first, end = span or (0, stored.size_bytes)
    return _answer(stored, span, storage.open(key, first, end - first, stored.etag))


@blueprint.errorhandler(InvalidLink)
def answer_refused_link(error: InvalidLink) -> Response:
    """Answer 403 for a forged or expired link."""
    return problem(403, str(error))


@blueprint.errorhandler(InvalidKey)
@blueprint.errorhandler(ObjectMissing)
@blueprint.errorhandler(ObjectChanged)
def answer_missing(error: Exception) -> Response:
    """Answer 404 for a link to an object that is gone."""
    return problem(404, "The video is not there any more")


@blueprint.errorhandler(NoSuchRange)
def answer_no_such_range(error: NoSuchRange) -> Response:
    """Answer 416 for a range beyond the end of the video."""
    return problem(416, str(error), headers={"Content-Range": f"bytes */{error.size_bytes}"})


def _requested_span(stored: StoredObject) -> Span | None:
    """Return the requested bytes as first and one past the last; None for the whole object.

    Multiple ranges are answered with the whole object, as the standard allows. Raises
    `NoSuchRange`.
    """
    requested = request.range
    if requested is None or requested.units != "bytes" or len(requested.ranges) != 1:
        return None
    condition = request.if_range
    if condition.date is not None or condition.etag not in (None, stored.etag.strip('"')):
        return None
    span = requested.range_for_length(stored.size_bytes)
    if span is None:
        raise NoSuchRange(stored.size_bytes)
    return span


def _answer(stored: StoredObject, span: Span | None, stream: Stream | None) -> Response:
    first, end = span or (0, stored.size_bytes)
    response = Response(
        _pieces(stream) if stream else b"",
        206 if span else 200,
        content_type=stored.content_type,
    )
    if span:
        content_range = ContentRange("bytes", first, end, stored.size_bytes)
        response.headers["Content-Range"] = content_range.to_header()
    response.headers["Content-Length"] = str(end - first)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = stored.etag
    response.headers["Cache-Control"] = "private, no-store"
    # Whatever was uploaded as a video, a browser must not take it for a page.
    response.headers["X-Content-Type-Options"] = "nosniff"
    if stream is not None:
        response.call_on_close(stream.close)  # the client may leave before the first chunk is read
    return response


def _pieces(stream: Stream) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece
