"""Looking at an object and writing down what it is."""

from __future__ import annotations

from app.media.probe import Probe, probe
from app.models import Video
from app.states import VideoState
from app.storage import StoredObject, current_storage
from app.storage.errors import ObjectChanged, StoreUnavailable


def examine(key: str) -> tuple[StoredObject, Probe]:
    """Return an object of the store and what it holds. Takes seconds: hold no connection.

    Raises `VideoInvalid` and any `StorageError`.
    """
    storage = current_storage()
    stored = storage.stat(key)
    try:
        return stored, probe(storage, key, stored)
    except ObjectChanged as exc:
        raise StoreUnavailable("The object is being replaced at this moment.") from exc


def describe(video: Video, stored: StoredObject, facts: Probe) -> None:
    """Write what was found into a video's row, and make it ready."""
    video.state = VideoState.READY
    video.state_reason = ""
    video.etag = stored.etag
    video.file_size = stored.size_bytes
    video.duration_seconds = facts.duration_seconds
    video.format = facts.container
    video.resolution = f"{facts.width}x{facts.height}"
    video.probe = facts.dump()
