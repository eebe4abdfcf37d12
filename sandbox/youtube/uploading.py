"""YouTube's session URI: bytes in, status queries, and a repeatable final response."""

import re

from flask import Response, jsonify, request

from sandbox.core import ids
from sandbox.core.bodies import receive
from sandbox.core.context import current_call, note
from sandbox.core.errors import Refusal
from sandbox.core.fields import bearer_token
from sandbox.core.world import current_world
from sandbox.youtube.api import API, check_token
from sandbox.youtube.processing import finish
from sandbox.youtube.resources import describe
from sandbox.youtube.sessions import is_video_type, session_uri
from sandbox.youtube.state import Session, YouTubeState

CHUNK_BYTES = 256 * 1024
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def _find() -> Session | None:
    world = current_world()
    with world.lock:
        sessions = world.part(YouTubeState).sessions
        return sessions.get(request.args.get("upload_id", ""))


def _owner() -> str | None:
    session = _find()
    return session.account.id if session else None


def put_to_session() -> Response:
    """Distinguish a status query from bytes, so that faults can target either."""
    is_query = request.headers.get("Content-Range", "").startswith("bytes */")
    if is_query:
        return API.serve("youtube.status_query", _owner(), query_status)
    return API.serve("youtube.upload", _owner(), put_bytes)


API.names += ["youtube.upload", "youtube.status_query"]
API.blueprint.add_url_rule(
    "/youtube/upload/youtube/v3/videos", "session-put", put_to_session, methods=["PUT"]
)


def _session() -> Session:
    """Return the session. A token is not needed, but a bad one is refused."""
    session = _find()
    if session is None:
        raise Refusal("sessionNotFound")
    if session.expires_at <= current_world().clock.now():
        raise Refusal("sessionGone")
    if bearer_token() is not None:
        check_token(session.account)
    note(upload=session.upload_id[:8], range=request.headers.get("Content-Range"))
    return session


def query_status() -> Response:
    """Return the bytes received, or the video once all are there."""
    session = _session()
    session.received.settled_bytes()
    if request.content_length != 0:
        raise Refusal("badRequest", "a status query has Content-Length: 0")
    total = request.headers["Content-Range"].removeprefix("bytes */")
    if total not in ("*", str(session.size_bytes)):
        raise Refusal("badRequest", "Content-Range names another total")
    if session.post is not None:
        return _final(session, 200)
    return _incomplete(session)


def put_bytes() -> Response:
    """Receive bytes that continue the session; the last one creates the video."""
    session = _session()
    if session.post is not None:
        return _final(session, 200)
    if request.content_length is None:
        raise Refusal("sessionLengthRequired")
    if request.content_type and not is_video_type(request.content_type):
        raise Refusal("badRequest", "Content-Type must be a video type")
    _check_place(session)
    with session.received.busy():
        receive(session.received)
        note(received_bytes=session.received.size_bytes)
        if session.received.size_bytes == session.size_bytes:
            finish(current_world(), session)
    return _final(session, 201) if session.post else _incomplete(session)


def _check_place(session: Session) -> None:
    length = request.content_length or 0
    header = request.headers.get("Content-Range")
    first, last, total = 0, length - 1, length
    if header is not None:
        match = RANGE.fullmatch(header)
        if match is None:
            raise Refusal("badRequest", "Content-Range is malformed or hides the total")
        first, last, total = map(int, match.groups())
    if total != session.size_bytes or not first <= last < total:
        raise Refusal("badRequest", "Content-Range does not fit the announced length")
    if length != last - first + 1:
        raise Refusal("badRequest", "Content-Length does not fit Content-Range")
    if last + 1 < total and length % CHUNK_BYTES:
        raise Refusal("badRequest", "a chunk must be a multiple of 262144 bytes")
    if first != session.received.seize():
        raise Refusal("sessionRange")


def _incomplete(session: Session) -> Response:
    response = Response(status=308)
    received = session.received.size_bytes
    if received:
        response.headers["Range"] = f"bytes=0-{received - 1}"
    fault = current_call().fault
    if fault is not None and fault.kind == "moved":
        _move(session)
        response.headers["Location"] = session_uri(session)
    return response


def _move(session: Session) -> None:
    world = current_world()
    with world.lock:
        sessions = world.part(YouTubeState).sessions
        del sessions[session.upload_id]
        session.upload_id = "AHmU" + ids.secret(80)
        sessions[session.upload_id] = session


def _final(session: Session, status: int) -> Response:
    assert session.post is not None
    note(video_id=session.post.id)
    parts = ["snippet", "status", *session.parts]
    response = jsonify(describe(session.post, parts, current_world().clock.now()))
    response.status_code = status
    return response
