"""Inspection of a stored object, and how its facts get into the row."""

from __future__ import annotations

from app.media.facts import Probe
from app.media.probe import probe
from app.models import Video
from app.states import VideoState
from app.storage import StoredObject, current_storage
from app.storage.errors import ObjectChanged, StoreUnavailable


def examine(key: str) -> tuple[StoredObject, Probe]:
    """Inspect an object. Takes seconds: do not hold a database connection meanwhile.

    Raises `VideoInvalid` and any `StorageError`.
    """
    storage = current_storage()
    stored = storage.stat(key)
    try:
        return stored, probe(storage, key, stored)
    except ObjectChanged as exc:
        raise StoreUnavailable("The object is being replaced right now.") from exc


def set_facts(video: Video, stored: StoredObject, facts: Probe) -> None:
    """Copy the facts into a video's row and mark it as ready."""
    video.state = VideoState.READY
    video.state_reason = ""
    video.etag = stored.etag
    video.file_size = stored.size_bytes
    video.duration_seconds = facts.duration_seconds
    video.format = facts.container
    video.resolution = f"{facts.width}x{facts.height}"
    video.probe = facts.dump()
