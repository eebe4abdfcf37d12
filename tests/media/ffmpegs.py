"""The ffmpegs at work on this machine, found by the folder whose files they work on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.processes import wait_until


def ffmpegs(folder: Path) -> list[int]:
    """Return the process ids of those at work on files below a folder."""
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
    """Wait until ffmpeg is at work below a folder, and stop its clock there."""
    pid = wait_until(lambda: next(iter(ffmpegs(folder)), 0), "ffmpeg at work")
    os.kill(pid, signal.SIGSTOP)
    return pid
