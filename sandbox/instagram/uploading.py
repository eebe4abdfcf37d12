"""Instagram's upload host: one body from `offset` to the end, and failures in `debug_info`."""

from flask import Response, jsonify, request

from sandbox.core.bodies import receive
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.fetch import FetchFailed, opened, pieces
from sandbox.core.world import current_world
from sandbox.instagram.api import API, check_token
from sandbox.instagram.containers import complete
from sandbox.instagram.rules import MAX_VIDEO_BYTES
from sandbox.instagram.state import Container, state


def _find(container_id: str) -> Container | None:
    with current_world().lock:
        return state().containers.get(container_id)


def _owner(version: str, container_id: str) -> str | None:
    container = _find(container_id)
    return container.account.id if container else None


@API.call(
    "instagram.upload",
    "/rupload/ig-api-upload/<version>/<container_id>",
    "POST",
    account=_owner,
)
def upload_bytes(version: str, container_id: str) -> Response:
    """Receive the rest of the file; once complete, processing starts."""
    container = _authorized(version, container_id)
    note(container=container.id, offset=request.headers.get("offset"))
    if "file_url" not in request.headers:
        _check_place(container)
    with container.received.busy():
        if "file_url" in request.headers:
            _fetch(container, request.headers["file_url"])
        else:
            receive(container.received)
        note(received_bytes=container.received.size_bytes)
        complete(current_world(), container)
    return jsonify(success=True, message="Upload successful.")


def _authorized(version: str, container_id: str) -> Container:
    world = current_world()
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme != "OAuth":
        raise Refusal("rupload_bad_token", "Authorization must be OAuth <token>")
    try:
        account = check_token(world.accounts.access(value.strip()), login_type="facebook")
    except Refusal as refusal:
        raise Refusal("rupload_bad_token", refusal.message) from refusal
    container = _find(container_id)
    is_pinned = version == world.settings.instagram_graph_version
    if container is None or container.account is not account or not is_pinned:
        raise Refusal("rupload_file_not_found")
    state_now = container.status_code(world.clock.now())
    if not container.is_resumable or container.processing or state_now != "IN_PROGRESS":
        raise Refusal("rupload_not_retriable", f"The container takes no bytes: {state_now}")
    return container


def _check_place(container: Container) -> None:
    offset, file_size = request.headers.get("offset", ""), request.headers.get("file_size", "")
    if not offset.isdecimal() or not file_size.isdecimal():
        raise Refusal("rupload_not_retriable", "offset and file_size must be numbers")
    total = int(file_size)
    if not 0 < total <= MAX_VIDEO_BYTES or container.file_size not in (None, total):
        raise Refusal("rupload_not_retriable", "file_size is invalid or has changed")
    if int(offset) != container.received.seize():
        raise Refusal("rupload_not_retriable", "offset does not continue the upload")
    if request.content_length != total - int(offset):
        raise Refusal("rupload_not_retriable", "the body must hold the whole rest of the file")
    container.file_size = total


def _fetch(container: Container, url: str) -> None:
    if request.content_length:
        raise Refusal("rupload_not_retriable", "file_url comes without a body")
    try:
        with opened(url) as source:
            container.received.take(pieces(source, MAX_VIDEO_BYTES))
    except FetchFailed as exc:
        raise Refusal("rupload_file_not_found") from exc
