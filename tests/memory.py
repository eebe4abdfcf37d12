"""Folders in memory: a test whose database waits for no disk is done in a fraction of the time.

What a database does when a process is killed is the same there; only a loss of power is not, and
no test can bring that about.
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
    """Make a folder in memory, or on the disk where there is too little; remove it at the end."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix=prefix, dir=MEMORY if has_room else None) as folder:
        yield Path(folder)
