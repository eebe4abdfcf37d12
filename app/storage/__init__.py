"""The video store: a folder, or a bucket of R2 or any other S3-compatible service.

`open_storage` picks the one that the settings name; no other code knows which it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app

from app.storage.base import Readable, SignedUpload, Storage, StoredObject, Stream, UploadGrant
from app.storage.folder import FolderStorage
from app.storage.links import LinkSigner
from app.storage.s3 import Bucket, S3Storage

__all__ = [
    "Readable",
    "SignedUpload",
    "Storage",
    "StorageSettings",
    "StoredObject",
    "Stream",
    "UploadGrant",
    "current_storage",
    "open_storage",
]


@dataclass(frozen=True)
class StorageSettings:
    """The location of the store: without `endpoint_url`, the folder `video_dir`.

    `public_url` is this service's own address. The first of `signing_keys` signs the folder's
    links, and each of them verifies.
    """

    video_dir: Path
    public_url: str
    signing_keys: tuple[str, ...] = field(repr=False)
    endpoint_url: str = ""
    bucket: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)


def open_storage(settings: StorageSettings) -> Storage:
    """Return the store that `settings` name. Opens no connection, so an outage cannot fail it."""
    if not settings.endpoint_url:
        return FolderStorage(
            settings.video_dir, settings.public_url, LinkSigner(settings.signing_keys)
        )
    return S3Storage(
        Bucket(
            endpoint_url=settings.endpoint_url,
            name=settings.bucket,
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
        )
    )


def current_storage() -> Storage:
    """Return the running application's video store."""
    storage = current_app.extensions["storage"]
    assert isinstance(storage, Storage)
    return storage
