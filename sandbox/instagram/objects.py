"""Instagram: `GET /{id}`, for the id of a container, a reel or the account."""

from datetime import datetime
from typing import Any

from flask import Response

from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.world import current_world
from sandbox.instagram.accounts import BASIC
from sandbox.instagram.api import API, answer, authorize, select
from sandbox.instagram.errors import FAIL_REASONS
from sandbox.instagram.media import describe_media, own_media
from sandbox.instagram.state import Container, state
from sandbox.instagram.users import describe_user

STATUS_TEXT = {
    "IN_PROGRESS": "In Progress: Media is still being processed.",
    "FINISHED": "Finished: Media has been uploaded and it is ready to be published.",
    "PUBLISHED": "Published: Media has been successfully published.",
    "EXPIRED": "Expired: Media was not published within 24 hours.",
}


def read_object(version: str, object_id: str) -> Response:
    """Resolve the id first, so that faults can target containers or reels."""
    name, work = "instagram.media", read_media
    with current_world().lock:
        if object_id in state().containers:
            name, work = "instagram.container_status", read_container
    if current_world().accounts.get(object_id) is not None:
        name, work = "instagram.user", read_user
    return API.serve(name, API.identify(), lambda: work(version, object_id))


API.names += ["instagram.container_status", "instagram.media"]
for _host in ("graph", "instagram"):
    API.blueprint.add_url_rule(
        f"/{_host}/<version>/<object_id>", f"{_host}-object", read_object, methods=["GET"]
    )


def read_user(version: str, object_id: str) -> Response:
    """Return the account's own fields."""
    account = authorize(version, BASIC)
    if account.id != object_id:
        raise Refusal("100/33")
    return answer(**select(describe_user(account)))


def read_media(version: str, object_id: str) -> Response:
    """Return the fields of one of the account's reels."""
    account = authorize(version, BASIC)
    post = own_media(account, object_id)
    return answer(**select(describe_media(post, account, current_world().clock.now())))


def read_container(version: str, object_id: str) -> Response:
    """Return the status of a container."""
    account = authorize(version, BASIC)
    world = current_world()
    with world.lock:
        container = state().containers[object_id]
    if container.account is not account:
        raise Refusal("100/33")
    container.received.settled_bytes()
    return answer(**select(describe_container(container, world.clock.now())))


def describe_container(container: Container, now: datetime) -> dict[str, Any]:
    """Return every field of a container. Never its media: Instagram does not reveal it."""
    code = container.status_code(now)
    note(container=container.id, status_code=code)
    text = STATUS_TEXT.get(code)
    if text is None and container.processing is not None:
        reason = FAIL_REASONS[str(container.processing.failure)]
        text = f"Error: Media upload has failed with error code {reason.code}: {reason.message}"
    return {
        "id": container.id,
        "status_code": code,
        "status": text,
        "video_status": _video_status(container, code),
        "copyright_check_status": {"status": "completed", "matches_found": False},
    }


def _video_status(container: Container, code: str) -> dict[str, Any]:
    received = container.received.size_bytes
    uploading = "complete" if container.processing else "in_progress" if received else "not_started"
    processing = {"status": "not_started"}
    if container.processing is not None:
        states = {"IN_PROGRESS": "in_progress", "ERROR": "error"}
        processing = {"status": states.get(code, "complete")}
    return {
        "uploading_phase": {"status": uploading, "bytes_transferred": received},
        "processing_phase": processing,
    }
