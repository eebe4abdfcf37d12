"""A temporary folder for one transcode, with reserved disk space, removed even after a crash.

The owner of a folder holds a lock on a file in it, which the kernel releases when the process
dies. A folder whose lock can be taken is therefore orphaned. The lock file also records how many
bytes were granted. Folders are created and swept under a lock on the root, by one process at a
time, so that the same space is never granted twice.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from app.causes import why

logger = logging.getLogger(__name__)
_LOCK = "lock"
#: Free space left to other users of the disk.
_SPARE_BYTES = 256 * 2**20


class DiskTooSmall(Exception):
    """Raised when a transcode needs more space than this service may ever use."""


class DiskFull(Exception):
    """Raised when there is no space for a transcode, and no other transcode will free any."""


class DiskBusy(Exception):
    """Raised when there is no space for a transcode until others end."""


@dataclass(frozen=True)
class SpaceNeed:
    """How many bytes a transcode writes: `likely` at least, and never more than `most`."""

    likely: int
    most: int


@dataclass(frozen=True)
class Workspace:
    """A folder, and how many bytes may be written to it."""

    path: Path
    granted_bytes: int


@dataclass(frozen=True)
class _Usage:
    granted: int
    written: int


@contextmanager
def workspace(root: Path, need: SpaceNeed, allowed_bytes: int) -> Iterator[Workspace]:
    """Create an empty folder with reserved space, and remove it afterwards.

    `allowed_bytes` is for all transcodes of this machine together. Raises `DiskTooSmall`,
    `DiskFull` or `DiskBusy`.
    """
    if need.likely > allowed_bytes:
        raise DiskTooSmall(f"{need.likely} bytes needed, {allowed_bytes} allowed")
    root.mkdir(parents=True, exist_ok=True)
    folder = root / uuid4().hex
    with _exclusive(root):
        granted = _reserve(root, need, allowed_bytes)
        lock = _create(folder, granted)
    try:
        yield Workspace(folder, granted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def sweep(root: Path) -> int:
    """Remove the folders whose owners died, and return how many."""
    if not root.is_dir():
        return 0
    with _exclusive(root):
        return _sweep(root)


@contextmanager
def _exclusive(root: Path) -> Iterator[None]:
    number = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _create(folder: Path, granted: int) -> IO[str]:
    folder.mkdir()
    lock = (folder / _LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(str(granted))
    lock.flush()
    return lock


def _reserve(root: Path, need: SpaceNeed, allowed_bytes: int) -> int:
    """Return how many bytes to grant: all that may be needed, as far as there is space."""
    _sweep(root)
    others = [_usage(folder) for folder in root.iterdir()]
    granted = sum(one.granted for one in others)
    written = sum(min(one.written, one.granted) for one in others)
    free = shutil.disk_usage(root).free - _SPARE_BYTES
    left = min(free - (granted - written), allowed_bytes - granted)
    if need.likely <= left:
        return min(need.most, left)
    if others and need.likely <= free + written:
        raise DiskBusy(f"{need.likely} bytes needed, {left} left")
    raise DiskFull(f"{need.likely} bytes needed, {left} left")


def _sweep(root: Path) -> int:
    swept = 0
    for folder in root.iterdir():
        if _is_orphaned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    if swept:
        logger.warning("%s folders of crashed transcodes removed", swept)
    return swept


def _is_orphaned(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:  # its owner died while creating it, or is removing it
        return True
    except OSError as exc:
        logger.warning("a transcode's folder cannot be inspected: %s", why(exc))
        return False


def _usage(folder: Path) -> _Usage:
    try:
        granted = int((folder / _LOCK).read_text())
    except (OSError, ValueError):  # its owner has just ended
        granted = 0
    return _Usage(granted, sum(_size(path) for path in folder.glob("*")))


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0
