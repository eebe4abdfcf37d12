"""Running ffmpeg: in bounds of memory, disk and time, heard of all the while, ended at once."""

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

from workers.media.ffmpeg import find_ffmpeg
from workers.media.statuses import meaning_of

logger = logging.getLogger(__name__)
_LAUNCHER = Path(__file__).with_name("limited.py")
#: How soon a cancellation, a lost lease or SIGTERM is seen.
LOOK_SECONDS = 0.2
#: ffmpeg that gets no further for so long will not any more.
STALL_SECONDS = 240.0
_COMPLAINT_BYTES = 2000
#: What a dynamic loader may need; nothing else of the environment reaches ffmpeg.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")


class FfmpegFailed(Exception):
    """Raised when ffmpeg does not make the file.

    `is_videos`: the file is to blame, not the machine or its bounds. `is_hopeless`: the next
    time it would be the same.
    """

    def __init__(
        self, code: str, sentence: str, *, is_videos: bool, is_hopeless: bool = False
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.is_videos = is_videos
        self.is_hopeless = is_hopeless


@dataclass(frozen=True)
class EncodeBounds:
    """What one run of ffmpeg may cost; `file_bytes` is for each file it writes, `stall_seconds`
    how long it may be at the same place of the film."""

    memory_bytes: int
    file_bytes: int
    wall_seconds: float
    stall_seconds: float = STALL_SECONDS


def run_ffmpeg(
    arguments: Sequence[str],
    bounds: EncodeBounds,
    *,
    check: Callable[[], None],
    progress: Callable[[float], None],
) -> None:
    """Run ffmpeg to its end; raises `FfmpegFailed`, and whatever `check` raises, at once.

    `progress` is told how many seconds of the film are done.
    """
    with tempfile.TemporaryFile() as complaints, _started(arguments, bounds, complaints) as process:
        _follow(process, bounds, check, progress)
        status = process.wait()
        complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - _COMPLAINT_BYTES))
        complaint = complaints.read().decode(errors="replace")
    if status != 0:
        check()  # who was told to end here was so, perhaps, together with ffmpeg
        logger.warning("ffmpeg ended", extra={"status": status, "complaint": complaint})
        meaning = meaning_of(status, complaint)
        raise FfmpegFailed(meaning.code, meaning.sentence, is_videos=meaning.is_videos)


@contextmanager
def _started(
    arguments: Sequence[str], bounds: EncodeBounds, complaints: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the process; it is gone at the end of the block, whatever happens in it."""
    limits = (str(os.getpid()), str(bounds.memory_bytes), str(bounds.file_bytes))
    ffmpeg = (find_ffmpeg().path, "-hide_banner", "-nostdin", "-y", "-v", "error")
    report = ("-progress", "pipe:1", "-stats_period", "0.5", "-nostats")
    process = subprocess.Popen(
        [sys.executable, "-I", str(_LAUNCHER), *limits, *ffmpeg, *report, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        bufsize=0,
        cwd="/",
        # Arenas for each thread would take address space that nothing uses.
        env={
            "MALLOC_ARENA_MAX": "2",
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
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
    bounds: EncodeBounds,
    check: Callable[[], None],
    progress: Callable[[float], None],
) -> None:
    """Listen until ffmpeg closes its report; raises when it is too slow or may not go on."""
    assert process.stdout is not None
    began = moved_at = time.monotonic()
    done_seconds, rest = 0.0, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            check()
            _refuse_slow(began, moved_at, bounds)
            if not selector.select(LOOK_SECONDS):
                continue
            piece = process.stdout.read(4096)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            latest = max((_seconds(line) for line in lines), default=0.0)
            if latest > done_seconds:
                done_seconds, moved_at = latest, time.monotonic()
                progress(done_seconds)


def _refuse_slow(began: float, moved_at: float, bounds: EncodeBounds) -> None:
    now = time.monotonic()
    if now - began > bounds.wall_seconds:
        raise FfmpegFailed(
            "conversion_too_long",
            f"the conversion was not done within {bounds.wall_seconds / 60:.0f} minutes",
            is_videos=False,
            is_hopeless=True,
        )
    if now - moved_at > bounds.stall_seconds:
        sentence = "the conversion did not get any further"
        raise FfmpegFailed("conversion_stalled", sentence, is_videos=False)


def _seconds(line: bytes) -> float:
    """Return what a line of ffmpeg's report says of the time reached, or 0."""
    name, _, value = line.partition(b"=")
    if name != b"out_time_us" or not value.strip().isdigit():
        return 0.0
    return int(value) / 1_000_000
