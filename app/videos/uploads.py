"""Direct uploads: a signed link for one object, and, for a folder store, the receiving end."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import PurePosixPath

from sqlalchemy import select

from app.database.transaction import transaction
from app.ids import new_id
from app.models import Video
from app.states import VideoState
from app.storage import Readable, SignedUpload, Storage, UploadGrant, current_storage
from app.storage.errors import InvalidLink, ObjectMissing, WrongLength
from app.storage.keys import UPLOADS
from app.videos.errors import LinkRefused, LinkUsed
from app.videos.settle import settle_uploads

#: Media types that at least one platform accepts, each with its file name extensions.
UPLOAD_TYPES: dict[str, tuple[str, ...]] = {
    "video/mp4": ("mp4", "m4v"),
    "video/quicktime": ("mov", "qt"),
    "video/webm": ("webm",),
    "video/3gpp": ("3gp",),
    "video/mpeg": ("mpg", "mpeg"),
    "video/x-flv": ("flv",),
    "video/x-ms-wmv": ("wmv",),
    "video/x-msvideo": ("avi",),
}
#: TikTok's own limit, and below what S3 and R2 accept in one PUT.
UPLOAD_MAX_BYTES = 4 * 10**9
LINK_SECONDS = 3600
TITLE_MAX = 500
_ARRIVED = "The upload has already arrived; request another link"
_DELETED = "The video of this link has been deleted"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def open_upload(
    user_id: str, filename: str, content_type: str, size_bytes: int, now: datetime
) -> tuple[Video, SignedUpload]:
    """Create a video that is yet to arrive; return it and how to upload its object.

    `content_type` is one of `UPLOAD_TYPES`. Of the file name, only a known extension gets into
    the key. Raises `StorageError`.
    """
    video_id = new_id()
    key = f"{UPLOADS}{video_id}.{_extension(filename, content_type)}"
    storage = current_storage()
    signed = storage.signed_put(key, content_type, size_bytes, LINK_SECONDS)
    video = Video(
        id=video_id,
        user_id=user_id,
        r2_key=key,
        title=_title(filename),
        state=VideoState.UPLOADING,
        is_upload=True,
        upload_expires_at=signed.expires_at,
        file_size=size_bytes,
        created_at=now,
    )
    with transaction() as session:
        session.add(video)
    return video, signed


def check_link(token: str, content_type: str, length: int | None, now: datetime) -> UploadGrant:
    """Return what a link allows, if the announced upload matches it.

    Raises `LinkRefused` and `LinkUsed`.
    """
    storage = current_storage()
    try:
        grant = storage.verify_upload(token, now)
    except InvalidLink as exc:
        raise LinkRefused(403, str(exc)) from exc
    if length is None:
        raise LinkRefused(411, "The upload must announce its length: Content-Length")
    if length > grant.size_bytes:
        raise LinkRefused(413, f"The link was signed for {grant.size_bytes} bytes, not {length}")
    if length < grant.size_bytes:
        raise LinkRefused(400, f"The link was signed for {grant.size_bytes} bytes, not {length}")
    if content_type.lower() != grant.content_type:
        raise LinkRefused(400, f"The link was signed for Content-Type {grant.content_type}")
    _check_awaited(grant.key, storage)
    return grant


def receive_upload(grant: UploadGrant, body: Readable) -> None:
    """Stream an upload's body into the store, and inspect it right away.

    Raises `LinkRefused` when the body ends too soon or the video was deleted meanwhile, any
    `StorageError`, and whatever reading the body raises.
    """
    storage = current_storage()
    try:
        storage.write(grant.key, body, grant.size_bytes)
    except WrongLength as exc:
        raise LinkRefused(400, str(exc)) from exc
    video = _video_of(grant.key)
    if video is None:
        storage.delete(grant.key)
        raise LinkRefused(403, _DELETED)
    settle_uploads([video], 1)


def _check_awaited(key: str, storage: Storage) -> None:
    video = _video_of(key)
    if video is None:
        raise LinkRefused(403, _DELETED)
    if video.state is not VideoState.UPLOADING:
        raise LinkUsed(_ARRIVED)
    try:
        storage.stat(key)
    except ObjectMissing:
        return
    raise LinkUsed(_ARRIVED)


def _video_of(key: str) -> Video | None:
    query = select(Video).where(Video.r2_key == key, Video.is_upload, Video.deleted_at.is_(None))
    with transaction() as session:
        return session.scalars(query.order_by(Video.id).limit(1)).one_or_none()


def _extension(filename: str, content_type: str) -> str:
    extensions = UPLOAD_TYPES[content_type]
    given = PurePosixPath(filename).suffix.removeprefix(".").lower()
    return given if given in extensions else extensions[0]


def _title(filename: str) -> str:
    stem = PurePosixPath(filename.replace("\\", "/")).stem
    return _CONTROLS.sub(" ", stem).strip()[:TITLE_MAX] or "Untitled"
