"""A folder for one conversion, which is gone when that ends, also after a crash.

Whoever works in a folder holds a lock on a file in it, which the system lets go of when the
process dies, however it does. So a folder whose lock can be had is nobody's. That file also says
how many bytes were granted to the folder. Folders are begun and swept under a lock on their root,
by one process at a time, so that no two are granted the same room.
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

logger = logging.getLogger(__name__)
_LOCK = "lock"
#: Left to everybody else on the disk.
_SPARE_BYTES = 256 * 2**20


class DiskTooSmall(Exception):
    """Raised when a conversion needs more room than it may ever have here."""


class DiskFull(Exception):
    """Raised when there is no room for a conversion, and nobody here will make any."""


class DiskBusy(Exception):
    """Raised when there is no room for a conversion until others are done."""


@dataclass(frozen=True)
class Need:
    """How many bytes a conversion writes: hardly less than `least`, and never more than `most`."""

    least: int
    most: int


@dataclass(frozen=True)
class Workspace:
    """A folder, and how many bytes may be written in it."""

    path: Path
    granted_bytes: int


@dataclass(frozen=True)
class _Taken:
    granted: int
    written: int


@contextmanager
def workspace(root: Path, need: Need, allowed_bytes: int) -> Iterator[Workspace]:
    """Give an empty folder with room, and take it away afterwards.

    `allowed_bytes` is for all the conversions of this machine together. Raises `DiskTooSmall`,
    `DiskFull` or `DiskBusy`.
    """
    if need.least > allowed_bytes:
        raise DiskTooSmall(f"{need.least} bytes needed, {allowed_bytes} allowed")
    root.mkdir(parents=True, exist_ok=True)
    folder = root / uuid4().hex
    with _alone(root):
        granted = _granted(root, need, allowed_bytes)
        lock = _begin(folder, granted)
    try:
        yield Workspace(folder, granted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def sweep(root: Path) -> int:
    """Remove the folders whose owners are gone; return how many."""
    if not root.is_dir():
        return 0
    with _alone(root):
        return _sweep(root)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    number = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _begin(folder: Path, granted: int) -> IO[str]:
    folder.mkdir()
    lock = (folder / _LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(str(granted))
    lock.flush()
    return lock


def _granted(root: Path, need: Need, allowed_bytes: int) -> int:
    """Return how much of the room that is left is granted: all that may be needed, if possible."""
    _sweep(root)
    others = [_taken(folder) for folder in root.iterdir()]
    granted = sum(one.granted for one in others)
    written = sum(min(one.written, one.granted) for one in others)
    free = shutil.disk_usage(root).free - _SPARE_BYTES
    left = min(free - (granted - written), allowed_bytes - granted)
    if need.least <= left:
        return min(need.most, left)
    if others and need.least <= free + written:
        raise DiskBusy(f"{need.least} bytes needed, {left} left")
    raise DiskFull(f"{need.least} bytes needed, {left} left")


def _sweep(root: Path) -> int:
    swept = 0
    for folder in root.iterdir():
        if _is_nobodys(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    if swept:
        logger.warning("%s folders of lost conversions removed", swept)
    return swept


def _is_nobodys(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:  # its owner died as it began it, or is just removing it
        return True
    except OSError as exc:
        logger.warning("a conversion's folder cannot be looked at: %s", type(exc).__name__)
        return False


def _taken(folder: Path) -> _Taken:
    try:
        granted = int((folder / _LOCK).read_text())
    except (OSError, ValueError):  # its owner has just finished
        granted = 0
    return _Taken(granted, sum(_size(path) for path in folder.glob("*")))


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0
