"""Files as stored objects: metadata, reading, and the translation of errors."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from app.storage.base import StoredObject, Stream
from app.storage.errors import (
    InvalidKey,
    ObjectChanged,
    ObjectMissing,
    StoreUnavailable,
)
from app.storage.keys import content_type_of

_BAD_NAMES = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ})


class FileStream(Stream):
    """A range of an open file; never returns bytes of another version."""

    def __init__(self, file: BinaryIO, key: str, length: int, etag: str) -> None:
        super().__init__(length)
        self._file = file
        self._key = key
        self._etag = etag
        self._length = length

    def seek(self, first: int) -> None:
        """Seek to the start of the range; raises `ObjectChanged` if the file is too short."""
        now = self._verify_unchanged()
        if first + self._length > now.size_bytes:
            raise ObjectChanged("The video is shorter than it was when it was inspected.")
        self._file.seek(first)

    def close(self) -> None:
        self._file.close()

    def _fetch(self, size: int) -> bytes:
        with translate_errors():
            piece = self._file.read(size)
        self._verify_unchanged()
        return piece

    def _verify_unchanged(self) -> StoredObject:
        now = object_of(os.fstat(self._file.fileno()), self._key)
        if now.etag != self._etag:
            raise ObjectChanged("The video was replaced since it was inspected.")
        return now


def object_of(found: os.stat_result, key: str) -> StoredObject:
    """Return a file's metadata as an object; raises `ObjectMissing` unless it is a regular file.

    The etag is made of inode, mtime and size, so that no file has to be read for it.
    """
    if not stat.S_ISREG(found.st_mode):
        raise ObjectMissing("The key does not name a video.")
    etag = f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'
    return StoredObject(found.st_size, etag, content_type_of(key))


def open_alone(path: Path) -> FileIO:
    """Open a file to be written anew, which nobody else may open so until it is closed.

    Raises `StoreUnavailable` while somebody has. The lock ends with the process that has it, so
    nothing remains locked.
    """
    with translate_errors():
        file = path.open("ab", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock before may have moved or removed the file since we opened it.
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise FileNotFoundError
            file.truncate(0)
        except (BlockingIOError, FileNotFoundError) as exc:
            file.close()
            raise StoreUnavailable("Another upload by this link is under way.") from exc
        except OSError:
            file.close()
            raise
    return file


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate the file system's errors into the store's."""
    try:
        yield
    except FileNotFoundError as exc:
        raise ObjectMissing("The video is not in the store.") from exc
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as exc:
        raise InvalidKey("The video's key names a folder, or lies below a video.") from exc
    except OSError as exc:
        if exc.errno in _BAD_NAMES:
            raise InvalidKey("The video's key is not a valid file name.") from exc
        raise StoreUnavailable(f"The video folder cannot be used: {exc.strerror}.") from exc
