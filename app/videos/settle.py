"""Settlement of direct uploads: whether they arrived, and expiry of those that did not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import is_id
from app.media.facts import VideoInvalid
from app.models import Video
from app.models.video import NOT_READY
from app.states import VideoState
from app.storage import StoredObject, current_storage
from app.storage.errors import ObjectMissing, StorageError
from app.videos.examine import WAIT_SECONDS, inspect, place_to_inspect, set_facts

#: How long an upload that started before its link expired may still take.
GRACE = timedelta(hours=24)
NEVER_ARRIVED = "The upload did not arrive before its link expired."
#: The time budget of one run: the sweep of jobs waits for it.
_OVERDUE_SECONDS = 20.0


def settle_upload(video_id: str, wait_seconds: float = 0) -> Video:
    """Check whether an upload has arrived, and return the video as it is now.

    A video that is not `uploading` is returned unchanged; one that has arrived becomes `ready` or
    `invalid`, one that never arrived `invalid`. Idempotent, also concurrently. Raises
    `StoreUnavailable` when the store cannot say, and when there is no place to inspect the video
    within `wait_seconds`.
    """
    video = _read(video_id)
    if video.state is not VideoState.UPLOADING:
        return video
    try:
        stored = current_storage().stat(video.r2_key)
        with place_to_inspect(video.r2_key, wait_seconds):
            return _settle_arrived(video_id, stored)
    except ObjectMissing:
        if _may_still_arrive(video, utcnow()):
            return video
        return _mark_invalid(video_id, NEVER_ARRIVED)


def settle_requested(user_id: str, video_ids: Iterable[str | None]) -> None:
    """Settle those of a user's videos that are `uploading`, before a post of them is checked.

    Raises `StoreUnavailable` as `settle_upload` does.
    """
    wanted = {video_id for video_id in video_ids if video_id is not None and is_id(video_id)}
    query = select(Video.id).where(
        Video.user_id == user_id,
        Video.id.in_(wanted),
        Video.state == VideoState.UPLOADING,
        Video.deleted_at.is_(None),
    )
    with transaction() as session:
        awaited = session.scalars(query).all()
    for video_id in awaited:
        settle_upload(video_id, WAIT_SECONDS)


def settle_uploads(videos: Sequence[Video], seconds: float) -> list[Video]:
    """Settle those of the videos that are `uploading`; return all of them as they are now.

    Those not reached within about `seconds` stay as they are, as do all where the store does not
    respond.
    """
    deadline = time.monotonic() + seconds
    settled = list(videos)
    for position, video in enumerate(videos):
        if video.state is not VideoState.UPLOADING:
            continue
        if time.monotonic() >= deadline:
            break
        try:
            settled[position] = settle_upload(video.id)
        except StorageError:
            break  # asking for each of the others would only take as long again
    return settled


def settle_overdue(now: datetime, limit: int) -> None:
    """Settle uploads whose time is over and that nobody has asked about since."""
    awaited = Video.state == VideoState.UPLOADING
    query = select(Video).where(NOT_READY, awaited, _is_overdue(now))
    with transaction() as session:
        overdue = session.scalars(query.order_by(Video.upload_expires_at).limit(limit)).all()
    settle_uploads(overdue, _OVERDUE_SECONDS)


def delete_expired(session: Session, now: datetime, limit: int) -> int:
    """Delete uploads that never arrived, and return how many.

    No job refers to them, since none is accepted for a missing video.
    """
    expired = select(Video.id).where(
        NOT_READY, Video.state_reason == NEVER_ARRIVED, _is_overdue(now)
    )
    ids = session.scalars(expired.limit(limit)).all()
    session.execute(delete(Video).where(Video.id.in_(ids)))
    return len(ids)


def _settle_arrived(video_id: str, stored: StoredObject) -> Video:
    video = _read(video_id)
    if video.state is not VideoState.UPLOADING:
        return video  # who had the place before has settled it
    try:
        facts = inspect(video.r2_key, stored)
    except VideoInvalid as exc:
        return _mark_invalid(video_id, exc.sentence)
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.state is VideoState.UPLOADING:
            set_facts(video, stored, facts)
    return video


def _read(video_id: str) -> Video:
    with transaction() as session:
        return session.get_one(Video, video_id, populate_existing=True)


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    return Video.upload_expires_at < now - GRACE


def _may_still_arrive(video: Video, now: datetime) -> bool:
    return video.upload_expires_at is None or now < video.upload_expires_at + GRACE


def _mark_invalid(video_id: str, reason: str) -> Video:
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.state is VideoState.UPLOADING:
            video.state = VideoState.INVALID
            video.state_reason = reason
    return video
