"""Deletion of a video."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.models import PublishJob, Video
from app.renditions.pruning import remove_renditions_of
from app.states import OPEN_STATES
from app.storage import current_storage
from app.storage.errors import StorageError
from app.videos.errors import VideoInUse


def delete_video(user_id: str, video_id: str, now: datetime) -> bool:
    """Delete a video; return whether the user had such a video.

    Its renditions are deleted too, and so is an object that came by a direct upload; a registered
    object is the caller's and stays. Raises `VideoInUse`, and any `StorageError`, on which the
    video stays.
    """
    with transaction() as session:
        video = _locked(session, user_id, video_id)
        if video is None:
            return False
        if _is_needed(session, video_id):
            raise VideoInUse("A job that has not ended needs this video; cancel it first")
        video.deleted_at = now
        is_last = not _has_another_row(session, video)
    if is_last:
        _delete_objects(video)
    return True


def _locked(session: Session, user_id: str, video_id: str) -> Video | None:
    # The lock orders this with the creation of a job, whose row has a foreign key to this one.
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
        # Restore the row: without it, nothing could ever delete the object.
        with transaction() as session:
            session.get_one(Video, video.id).deleted_at = None
        raise
