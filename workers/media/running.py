"""Runs ffmpeg within limits of memory, disk and time; reports progress and aborts promptly."""

from __future__ import annotations

import logging
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.media.child_process import LOADER_ENVIRONMENT
from workers.media.exit_statuses import meaning_of
from workers.media.ffmpeg import find_ffmpeg

logger = logging.getLogger(__name__)
_LAUNCHER = Path(__file__).with_name("launcher.py")
#: How soon a cancellation, a lost lease or SIGTERM is noticed.
CHECK_SECONDS = 0.2
#: ffmpeg without progress for this long counts as hung.
STALL_SECONDS = 240.0
_STDERR_BYTES = 2000


class FfmpegFailed(Exception):
    """Raised when ffmpeg does not produce the file.

    `is_video_fault`: the file is at fault, not the machine or its limits. `is_permanent`: a retry
    would fail alike.
    """

    def __init__(
        self, code: str, sentence: str, *, is_video_fault: bool, is_permanent: bool = False
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.is_video_fault = is_video_fault
        self.is_permanent = is_permanent


@dataclass(frozen=True)
class FfmpegBounds:
    """The limits of one run of ffmpeg.

    `file_bytes` applies to each file it writes, `stall_seconds` to the time without progress.
    """

    memory_bytes: int
    file_bytes: int
    wall_seconds: float
    stall_seconds: float = STALL_SECONDS


def run_ffmpeg(
    arguments: Sequence[str],
    bounds: FfmpegBounds,
    *,
    check: Callable[[], None],
    progress: Callable[[float], None],
) -> None:
    """Run ffmpeg to its end; raises `FfmpegFailed` and, promptly, whatever `check` raises.

    `progress` receives how many seconds of the video are done.
    """
    with tempfile.TemporaryFile() as errors, _started(arguments, bounds, errors) as process:
        _follow(process, bounds, check, progress)
        status = process.wait()
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - _STDERR_BYTES))
        stderr = errors.read().decode(errors="replace")
    if status != 0:
        check()  # a worker that must stop may have received its signal together with ffmpeg
        logger.warning("ffmpeg ended", extra={"status": status, "stderr": stderr})
        meaning = meaning_of(status, stderr)
        raise FfmpegFailed(meaning.code, meaning.sentence, is_video_fault=meaning.is_video_fault)


@contextmanager
def _started(
    arguments: Sequence[str], bounds: FfmpegBounds, errors: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process; it is killed on leaving the block, however the block ends."""
    limits = (str(os.getpid()), str(bounds.memory_bytes), str(bounds.file_bytes))
    ffmpeg = (find_ffmpeg().path, "-hide_banner", "-nostdin", "-y", "-v", "error")
    report = ("-progress", "pipe:1", "-stats_period", "0.5", "-nostats")
    process = subprocess.Popen(
        [sys.executable, "-I", str(_LAUNCHER), *limits, *ffmpeg, *report, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        cwd="/",
        # An arena per thread would only waste address space, which is limited.
        env={
            "MALLOC_ARENA_MAX": "2",
            **{name: os.environ[name] for name in LOADER_ENVIRONMENT if name in os.environ},
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _follow(
    process: subprocess.Popen[bytes],
    bounds: FfmpegBounds,
    check: Callable[[], None],
    progress: Callable[[float], None],
) -> None:
    """Read ffmpeg's progress until it closes the pipe; raises when it is too slow or must stop."""
    assert process.stdout is not None
    started_at = moved_at = time.monotonic()
    done_seconds, rest = 0.0, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            check()
            _refuse_slow(started_at, moved_at, bounds)
            if not selector.select(CHECK_SECONDS):
                continue
            piece = process.stdout.read(4096)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            latest = max((_seconds(line) for line in lines), default=0.0)
            if latest > done_seconds:
                done_seconds, moved_at = latest, time.monotonic()
                progress(done_seconds)


def _refuse_slow(started_at: float, moved_at: float, bounds: FfmpegBounds) -> None:
    now = time.monotonic()
    if now - started_at > bounds.wall_seconds:
        raise FfmpegFailed(
            "conversion_too_long",
            f"the conversion was not done within {bounds.wall_seconds / 60:.0f} minutes",
            is_video_fault=False,
            is_permanent=True,
        )
    if now - moved_at > bounds.stall_seconds:
        sentence = "the conversion made no progress"
        raise FfmpegFailed("conversion_stalled", sentence, is_video_fault=False)


def _seconds(line: bytes) -> float:
    """Return the position in seconds that a line of ffmpeg's progress names, or 0."""
    name, _, value = line.partition(b"=")
    if name != b"out_time_us" or not value.strip().isdigit():
        return 0.0
    return int(value) / 1_000_000
