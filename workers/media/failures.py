"""Maps the errors of a transcode to what is at fault: the video, the store, or this service.

The codes and messages are for users, who read of a "conversion".
"""

from __future__ import annotations

from app.failures import Category, Failure
from app.storage.errors import ObjectChanged, ObjectMissing, StorageError
from workers.media.ffmpeg import NoFfmpeg
from workers.media.running import FfmpegFailed
from workers.media.workspace import DiskTooSmall

_PERMANENT: dict[type[Exception], Failure] = {
    ObjectMissing: Failure("video_missing", Category.VIDEO, "the video is no longer in the store"),
    ObjectChanged: Failure(
        "video_changed", Category.VIDEO, "the video was replaced while it was converted"
    ),
    DiskTooSmall: Failure(
        "too_large_to_convert",
        Category.INTERNAL,
        "the video is too large to be converted by this service",
    ),
    NoFfmpeg: Failure("no_ffmpeg", Category.INTERNAL, "no suitable ffmpeg was found"),
}


def failure_of(error: Exception) -> tuple[Failure, bool]:
    """Return the failure to store for an error, and whether it is permanent: no retry helps."""
    if type(error) in _PERMANENT:
        return _PERMANENT[type(error)], True
    if isinstance(error, FfmpegFailed):
        category = Category.VIDEO if error.is_video_fault else Category.INTERNAL
        return Failure(error.code, category, error.sentence), error.is_permanent
    if isinstance(error, StorageError):
        sentence = "the video store does not respond"
        return Failure("store_unavailable", Category.NETWORK, sentence), False
    return Failure("disk_full", Category.INTERNAL, "not enough disk space to convert"), False


def rendition_lost_workers(count: int) -> Failure:
    """Return the failure of a rendition that `count` workers in a row died on."""
    return Failure(
        "conversion_lost",
        Category.INTERNAL,
        f"{count} workers were lost while they converted the video",
    )
