"""A look at a video without playing it: one picture, or a sheet of nine."""

from __future__ import annotations

import threading

from app.media.frames import contact_sheet, picture
from app.models import Video
from app.states import VideoState
from app.storage import current_storage
from app.storage.errors import ObjectChanged, ObjectMissing, StoreUnavailable
from app.videos.errors import NoPreview

#: The longest side, in pixels, of a single picture and of each picture of a sheet.
PICTURE_SIDE = 640
SHEET_SIDE = 240
#: Where a caller names no moment: the very first picture is often black.
DEFAULT_SECONDS = 1.0
#: Pictures taken at once by a web process, and how long a caller waits for a turn.
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT_SECONDS = 20.0


def preview_tag(video: Video, at_ms: int | None, *, is_sheet: bool) -> str:
    """Return a text that changes whenever the preview would."""
    return f"{video.etag.strip(chr(34))}-{'sheet' if is_sheet else at_ms}"


def preview(video: Video, at_ms: int | None, *, is_sheet: bool) -> bytes:
    """Return a JPEG of a video: at `at_ms`, or of the whole as a sheet.

    Raises `NoPreview` for a video that is not ready or has no such moment, `VideoInvalid` where
    its pictures cannot be had, and `StoreUnavailable`, also when too many ask at once.
    """
    if video.state is not VideoState.READY or not video.duration_seconds:
        raise NoPreview("The video is not ready, so that there is nothing to see of it")
    seconds = _moment(video.duration_seconds, at_ms)
    storage = current_storage()
    if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        raise StoreUnavailable("Too many pictures are being taken at this moment.")
    try:
        stored = storage.stat(video.r2_key)
        if is_sheet:
            return contact_sheet(storage, video.r2_key, stored, video.duration_seconds, SHEET_SIDE)
        return picture(storage, video.r2_key, stored, seconds, PICTURE_SIDE)
    except (ObjectMissing, ObjectChanged) as exc:
        raise NoPreview("The video is not in the store any more as it was") from exc
    finally:
        _AT_ONCE.release()


def _moment(duration_seconds: float, at_ms: int | None) -> float:
    if at_ms is None:
        return min(DEFAULT_SECONDS, duration_seconds / 2)
    if at_ms / 1000 > duration_seconds:
        raise NoPreview(f"The video ends at {int(duration_seconds * 1000)} ms")
    return at_ms / 1000
