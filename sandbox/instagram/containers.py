"""Instagram: creating containers, which are visible to nobody."""

from typing import Any

from flask import Response, request

from sandbox.core import ids, processing
from sandbox.core.accounts import Account
from sandbox.core.bodies import Received
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.fetch import FetchFailed, opened, pieces
from sandbox.core.world import World, current_world
from sandbox.instagram.accounts import PUBLISHING
from sandbox.instagram.api import API, answer, authorize
from sandbox.instagram.rules import MAX_VIDEO_BYTES, check_container, read_parameters, video_failure
from sandbox.instagram.state import Container, state

VIDEO_TYPES = ("video/", "application/octet-stream")
MAX_COVER_BYTES = 8_000_000
JPEG = b"\xff\xd8\xff"


def check_own_user(account: Account, user_id: str) -> None:
    """Refuse a path with another user than the token's."""
    if user_id not in (account.id, "me"):
        raise Refusal("100/33")


@API.call("instagram.container", "/graph/<version>/<user_id>/media", "POST")
@API.call("instagram.container", "/instagram/<version>/<user_id>/media", "POST")
def make_container(version: str, user_id: str) -> Response:
    """Create a container; a video URL is fetched now, otherwise `uri` accepts the bytes."""
    account = authorize(version, PUBLISHING)
    check_own_user(account, user_id)
    parameters = read_parameters()
    check_container(parameters, may_resume=account.options.login_type == "facebook")
    world = current_world()
    _count(world, account)
    _check_cover(parameters)
    container = _add_container(world, account, parameters)
    note(container=container.id)
    if container.is_resumable:
        uri = f"{request.host_url}rupload/ig-api-upload/{version}/{container.id}"
        return answer(id=container.id, uri=uri)
    fetch_video(container, parameters["video_url"])
    complete(world, container)
    return answer(id=container.id)


def _count(world: World, account: Account) -> None:
    now = world.clock.now()
    with world.lock:
        if state().made.count(account.id, now) >= world.settings.instagram_containers_per_day:
            raise Refusal("4", "Too many containers within 24 hours.")
        state().made.add(account.id, now)


def _check_cover(parameters: dict[str, Any]) -> None:
    if "cover_url" not in parameters:
        return
    try:
        with opened(parameters["cover_url"]) as source:
            cover = b"".join(pieces(source, MAX_COVER_BYTES))
    except FetchFailed as exc:
        code = "36000/2207004" if "too large" in str(exc) else "9004/2207052"
        raise Refusal(code) from exc
    if not cover.startswith(JPEG):
        raise Refusal("36001/2207005")


def _add_container(world: World, account: Account, parameters: dict[str, Any]) -> Container:
    container_id = str(ids.number(17, "17"))
    container = Container(
        id=container_id,
        account=account,
        parameters=parameters,
        is_resumable="upload_type" in parameters,
        created_at=world.clock.now(),
        received=Received(world.upload_dir / f"instagram-{container_id}.part"),
    )
    with world.lock:
        state().containers[container_id] = container
    return container


def fetch_video(container: Container, url: str) -> None:
    """Download the video. Refuses what cannot be fetched or has no video content type."""
    try:
        with opened(url) as source:
            if not str(source.getheader("Content-Type", "")).startswith(VIDEO_TYPES):
                raise Refusal("9004/2207052", "The URI does not give a video.")
            container.received.take(pieces(source, MAX_VIDEO_BYTES))
    except FetchFailed as exc:
        container.received.remove()
        raise Refusal("9004/2207052") from exc


def complete(world: World, container: Container) -> None:
    """Start processing once every byte has arrived."""
    container.video = processing.inspect(container.received)
    failure = video_failure(
        world, container.video.probe, container.video.size_bytes, container.parameters
    )
    container.processing = processing.begin(world, "INSTAGRAM", container.account.id, failure)
