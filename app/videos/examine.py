"""Inspection of a stored object, and how its facts get into the row."""

from __future__ import annotations

from contextlib import AbstractContextManager

from app.media.facts import Probe
from app.media.probe import probe
from app.models import Video
from app.states import VideoState
from app.storage import StoredObject, current_storage
from app.storage.errors import ObjectChanged, StoreUnavailable
from app.videos.places import Places

#: Of this process: each inspection may take a gigabyte.
_PLACES = Places(2)
#: How long to wait for a place where the caller cannot do without.
WAIT_SECONDS = 5.0


def examine(key: str) -> tuple[StoredObject, Probe]:
    """Inspect an object. Takes seconds: do not hold a database connection meanwhile.

    Raises `VideoInvalid` and any `StorageError`: `StoreUnavailable` also while too many others are
    inspected.
    """
    stored = current_storage().stat(key)
    with place_to_inspect(key, WAIT_SECONDS):
        return stored, inspect(key, stored)


def place_to_inspect(key: str, wait_seconds: float) -> AbstractContextManager[None]:
    """Have a place to inspect an object, which nobody else inspects meanwhile.

    Raises `StoreUnavailable`.
    """
    return _PLACES.take(key, wait_seconds, "Too many videos are being inspected right now.")


def inspect(key: str, stored: StoredObject) -> Probe:
    """Inspect an object, for which there is a place. Raises as `examine`."""
    try:
        return probe(current_storage(), key, stored)
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
