"""Registration of an object that is already in the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.media.facts import Probe, VideoInvalid
from app.models import Video
from app.states import VideoState
from app.storage import StoredObject, current_storage
from app.storage.errors import InvalidKey, ObjectMissing
from app.storage.keys import RENDITIONS, UPLOADS
from app.videos.errors import ObjectRefused
from app.videos.examine import examine, set_facts

MISSING = "There is no such object in the video store"
RESERVED = "Keys under renditions/, and under uploads/ of other users, cannot be registered"


def register_video(user_id: str, r2_key: str, title: str, now: datetime) -> tuple[Video, bool]:
    """Register an object; return its video and whether that is new.

    Idempotent: the same object, unchanged, is the same video, with the latest title. Raises
    `ObjectRefused` when there is no such object, when it is another user's (with the same message),
    when its key is reserved, and when it is not a video; and any other `StorageError`.
    """
    _refuse_reserved(user_id, r2_key)
    known = _find_unchanged(user_id, r2_key, title)
    if known is not None:
        return known, False
    stored, facts = _examine(r2_key)
    return _store(user_id, r2_key, title, stored, facts, now)


def _find_unchanged(user_id: str, r2_key: str, title: str) -> Video | None:
    """Return the video of an object that has not changed since it was examined, if any."""
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
        return _retitle_unchanged(rows, etag, title)


def _refuse_reserved(user_id: str, r2_key: str) -> None:
    """Refuse keys of this service's own objects, before asking the store.

    The message is the same whether or not the object exists.
    """
    if r2_key.startswith(RENDITIONS):
        raise ObjectRefused(RESERVED)
    if r2_key.startswith(UPLOADS):
        with transaction() as session:
            rows = _rows_of(session, r2_key)
        if not any(row.user_id == user_id for row in rows):
            raise ObjectRefused(RESERVED)


def _examine(r2_key: str) -> tuple[StoredObject, Probe]:
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
        _serialize(session, r2_key)
        rows = _rows_of(session, r2_key)
        _refuse_others(rows, user_id)
        known = _retitle_unchanged(rows, stored.etag, title)
        if known is not None:
            return known, False
        pending = [row for row in rows if row.state is VideoState.UPLOADING and _is_live(row)]
        video = pending[0] if pending else Video(user_id=user_id, r2_key=r2_key, created_at=now)
        video.title = title
        video.is_upload = any(row.is_upload for row in rows)
        set_facts(video, stored, facts)
        session.add(video)
    return video, not pending


def _rows_of(session: Session, r2_key: str) -> Sequence[Video]:
    query = select(Video).where(Video.r2_key == r2_key).order_by(Video.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _refuse_others(rows: Sequence[Video], user_id: str) -> None:
    if any(row.user_id != user_id for row in rows):
        raise ObjectRefused(MISSING)


def _retitle_unchanged(rows: Sequence[Video], etag: str, title: str) -> Video | None:
    for row in rows:
        if row.state is VideoState.READY and row.etag == etag and _is_live(row):
            row.title = title
            return row
    return None


def _is_live(row: Video) -> bool:
    return row.deleted_at is None


def _serialize(session: Session, r2_key: str) -> None:
    """Serialize registrations of one key; SQLite serializes all writers anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(r2_key, 0))))
