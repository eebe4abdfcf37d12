"""The store for development and single machines: a folder, with links this service signs."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from app.clock import utcnow
from app.storage.base import (
    Readable,
    SignedUpload,
    Storage,
    StoredObject,
    Stream,
    UploadGrant,
    checked_expiry,
    checked_range,
)
from app.storage.errors import InvalidKey, ObjectMissing, UploadTaken, WrongLength
from app.storage.files import FileStream, object_of, open_alone, translate_errors
from app.storage.keys import checked_key
from app.storage.links import LinkSigner

PIECE_BYTES = 256 * 1024
_PARTIALS = ".partial"


class FolderStorage(Storage):
    """Stores each object as a file; writes are atomic."""

    def __init__(self, root: Path, public_url: str, links: LinkSigner) -> None:
        self._root = root
        self._public_url = public_url.rstrip("/")
        self._links = links

    @property
    def has_public_links(self) -> bool:
        return urlsplit(self._public_url).scheme == "https"

    def stat(self, key: str) -> StoredObject:
        with translate_errors():
            return object_of(self._path(key).stat(), key)

    def open(self, key: str, first: int, length: int, etag: str) -> Stream:
        checked_range(first, length)
        with translate_errors():
            path = self._path(key)
            object_of(path.stat(), key)  # before open(), which would block on a FIFO
            stream = FileStream(path.open("rb", buffering=0), key, length, etag)
        try:
            stream.seek(first)
        except BaseException:
            stream.close()
            raise
        return stream

    def write(self, key: str, body: Readable, length: int) -> StoredObject:
        path, partial = self._prepare(key, uuid4().hex)
        with translate_errors():
            file = partial.open("xb", buffering=0)
        with file:
            _store(file, partial, path, body, length)
        return self.stat(key)

    def receive(self, key: str, body: Readable, length: int) -> StoredObject:
        # One name for all uploads of the object, so that they meet there.
        path, partial = self._prepare(key, hashlib.sha256(key.encode()).hexdigest())
        with open_alone(partial) as file:
            if path.exists():  # whoever had the lock before has stored it
                partial.unlink()
                raise UploadTaken("The upload is already in the store.")
            _store(file, partial, path, body, length)
        return self.stat(key)

    def delete(self, key: str) -> None:
        try:
            with translate_errors():
                self._path(key).unlink()
        except ObjectMissing:
            return

    def signed_get_url(self, key: str, expires_seconds: int, *, content_type: str = "") -> str:
        expires_at = utcnow() + timedelta(seconds=checked_expiry(expires_seconds))
        token = self._links.sign_download(checked_key(key), expires_at)
        return f"{self._public_url}/media/{token}"

    def signed_put(
        self, key: str, content_type: str, size_bytes: int, expires_seconds: int
    ) -> SignedUpload:
        expires_at = utcnow() + timedelta(seconds=checked_expiry(expires_seconds))
        grant = UploadGrant(checked_key(key), content_type, size_bytes, expires_at)
        token = self._links.sign_upload(grant)
        url = f"{self._public_url}/api/videos/uploads/{token}"
        return SignedUpload(url, "PUT", {"Content-Type": content_type}, expires_at)

    def verify_download(self, token: str, now: datetime) -> str:
        return self._links.verify_download(token, now)

    def verify_upload(self, token: str, now: datetime) -> UploadGrant:
        return self._links.verify_upload(token, now)

    def prune_partials(self, older_than_seconds: float) -> int:
        oldest = utcnow().timestamp() - older_than_seconds
        pruned = 0
        with translate_errors():
            for partial in (self._root / _PARTIALS).glob("*"):
                if partial.stat().st_mtime < oldest:
                    partial.unlink(missing_ok=True)
                    pruned += 1
        return pruned

    def _path(self, key: str) -> Path:
        """Return the object's path, with symlinks resolved: never outside the folder."""
        root = self._root.resolve()
        with translate_errors():
            # Unlike Path.resolve(), it leaves a loop of symlinks alone on every Python.
            path = Path(os.path.realpath(root / checked_key(key)))
            if path.is_symlink():
                raise InvalidKey("The video's key contains a symlink loop.")
        partials = root / _PARTIALS
        if not path.is_relative_to(root) or path in (root, partials) or partials in path.parents:
            raise InvalidKey("The video's key leads out of the video folder.")
        return path

    def _prepare(self, key: str, partial_name: str) -> tuple[Path, Path]:
        """Return the paths of an object and of its partial file, in folders that exist."""
        path, partials = self._path(key), self._root / _PARTIALS
        with translate_errors():
            partials.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
        return path, partials / partial_name


def _store(file: FileIO, partial: Path, path: Path, body: Readable, length: int) -> None:
    """Write a body to the partial file and move that to its place, or remove it."""
    try:
        _write_body(file, body, length)
        with translate_errors():
            partial.replace(path)
            _sync_folder(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write_body(file: FileIO, body: Readable, length: int) -> None:
    left = length
    while left > 0:
        piece = body.read(min(PIECE_BYTES, left))
        if not piece:
            raise WrongLength(f"The body ended {left} bytes before its declared length.")
        left -= len(piece)
        _write_all(file, piece)
    if left < 0 or body.read(1):
        raise WrongLength("The body is longer than its declared length.")
    with translate_errors():
        os.fsync(file.fileno())


def _write_all(file: FileIO, piece: bytes) -> None:
    view = memoryview(piece)
    with translate_errors():
        while view:
            view = view[file.write(view) :]


def _sync_folder(folder: Path) -> None:
    """Make the new directory entry durable, not only the file's content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
