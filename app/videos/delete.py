"""Letting a video go."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.models import PublishJob, Video
from app.renditions.removing import remove_renditions_of
from app.states import OPEN_STATES
from app.storage import current_storage
from app.storage.errors import StorageError
from app.videos.errors import VideoInUse


def delete_video(user_id: str, video_id: str, now: datetime) -> bool:
    """Hide a video from its user; tell whether the user had such a video.

    An object that came by a direct upload is ours and goes with it, as does what was made of the
    video for platforms; a registered one is left alone. Raises `VideoInUse`, and any
    `StorageError`, with which the video stays.
    """
    with transaction() as session:
        video = _locked(session, user_id, video_id)
        if video is None:
            return False
        if _is_needed(session, video_id):
            raise VideoInUse("A job that has not ended yet needs this video; cancel it first")
        video.deleted_at = now
        is_last = not _has_another_row(session, video)
    if is_last:
        _delete_objects(video)
    return True


def _locked(session: Session, user_id: str, video_id: str) -> Video | None:
    # A job that is being created at this moment waits for the lock, or we for it: its row
    # refers to this one.
    query = select(Video).where(
        Video.id == video_id, Video.user_id == user_id, Video.deleted_at.is_(None)
    )
    return session.scalars(query.with_for_update()).one_or_none()


def _is_needed(session: Session, video_id: str) -> bool:
    needed = exists().where(PublishJob.video_id == video_id, PublishJob.state.in_(OPEN_STATES))
    return bool(session.scalar(select(needed)))


def _has_another_row(session: Session, video: Video) -> bool:
    other = exists().where(
        Video.r2_key == video.r2_key, Video.id != video.id, Video.deleted_at.is_(None)
    )
    return bool(session.scalar(select(other)))


def _delete_objects(video: Video) -> None:
    storage = current_storage()
    try:
        remove_renditions_of(video.r2_key)
        if video.is_upload:
            storage.delete(video.r2_key)
    except StorageError:
        # Otherwise nothing would remember the object, and nobody could delete it any more.
        with transaction() as session:
            session.get_one(Video, video.id).deleted_at = None
        raise
