"""Files as objects of a store: what one is, how it is read, and what its errors mean."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from app.storage.base import StoredObject, Stream
from app.storage.errors import InvalidKey, ObjectChanged, ObjectMissing, StoreUnavailable
from app.storage.keys import content_type_of

_BAD_NAMES = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ})


class FileStream(Stream):
    """A range of an open file, watched: bytes of another version are never handed out."""

    def __init__(self, file: BinaryIO, key: str, length: int, etag: str) -> None:
        super().__init__(length)
        self._file = file
        self._key = key
        self._etag = etag
        self._length = length

    def seek(self, first: int) -> None:
        """Go to the range's start; raises `ObjectChanged` where the file has no such range."""
        now = self._unchanged()
        if first + self._length > now.size_bytes:
            raise ObjectChanged("The video is shorter than it was when it was looked at.")
        self._file.seek(first)

    def close(self) -> None:
        self._file.close()

    def _fetch(self, size: int) -> bytes:
        with translated():
            piece = self._file.read(size)
        self._unchanged()
        return piece

    def _unchanged(self) -> StoredObject:
        now = described(os.fstat(self._file.fileno()), self._key)
        if now.etag != self._etag:
            raise ObjectChanged("The video was replaced since it was looked at.")
        return now


def described(found: os.stat_result, key: str) -> StoredObject:
    """Return what a file is as an object; raises `ObjectMissing` for anything but a plain file.

    The etag is made of the inode, the time and the size: a whole video is never read for it.
    """
    if not stat.S_ISREG(found.st_mode):
        raise ObjectMissing("The key names no video.")
    etag = f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'
    return StoredObject(found.st_size, etag, content_type_of(key))


@contextmanager
def translated() -> Iterator[None]:
    """Turn the file system's errors into those of the store."""
    try:
        yield
    except FileNotFoundError as exc:
        raise ObjectMissing("The video is not in the store.") from exc
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as exc:
        raise InvalidKey("The key of a video names a folder, or lies below a video.") from exc
    except OSError as exc:
        if exc.errno in _BAD_NAMES:
            raise InvalidKey("The key of a video is no name that a folder can hold.") from exc
        raise StoreUnavailable(f"The folder of videos cannot be used: {exc.strerror}.") from exc
    except RuntimeError as exc:  # how Path.resolve() tells of links that lead in a circle
        raise InvalidKey("The key of a video leads in a circle.") from exc
