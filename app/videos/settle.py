"""Finding out what became of direct uploads, and letting those go that never came."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.database.transaction import transaction
from app.media.probe import VideoInvalid
from app.models import Video
from app.models.video import NOT_READY
from app.states import VideoState
from app.storage.errors import ObjectMissing, StorageError
from app.videos.examine import describe, examine

#: A body that began to arrive before its link expired may take this long.
LATE = timedelta(hours=24)
NEVER_CAME = "The upload did not arrive before its link expired."
#: For how long one pruning looks for uploads: the sweep of jobs waits for it meanwhile.
_PRUNE_SECONDS = 20.0


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
        return _end(video_id, NEVER_CAME)
    except VideoInvalid as exc:
        return _end(video_id, exc.sentence)
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.state is VideoState.UPLOADING:
            describe(video, stored, facts)
    return video


def settle_uploads(videos: Sequence[Video], seconds: float) -> list[Video]:
    """Settle those of the videos that are `uploading`; return all of them as they are now.

    Those to which it does not come within about `seconds`, and all where the store does not
    answer, stay as they are known.
    """
    until = time.monotonic() + seconds
    settled = list(videos)
    for position, video in enumerate(videos):
        if video.state is not VideoState.UPLOADING:
            continue
        if time.monotonic() >= until:
            break
        try:
            settled[position] = settle_upload(video.id)
        except StorageError:
            break  # to ask it for each of the others would only take as long again
    return settled


def settle_overdue(now: datetime, limit: int) -> None:
    """Look for uploads that nobody has asked for since their time was over."""
    awaited = Video.state == VideoState.UPLOADING
    query = select(Video).where(NOT_READY, awaited, _is_over(now))
    with transaction() as session:
        overdue = session.scalars(query.order_by(Video.upload_expires_at).limit(limit)).all()
    settle_uploads(overdue, _PRUNE_SECONDS)


def delete_lost(session: Session, now: datetime, limit: int) -> int:
    """Delete uploads that were found never to have come, and return how many.

    No job refers to them: none is taken on for a video that is not there.
    """
    lost = select(Video.id).where(NOT_READY, Video.state_reason == NEVER_CAME, _is_over(now))
    ids = session.scalars(lost.limit(limit)).all()
    session.execute(delete(Video).where(Video.id.in_(ids)))
    return len(ids)


def _is_over(now: datetime) -> ColumnElement[bool]:
    return Video.upload_expires_at < now - LATE


def _may_still_come(video: Video, now: datetime) -> bool:
    return video.upload_expires_at is None or now < video.upload_expires_at + LATE


def _end(video_id: str, reason: str) -> Video:
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.state is VideoState.UPLOADING:
            video.state = VideoState.INVALID
            video.state_reason = reason
    return video
