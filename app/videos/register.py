"""Registering an object that is in the store already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.media.probe import Probe, VideoInvalid
from app.models import Video
from app.states import VideoState
from app.storage import StoredObject, current_storage
from app.storage.errors import InvalidKey, ObjectMissing
from app.storage.keys import RENDITIONS, UPLOADS
from app.videos.errors import ObjectRefused
from app.videos.examine import describe, examine

MISSING = "There is no such object in the video store"
OURS = "Keys under renditions/, and uploads/ of others, are not for registering"


def register_video(user_id: str, r2_key: str, title: str, now: datetime) -> tuple[Video, bool]:
    """Store a video for an object, and return it and whether it is new.

    The same object registered again, unchanged, is the same video, under its latest title.
    Raises `ObjectRefused` when there is no such object, when it is another user's (in the same
    words), when its key is one of this service's own, and when it is no video; and any other
    `StorageError`.
    """
    _refuse_ours(user_id, r2_key)
    known = _known(user_id, r2_key, title)
    if known is not None:
        return known, False
    stored, facts = _examined(r2_key)
    return _store(user_id, r2_key, title, stored, facts, now)


def _known(user_id: str, r2_key: str, title: str) -> Video | None:
    """Return the video of an object that is still the one that was examined, unexamined."""
    storage = current_storage()
    try:
        etag = storage.stat(r2_key).etag
    except InvalidKey as exc:
        raise ObjectRefused(str(exc)) from exc
    except ObjectMissing as exc:
        raise ObjectRefused(MISSING) from exc
    with transaction() as session:
        rows = _rows_of(session, r2_key)
        _refuse_others(rows, user_id)
        return _same(rows, etag, title)


def _refuse_ours(user_id: str, r2_key: str) -> None:
    """Refuse what this service has put into the store itself, before the store is asked.

    In the same words whether or not there is such an object.
    """
    if r2_key.startswith(RENDITIONS):
        raise ObjectRefused(OURS)
    if r2_key.startswith(UPLOADS):
        with transaction() as session:
            rows = _rows_of(session, r2_key)
        if not any(row.user_id == user_id for row in rows):
            raise ObjectRefused(OURS)


def _examined(r2_key: str) -> tuple[StoredObject, Probe]:
    try:
        return examine(r2_key)
    except ObjectMissing as exc:
        raise ObjectRefused(MISSING) from exc
    except VideoInvalid as exc:
        raise ObjectRefused(exc.sentence) from exc


def _store(
    user_id: str, r2_key: str, title: str, stored: StoredObject, facts: Probe, now: datetime
) -> tuple[Video, bool]:
    with transaction() as session:
        _one_at_a_time(session, r2_key)
        rows = _rows_of(session, r2_key)
        _refuse_others(rows, user_id)
        known = _same(rows, stored.etag, title)
        if known is not None:
            return known, False
        awaited = [row for row in rows if row.state is VideoState.UPLOADING and _is_live(row)]
        video = awaited[0] if awaited else Video(user_id=user_id, r2_key=r2_key, created_at=now)
        video.title = title
        video.is_upload = any(row.is_upload for row in rows)
        describe(video, stored, facts)
        session.add(video)
    return video, not awaited


def _rows_of(session: Session, r2_key: str) -> Sequence[Video]:
    query = select(Video).where(Video.r2_key == r2_key).order_by(Video.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _refuse_others(rows: Sequence[Video], user_id: str) -> None:
    if any(row.user_id != user_id for row in rows):
        raise ObjectRefused(MISSING)


def _same(rows: Sequence[Video], etag: str, title: str) -> Video | None:
    for row in rows:
        if row.state is VideoState.READY and row.etag == etag and _is_live(row):
            row.title = title
            return row
    return None


def _is_live(row: Video) -> bool:
    return row.deleted_at is None


def _one_at_a_time(session: Session, r2_key: str) -> None:
    """Let two registrations of one key follow each other; SQLite does so by itself."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(r2_key, 0))))
