"""The store for development and single machines: a folder, with links signed by this service."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
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
from app.storage.errors import (
    InvalidKey,
    ObjectChanged,
    ObjectMissing,
    StoreUnavailable,
    WrongLength,
)
from app.storage.keys import checked_key, content_type_of
from app.storage.links import LinkSigner

PIECE_BYTES = 256 * 1024
_PARTIALS = ".partial"


class FolderStorage(Storage):
    """Keeps each object as a file; a write appears whole or not at all."""

    def __init__(self, root: Path, public_url: str, links: LinkSigner) -> None:
        self._root = root
        self._public_url = public_url.rstrip("/")
        self._links = links

    @property
    def has_public_links(self) -> bool:
        return urlsplit(self._public_url).scheme == "https"

    def stat(self, key: str) -> StoredObject:
        with _translated():
            return _described(self._path(key).stat(), key)

    def open(self, key: str, first: int, length: int, etag: str) -> Stream:
        checked_range(first, length)
        with _translated():
            path = self._path(key)
            _described(path.stat(), key)  # before open(), which a FIFO would block
            stream = _FolderStream(path.open("rb", buffering=0), key, length, etag)
        try:
            stream.seek(first)
        except BaseException:
            stream.close()
            raise
        return stream

    def write(self, key: str, body: Readable, length: int) -> StoredObject:
        path = self._path(key)
        with _translated():
            (self._root / _PARTIALS).mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._root / _PARTIALS / uuid4().hex
        try:
            self._fill(partial, body, length)
            with _translated():
                partial.replace(path)
                _sync_folder(path.parent)
        finally:
            partial.unlink(missing_ok=True)
        return self.stat(key)

    def delete(self, key: str) -> None:
        try:
            with _translated():
                self._path(key).unlink()
        except ObjectMissing:
            return

    def signed_get_url(self, key: str, expires_seconds: int) -> str:
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
        oldest = time.time() - older_than_seconds  # a file's own time is not the app's clock
        pruned = 0
        with _translated():
            for partial in (self._root / _PARTIALS).glob("*"):
                if partial.stat().st_mtime < oldest:
                    partial.unlink(missing_ok=True)
                    pruned += 1
        return pruned

    def _path(self, key: str) -> Path:
        """Return where the object is, with links resolved: never outside the folder."""
        root = self._root.resolve()
        with _translated():
            path = (root / checked_key(key)).resolve()
        partials = root / _PARTIALS
        if not path.is_relative_to(root) or path in (root, partials) or partials in path.parents:
            raise InvalidKey("The key of a video leads out of the folder of videos.")
        return path

    def _fill(self, partial: Path, body: Readable, length: int) -> None:
        left = length
        with _translated():
            file = partial.open("xb", buffering=0)
        with file:
            while left > 0:
                piece = body.read(min(PIECE_BYTES, left))
                if not piece:
                    raise WrongLength(f"The body ended {left} bytes before its declared length.")
                left -= len(piece)
                _write_all(file, piece)
            if left < 0 or body.read(1):
                raise WrongLength("The body is longer than its declared length.")
            with _translated():
                os.fsync(file.fileno())


class _FolderStream(Stream):
    def __init__(self, file: BinaryIO, key: str, length: int, etag: str) -> None:
        super().__init__(length)
        self._file = file
        self._key = key
        self._etag = etag
        self._length = length

    def seek(self, first: int) -> None:
        now = self._unchanged()
        if first + self._length > now.size_bytes:
            raise ObjectChanged("The video is shorter than it was when it was looked at.")
        self._file.seek(first)

    def close(self) -> None:
        self._file.close()

    def _fetch(self, size: int) -> bytes:
        with _translated():
            piece = self._file.read(size)
        self._unchanged()
        return piece

    def _unchanged(self) -> StoredObject:
        now = _described(os.fstat(self._file.fileno()), self._key)
        if now.etag != self._etag:
            raise ObjectChanged("The video was replaced since it was looked at.")
        return now


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise ObjectMissing("The video is not in the store.") from exc
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as exc:
        raise InvalidKey("The key of a video names a folder, or lies below a video.") from exc
    except (OSError, RuntimeError) as exc:  # RuntimeError: links that lead in a circle
        reason = exc.strerror if isinstance(exc, OSError) else "links in a circle"
        raise StoreUnavailable(f"The folder of videos cannot be used: {reason}.") from exc


def _described(found: os.stat_result, key: str) -> StoredObject:
    if not stat.S_ISREG(found.st_mode):
        raise ObjectMissing("The key names no video.")
    etag = f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'
    return StoredObject(found.st_size, etag, content_type_of(key))


def _write_all(file: BinaryIO, piece: bytes) -> None:
    view = memoryview(piece)
    with _translated():
        while view:
            view = view[file.write(view) :]


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, not only the bytes behind it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
