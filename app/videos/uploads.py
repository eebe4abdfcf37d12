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
from app.storage.errors import InvalidLink, ObjectMissing, UploadTaken, WrongLength
from app.storage.keys import UPLOADS, content_type_of, suffix_of
from app.videos.errors import LinkRefused, LinkUsed
from app.videos.settle import settle_uploads

#: TikTok's own limit, and below what S3 and R2 accept in one PUT.
UPLOAD_MAX_BYTES = 4 * 10**9
LINK_SECONDS = 3600
TITLE_MAX = 500
_ARRIVED = "The upload has already arrived; request another link"
_DELETED = "The video of this link has been deleted"
_TYPE = re.compile(
    # The characters of a type are those of RFC 6838 §4.2.
    r"(video/[a-z0-9][a-z0-9!#$&^_.+-]*|application/octet-stream)( *;[\x20-\x7e]*[\x21-\x7e])?",
    re.IGNORECASE | re.ASCII,
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def is_upload_type(content_type: str) -> bool:
    """Tell whether a file of this media type may be uploaded: a video, or of an unknown type."""
    return _TYPE.fullmatch(content_type) is not None


def open_upload(
    user_id: str, filename: str, content_type: str, size_bytes: int, now: datetime
) -> tuple[Video, SignedUpload]:
    """Create a video that is yet to arrive; return it and how to upload its object.

    `content_type` passes `is_upload_type`; what the file is, only the probe will know. Of the file
    name, only the extension of a video gets into the key. Raises `StorageError`.
    """
    video_id = new_id()
    key = f"{UPLOADS}{video_id}{_suffix(filename, content_type)}"
    storage = current_storage()
    # A browser sends the whole type of a `Blob` in lower case, parameters included:
    # https://w3c.github.io/FileAPI/#constructorBlob
    signed = storage.signed_put(key, content_type.lower(), size_bytes, LINK_SECONDS)
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
    """Stream an upload's body into the store, and inspect it right away if there is a place.

    Raises `LinkRefused` when the body ends too soon or the video was deleted meanwhile, `LinkUsed`
    if another has arrived by the same link, any `StorageError` (`StoreUnavailable` while another is
    arriving), and whatever reading the body raises.
    """
    storage = current_storage()
    try:
        storage.receive(grant.key, body, grant.size_bytes)
    except WrongLength as exc:
        raise LinkRefused(400, str(exc)) from exc
    except UploadTaken as exc:
        raise LinkUsed(str(exc)) from exc
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


def _suffix(filename: str, content_type: str) -> str:
    given = PurePosixPath(filename).suffix.lower()
    if content_type_of(given).startswith("video/"):
        return given
    return suffix_of(content_type.partition(";")[0].strip().lower())


def _title(filename: str) -> str:
    stem = PurePosixPath(filename.replace("\\", "/")).stem
    return _CONTROLS.sub(" ", stem).strip()[:TITLE_MAX] or "Untitled"
