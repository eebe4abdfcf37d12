"""The ffmpeg processes running on this machine, found by the folder of their files."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.processes import wait_until


def ffmpegs(folder: Path) -> list[int]:
    """Return the process ids of those that use files below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if f"{folder}/".encode() in words and b"-progress" in words:
            found.append(int(path.parent.name))
    return found


def frozen_ffmpeg(folder: Path) -> int:
    """Wait until ffmpeg runs below a folder, suspend it, and return its process id."""
    pid = wait_until(lambda: next(iter(ffmpegs(folder)), 0), "a running ffmpeg")
    os.kill(pid, signal.SIGSTOP)
    return pid
