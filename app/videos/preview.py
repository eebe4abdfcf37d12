"""A preview of a video: one still, or a contact sheet of nine."""

from __future__ import annotations

from app.media.frames import contact_sheet, still
from app.models import Video
from app.states import VideoState
from app.storage import current_storage
from app.storage.errors import ObjectChanged, ObjectMissing
from app.videos.errors import NoPreview
from app.videos.places import Places

#: The longest side, in pixels, of a single still and of each still on a sheet.
STILL_SIDE = 640
SHEET_SIDE = 240
#: The default position: the very first frame is often black.
DEFAULT_SECONDS = 1.0
#: Of a web process, one per user: a slow film of one must not deny everybody's previews.
_PLACES = Places(2)
#: How long a caller waits for a place: a page asks for several pictures at once.
WAIT_SECONDS = 2.0
_BUSY = "Too many previews are being made right now."


def preview_tag(video: Video, at_ms: int | None, *, is_sheet: bool) -> str:
    """Return an ETag value, which changes whenever the preview would."""
    return f"{video.etag.strip(chr(34))}-{'sheet' if is_sheet else at_ms}"


def preview(video: Video, at_ms: int | None, *, is_sheet: bool) -> bytes:
    """Return a JPEG of a video: the frame at `at_ms`, or a contact sheet.

    Raises `NoPreview` for a video that is not ready or a position past its end, `VideoInvalid`
    where no frame can be decoded, and `StoreUnavailable`, also when all places are taken.
    """
    if video.state is VideoState.INVALID:
        raise NoPreview(video.state_reason)
    if video.state is not VideoState.READY or not video.duration_seconds:
        raise NoPreview("The video is not ready, so it has no preview yet")
    seconds = _position(video.duration_seconds, at_ms)
    storage = current_storage()
    try:
        with _PLACES.take(video.user_id, WAIT_SECONDS, _BUSY):
            stored = storage.stat(video.r2_key)
            if is_sheet:
                duration = video.duration_seconds
                return contact_sheet(storage, video.r2_key, stored, duration, SHEET_SIDE)
            return still(storage, video.r2_key, stored, seconds, STILL_SIDE)
    except (ObjectMissing, ObjectChanged) as exc:
        raise NoPreview("The video was removed from the store or replaced") from exc


def _position(duration_seconds: float, at_ms: int | None) -> float:
    if at_ms is None:
        return min(DEFAULT_SECONDS, duration_seconds / 2)
    if at_ms / 1000 > duration_seconds:
        raise NoPreview(f"The video ends at {int(duration_seconds * 1000)} ms")
    return at_ms / 1000
