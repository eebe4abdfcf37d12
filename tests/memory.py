"""Folders in memory: a test whose database does not wait for a disk takes a fraction of the time.

Killing a process has the same effects there; only a loss of power differs, and no test can cause
one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 10**9


@contextmanager
def memory_folder(prefix: str) -> Iterator[Path]:
    """Create a folder in memory, or on disk if there is too little; remove it at the end."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix=prefix, dir=MEMORY if has_room else None) as folder:
        yield Path(folder)
