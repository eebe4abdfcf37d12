"""YouTube: opening a resumable upload session. Creates no video yet, but costs one upload."""

from datetime import timedelta
from typing import Any

from flask import Response, request

from sandbox.core import ids
from sandbox.core.accounts import Account
from sandbox.core.bodies import Received
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.world import World, current_world
from sandbox.youtube.accounts import MAY_UPLOAD
from sandbox.youtube.api import API, authorize, read_body, read_parts
from sandbox.youtube.rules import check_publish_at, check_resource
from sandbox.youtube.state import Session, YouTubeState

MAX_VIDEO_BYTES = 256 * 2**30
PARTS = frozenset(
    "snippet status recordingDetails localizations contentDetails processingDetails statistics"
    " fileDetails id".split()
)


@API.call("youtube.session", "/youtube/upload/youtube/v3/videos", "POST")
def open_session() -> Response:
    """Check the video resource and return the session URI in `Location`."""
    world = current_world()
    account = authorize(MAY_UPLOAD, units=0)
    if request.args.get("uploadType") != "resumable":
        raise Refusal("badRequest", "uploadType must be resumable")
    if request.args.get("notifySubscribers", "true") not in ("true", "false"):
        raise Refusal("invalidValue", "notifySubscribers must be true or false")
    parts = read_parts(PARTS)
    size_bytes = _announced_size()
    resource = read_body()
    check_resource(resource, parts)
    check_publish_at(resource.get("status", {}))
    _check_channel(world, account)
    session = _add_session(world, account, resource, parts, size_bytes)
    note(upload=session.upload_id[:8])
    return Response(status=200, headers={"Location": session_uri(session)})


def session_uri(session: Session) -> str:
    """Return the URL that receives the bytes, without any token."""
    path = "youtube/upload/youtube/v3/videos?uploadType=resumable"
    return f"{request.host_url}{path}&upload_id={session.upload_id}"


def _announced_size() -> int:
    length = request.headers.get("X-Upload-Content-Length", "")
    content_type = request.headers.get("X-Upload-Content-Type", "")
    if not length.isdecimal() or not content_type:
        raise Refusal("badRequest", "X-Upload-Content-Length and -Type are required")
    if not is_video_type(content_type) or not 0 < int(length) <= MAX_VIDEO_BYTES:
        raise Refusal("mediaBodyRequired", "The announced media is not a video.")
    return int(length)


def is_video_type(content_type: str) -> bool:
    """Return whether YouTube accepts this content type."""
    return content_type == "application/octet-stream" or content_type.startswith("video/")


def _check_channel(world: World, account: Account) -> None:
    if not account.options.has_channel:
        raise Refusal("youtubeSignupRequired")
    with world.lock:
        uploads = world.part(YouTubeState).channel_uploads
        limit = world.settings.youtube_channel_uploads_per_day
        if uploads.count(account.id, world.clock.now()) >= limit:
            raise Refusal("uploadLimitExceeded")


def _add_session(
    world: World, account: Account, resource: dict[str, Any], parts: list[str], size_bytes: int
) -> Session:
    upload_id = "AHmU" + ids.secret(80)
    lifetime = timedelta(seconds=world.settings.youtube_session_seconds)
    session = Session(
        upload_id=upload_id,
        account=account,
        resource=resource,
        parts=parts,
        size_bytes=size_bytes,
        file_name=request.headers.get("Slug", ""),
        expires_at=world.clock.now() + lifetime,
        received=Received(world.upload_dir / f"youtube-{upload_id}.part"),
    )
    with world.lock:
        world.part(YouTubeState).sessions[upload_id] = session
    return session
