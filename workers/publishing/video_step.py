"""The `video` step: check that the object is there, and what it is."""

from __future__ import annotations

from app.database.transaction import transaction
from app.media.facts import VideoInvalid
from app.models import Video
from app.states import VideoState
from app.storage import current_storage
from app.videos.examine import examine, set_facts
from app.videos.settle import settle_upload
from workers.errors import VideoRefused
from workers.platforms.sources import video_replaced
from workers.publishing.source import store_errors


def known_video(video_id: str) -> Video:
    """Return the video's row, without checking the object."""
    with transaction() as session:
        return session.get_one(Video, video_id, populate_existing=True)


def checked_video(video_id: str, *, must_be_the_same: bool) -> Video:
    """Return the video's row after checking the object, which is probed again if replaced.

    `must_be_the_same`: bytes of it were already sent. Raises `VideoRefused` for an object that is
    missing, not a video or, in that case, replaced, and `NetworkFailure` if the store does not
    respond.
    """
    video = known_video(video_id)
    if video.deleted_at is not None:
        raise VideoRefused("video_deleted", "the video was deleted", hint="Publish another one")
    with store_errors():
        if video.state is VideoState.UPLOADING:
            video = settle_upload(video_id)
        if video.state is VideoState.UPLOADING:
            raise VideoRefused(
                "video_missing", "the video was never uploaded", hint="Upload it, then retry"
            )
        if video.state is VideoState.INVALID:
            raise VideoRefused("video_invalid", video.state_reason, hint="Upload another export")
        stored = current_storage().stat(video.r2_key)
        if stored.etag == video.etag and stored.size_bytes == video.file_size:
            return video
        if must_be_the_same:
            raise video_replaced()
        return _probe_again(video)


def _probe_again(video: Video) -> Video:
    try:
        stored, facts = examine(video.r2_key)
    except VideoInvalid as exc:
        raise VideoRefused("video_invalid", exc.sentence, hint="Upload another export") from exc
    with transaction() as session:
        current = session.get_one(Video, video.id, populate_existing=True, with_for_update=True)
        set_facts(current, stored, facts)
    return current
