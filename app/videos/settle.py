"""Finding out what became of a direct upload."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.clock import utcnow
from app.media.probe import VideoInvalid
from app.models import Video
from app.publishing.transaction import transaction
from app.states import VideoState
from app.storage.errors import ObjectMissing
from app.videos.examine import describe, examine

#: A body that began to arrive before its link expired may take this long.
LATE = timedelta(hours=24)


def settle_upload(video_id: str) -> Video:
    """Look whether an upload has arrived, and return the video as it is now.

    A video that is not `uploading` is returned as it is; one that has arrived becomes `ready` or
    `invalid`, one that never came `invalid`. Safe to call twice or at once. Raises
    `StoreUnavailable` when that cannot be found out now.
    """
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True)
    if video.state is not VideoState.UPLOADING:
        return video
    try:
        stored, facts = examine(video.r2_key)
    except ObjectMissing:
        if _may_still_come(video, utcnow()):
            return video
        return _end(video_id, "The upload did not arrive before its link expired.")
    except VideoInvalid as exc:
        return _end(video_id, exc.sentence)
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.state is VideoState.UPLOADING:
            describe(video, stored, facts)
    return video


def _may_still_come(video: Video, now: datetime) -> bool:
    return video.upload_expires_at is None or now < video.upload_expires_at + LATE


def _end(video_id: str, reason: str) -> Video:
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.state is VideoState.UPLOADING:
            video.state = VideoState.INVALID
            video.state_reason = reason
    return video
