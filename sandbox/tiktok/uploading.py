"""TikTok's upload host: chunks in order, to a secret URL."""

import hmac
import re

from flask import Response, request

from sandbox.core.bodies import receive
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.world import current_world
from sandbox.tiktok.api import API
from sandbox.tiktok.processing import finish
from sandbox.tiktok.state import ChunkPlan, Publish, state

CONTENT_TYPES = {"video/mp4", "video/quicktime", "video/webm"}
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def _find() -> Publish | None:
    with current_world().lock:
        publish = state().uploads.get(request.args.get("upload_id", ""))
    token = request.args.get("upload_token", "")
    if publish is None or not hmac.compare_digest(
        publish.upload_token.encode(), token.encode("utf-8", "replace")
    ):
        return None
    return publish


def _owner() -> str | None:
    publish = _find()
    return publish.account.id if publish else None


@API.call("tiktok.upload", "/tiktok-upload/video/", "PUT", account=_owner)
def put_chunk() -> Response:
    """Receive the next chunk; the last byte of the last one publishes the video."""
    world = current_world()
    publish = _find()
    if publish is None or publish.plan is None or publish.processing or publish.failure:
        raise Refusal("upload_not_found")
    plan, received = publish.plan, publish.received
    note(publish_id=publish.id, range=request.headers.get("Content-Range"))
    if publish.expires_at <= world.clock.now():
        raise Refusal("upload_url_expired")
    first, last = _read_range(plan)
    _place(publish, plan, first, last)
    with received.busy():
        receive(received)
        note(uploaded_bytes=received.size_bytes)
        if received.size_bytes < plan.video_size:
            received.mark()
            return Response(status=206, headers=_progress(received.size_bytes, plan))
        finish(world, publish)
    return Response(status=201, headers=_progress(plan.video_size, plan))


def _progress(size: int, plan: ChunkPlan) -> dict[str, str]:
    return {"Content-Range": f"bytes 0-{size}/{plan.video_size}"}


def _read_range(plan: ChunkPlan) -> tuple[int, int]:
    match = RANGE.fullmatch(request.headers.get("Content-Range", ""))
    if match is None:
        raise Refusal("upload_bad_request", "Content-Range is missing or malformed")
    first, last, total = map(int, match.groups())
    if total != plan.video_size or not first <= last < total:
        raise Refusal("upload_bad_request", "Content-Range does not fit the video")
    if request.mimetype not in CONTENT_TYPES:
        raise Refusal("upload_bad_request", "Content-Type must be a video type")
    if request.content_length != last - first + 1:
        raise Refusal("upload_bad_request", "Content-Length does not fit Content-Range")
    return first, last


def _place(publish: Publish, plan: ChunkPlan, first: int, last: int) -> None:
    """Check that the chunk continues the upload, or repeats its last chunk.

    TikTok reports bytes, not chunks: after a cut, a client may resume at the byte reached, or
    send the broken chunk again from its start.
    """
    reached = publish.received.seize()
    if publish.processing:  # the stream that we waited for has completed the upload
        raise Refusal("upload_not_found")
    chunk_start = min(reached // plan.chunk_size, plan.chunks - 1) * plan.chunk_size
    if first not in (reached, chunk_start):
        raise Refusal("upload_out_of_range", headers=_progress(reached, plan))
    if last + 1 != plan.chunk_end(first):
        raise Refusal("upload_bad_request", "the chunk does not end where the plan says")
    if first != reached:
        publish.received.rewind()
