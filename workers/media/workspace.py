"""A folder for one conversion, which is gone when that ends, also after a crash.

Whoever works in a folder holds a lock on a file in it, which the system lets go of when the
process dies, however it does. So a folder whose lock can be had is nobody's.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

logger = logging.getLogger(__name__)
_LOCK = "lock"
#: Between its making and its locking a folder is nobody's for a moment.
_YOUNG_SECONDS = 60.0
#: Left to everybody else on the disk.
_SPARE_BYTES = 256 * 2**20


class DiskTooSmall(Exception):
    """Raised when a conversion needs more room than it may ever have here."""


class DiskFull(Exception):
    """Raised when there is no room for a conversion at this moment."""


@contextmanager
def workspace(root: Path) -> Iterator[Path]:
    """Give an empty folder, and take it away afterwards."""
    folder = root / uuid4().hex
    folder.mkdir(parents=True)
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(root: Path) -> int:
    """Remove the folders whose owners are gone; return how many."""
    swept = 0
    for folder in root.glob("*"):
        if _is_nobodys(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    if swept:
        logger.warning("%s folders of lost conversions removed", swept)
    return swept


def refuse_without_room(root: Path, needed_bytes: int, allowed_bytes: int) -> None:
    """Raise `DiskTooSmall` or `DiskFull` where so much cannot be written below `root`.

    `allowed_bytes` is for all the conversions of this machine together.
    """
    if needed_bytes > allowed_bytes:
        raise DiskTooSmall(f"{needed_bytes} bytes needed, {allowed_bytes} allowed")
    root.mkdir(parents=True, exist_ok=True)
    taken = sum(_size(path) for path in root.rglob("*"))
    free = shutil.disk_usage(root).free - _SPARE_BYTES
    if needed_bytes > min(free, allowed_bytes - taken):
        raise DiskFull(f"{needed_bytes} bytes needed")


def _is_nobodys(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return _age_seconds(folder) > _YOUNG_SECONDS
    except OSError as exc:
        logger.warning("a conversion's folder cannot be looked at: %s", type(exc).__name__)
        return False


def _age_seconds(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:  # its owner has just finished
        return 0
