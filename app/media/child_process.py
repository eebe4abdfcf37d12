"""The parent's side of sandboxed file inspection: the child's process, limits and pipes.

The child is one of this package's `…_child.py`, run by path; `child_pipes.py` is its side.
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

# What a dynamic loader may need; a child gets nothing else of the environment, nor does ffmpeg.
LOADER_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_REQUEST_MAX_BYTES = 16 * 1024 * 1024
# No file ends the child with these, but a deploy does.
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class ProbeBounds:
    """The resource limits of one probe."""

    read_bytes: int = 64 * 2**20
    memory_bytes: int = 2**30
    cpu_seconds: int = 20
    wall_seconds: float = 60.0


def run_child(
    child: Path, window: Window, bounds: ProbeBounds, result_max_bytes: int, *arguments: str
) -> bytes:
    """Run a child on a file and return its result; empty when it died or timed out.

    Serves its reads meanwhile, up to the bound of `window`, beyond which `VideoInvalid` is raised.
    Also raises any `StorageError`, and `StoreUnavailable` where a deploy stopped the child.
    """
    result, status = _run(child, window, bounds, result_max_bytes, arguments)
    if status == -signal.SIGKILL:
        # The system is short of memory. If that happens again, this file is the reason.
        window.restart()
        result, status = _run(child, window, bounds, result_max_bytes, arguments)
    if -status in _STOP_SIGNALS:
        raise StoreUnavailable("The inspection of the video was interrupted.")
    return result


def _run(
    child: Path,
    window: Window,
    bounds: ProbeBounds,
    result_max_bytes: int,
    arguments: Sequence[str],
) -> tuple[bytes, int]:
    """Return the child's result, and its exit status if it ended before its time was up."""
    store_seconds = 0.0
    started_at = time.monotonic()
    with _running(child, window.size_bytes, bounds, arguments) as process:
        assert process.stdin is not None and process.stdout is not None
        while header := _read_exactly(process.stdout, 12):
            offset, length = struct.unpack(">QI", header)
            if length == 0:
                return _read_exactly(process.stdout, min(offset, result_max_bytes)), 0
            requested_at = time.monotonic()
            piece = window.read_at(offset, min(length, _REQUEST_MAX_BYTES))
            store_seconds += time.monotonic() - requested_at
            if not _send(process.stdin, struct.pack(">I", len(piece)) + piece):
                break
        status = process.wait()
    timed_out = time.monotonic() - started_at >= bounds.wall_seconds
    if timed_out and store_seconds > bounds.wall_seconds / 2:
        raise StoreUnavailable("The video store is too slow to inspect the video.")
    return b"", 0 if timed_out else status


@contextmanager
def _running(
    child: Path, size: int, bounds: ProbeBounds, more: Sequence[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child; it is killed after `wall_seconds`, and on leaving the block."""
    arguments = [str(size), str(bounds.memory_bytes), str(bounds.cpu_seconds), *more]
    process = subprocess.Popen(
        [sys.executable, "-I", str(child), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={name: os.environ[name] for name in LOADER_ENVIRONMENT if name in os.environ},
    )
    timeout = threading.Timer(bounds.wall_seconds, process.kill)
    timeout.daemon = True
    timeout.start()
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin, process.stdout:
            yield process
    finally:
        timeout.cancel()
        process.kill()
        process.wait()


def _read_exactly(pipe: IO[bytes], length: int) -> bytes:
    """Return `length` bytes, or none when the child has ended."""
    received = b""
    while len(received) < length:
        piece = pipe.read(length - len(received))
        if not piece:
            return b""
        received += piece
    return received


def _send(pipe: IO[bytes], message: bytes) -> bool:
    """Send a whole message; False when the child has ended."""
    view = memoryview(message)
    try:
        while view:
            view = view[pipe.write(view) :]
    except BrokenPipeError:
        return False
    return True
