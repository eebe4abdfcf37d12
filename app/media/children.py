"""Running a child that looks into a file: its process, its bounds and its pipes.

The child is one of this package's `…_child.py`, run by file; `child_pipes.py` is its side.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.media.window import Window
from app.storage.errors import StoreUnavailable

# What a dynamic loader may need; nothing else of the environment reaches the child.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_REQUEST_MAX_BYTES = 16 * 1024 * 1024
# No file makes a child end by these: a deploy does, or a system that is short of memory.
_FROM_OUTSIDE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)


@dataclass(frozen=True)
class ProbeBounds:
    """What one probe may cost."""

    read_bytes: int = 64 * 2**20
    memory_bytes: int = 2**30
    cpu_seconds: int = 20
    wall_seconds: float = 60.0


def ask(
    child: Path, window: Window, bounds: ProbeBounds, answer_max_bytes: int, *arguments: str
) -> bytes:
    """Return what a child answers about a file; empty when it died or its time ran out.

    Serves its reads meanwhile: what it asks for is bounded. Raises `VideoInvalid` past the
    bound, any `StorageError`, and `StoreUnavailable` also where the system ended the child.
    """
    store_seconds = 0.0
    began = time.monotonic()
    with _running(child, window.size_bytes, bounds, arguments) as process:
        assert process.stdin is not None and process.stdout is not None
        while header := _exactly(process.stdout, 12):
            offset, length = struct.unpack(">QI", header)
            if length == 0:
                return _exactly(process.stdout, min(offset, answer_max_bytes))
            asked = time.monotonic()
            piece = window.read_at(offset, min(length, _REQUEST_MAX_BYTES))
            store_seconds += time.monotonic() - asked
            if not _send(process.stdin, struct.pack(">I", len(piece)) + piece):
                break
        status = process.wait()
    is_late = time.monotonic() - began >= bounds.wall_seconds
    if is_late and store_seconds > bounds.wall_seconds / 2:
        raise StoreUnavailable("The video store is too slow for looking into the video.")
    if not is_late and -status in _FROM_OUTSIDE:
        raise StoreUnavailable("The look into the video was interrupted.")
    return b""


@contextmanager
def _running(
    child: Path, size: int, bounds: ProbeBounds, more: Sequence[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the child; it is gone at the end, and after `wall_seconds` in any case."""
    arguments = [str(size), str(bounds.memory_bytes), str(bounds.cpu_seconds), *more]
    process = subprocess.Popen(
        [sys.executable, "-I", str(child), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )
    alarm = threading.Timer(bounds.wall_seconds, process.kill)
    alarm.daemon = True
    alarm.start()
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin, process.stdout:
            yield process
    finally:
        alarm.cancel()
        process.kill()
        process.wait()


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    """Return `length` bytes, or none when the child is gone."""
    received = b""
    while len(received) < length:
        piece = pipe.read(length - len(received))
        if not piece:
            return b""
        received += piece
    return received


def _send(pipe: IO[bytes], message: bytes) -> bool:
    """Send all of a message; False when the child is gone."""
    view = memoryview(message)
    try:
        while view:
            view = view[pipe.write(view) :]
    except BrokenPipeError:
        return False
    return True
