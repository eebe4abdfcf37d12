"""What a conversion that failed is put down to: the video, the video store, or this service."""

from __future__ import annotations

from app.failures import Category, Failure
from app.storage.errors import ObjectChanged, ObjectMissing, StorageError
from workers.media.ffmpeg import NoFfmpeg
from workers.media.running import FfmpegFailed
from workers.media.workspace import DiskTooSmall

_HOPELESS: dict[type[Exception], Failure] = {
    ObjectMissing: Failure("video_missing", Category.VIDEO, "the video is not there any more"),
    ObjectChanged: Failure(
        "video_changed", Category.VIDEO, "the video was replaced while it was converted"
    ),
    DiskTooSmall: Failure(
        "too_large_to_convert",
        Category.INTERNAL,
        "the video is too large to be converted by this service",
    ),
    NoFfmpeg: Failure("no_ffmpeg", Category.INTERNAL, "there is no fit ffmpeg"),
}


def judged(error: Exception) -> tuple[Failure, bool]:
    """Return the failure that an error means, and whether trying again cannot help."""
    if type(error) in _HOPELESS:
        return _HOPELESS[type(error)], True
    if isinstance(error, FfmpegFailed):
        category = Category.VIDEO if error.is_videos else Category.INTERNAL
        return Failure(error.code, category, error.sentence), error.is_hopeless
    if isinstance(error, StorageError):
        sentence = "the video store does not answer"
        return Failure("store_unavailable", Category.NETWORK, sentence), False
    return Failure("disk_full", Category.INTERNAL, "there is no room to convert in"), False


def workers_lost(count: int) -> Failure:
    """Return the failure of a rendition at which one worker after another was lost."""
    return Failure(
        "conversion_lost",
        Category.INTERNAL,
        f"{count} workers were lost while they converted the video",
    )
