"""The limits of one ffmpeg run, with a real ffmpeg that exceeds them; and who is at fault."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.media import child_pipes
from tests.media.corpus import BOTH, H264, pictures
from tests.media.corpus import run_ffmpeg as make_with_ffmpeg
from tests.media.ffmpegs import ffmpegs
from tests.processes import wait_until
from workers.media import commands
from workers.media.exit_statuses import TOO_MANY_ERRORS, meaning_of
from workers.media.running import FfmpegBounds, FfmpegFailed, run_ffmpeg

MB = 10**6
WIDE = FfmpegBounds(memory_bytes=4096 * MB, file_bytes=1000 * MB, wall_seconds=120)
#: Endless video.
ENDLESS = pictures(seconds="100000")
LARGE = pictures(size="3840x2160", seconds="2")


def failure(
    arguments: list[str],
    bounds: FfmpegBounds = WIDE,
    check: Callable[[], None] = lambda: None,
) -> FfmpegFailed:
    """Run ffmpeg and return its failure; it must not succeed."""
    with pytest.raises(FfmpegFailed) as caught:
        run_ffmpeg(arguments, bounds, check=check, progress=lambda seconds: None)
    return caught.value


def test_formats_of_the_probe_are_those_of_the_transcode() -> None:
    assert commands.FORMATS == child_pipes.FORMATS


def test_memory_is_bounded(tmp_path: Path) -> None:
    arguments = [*LARGE, "-c:v", "libx264", str(tmp_path / "out.mp4")]
    failed = failure(arguments, replace(WIDE, memory_bytes=400 * MB))
    assert not failed.is_video_fault and not failed.is_permanent


def test_encoder_without_memory_says_so(tmp_path: Path) -> None:
    """x264's lookahead of 4K takes more than that, whatever the number of processors."""
    encoder = ("-c:v", "libx264", "-preset", "medium", "-threads", "1")
    arguments = [*LARGE, *encoder, str(tmp_path / "out.mp4")]
    failed = failure(arguments, replace(WIDE, memory_bytes=700 * MB))
    assert (failed.code, failed.is_video_fault) == ("out_of_memory", False)


def test_time_is_bounded(tmp_path: Path) -> None:
    arguments = [*ENDLESS, *H264, str(tmp_path / "out.mp4")]
    failed = failure(arguments, replace(WIDE, wall_seconds=0.5))
    assert (failed.code, failed.is_video_fault, failed.is_permanent) == (
        "conversion_too_long",
        False,
        True,
    )
    assert ffmpegs(tmp_path) == []


def test_stall_is_bounded(tmp_path: Path) -> None:
    """A pipe without a writer: ffmpeg waits for it and uses no CPU time."""
    os.mkfifo(tmp_path / "never")
    arguments = ["-i", str(tmp_path / "never"), "-f", "null", os.devnull]
    failed = failure(arguments, replace(WIDE, stall_seconds=0.5))
    assert (failed.code, failed.is_video_fault) == ("conversion_stalled", False)
    assert ffmpegs(tmp_path) == []


def test_steady_progress_is_no_stall(tmp_path: Path) -> None:
    """The run outlasts the limit, which the start must fit in; every bit of progress resets it."""
    began, bounds = time.monotonic(), replace(WIDE, stall_seconds=15.0)
    arguments = ["-re", *pictures(size="64x64", rate="5", seconds="17")]
    arguments += ["-c:v", "libx264", "-tune", "zerolatency", str(tmp_path / "out.mp4")]
    run_ffmpeg(arguments, bounds, check=lambda: None, progress=lambda seconds: None)
    assert time.monotonic() - began > bounds.stall_seconds


def test_output_size_is_bounded(tmp_path: Path) -> None:
    out = tmp_path / "out.avi"
    failed = failure([*ENDLESS, "-c:v", "rawvideo", str(out)], replace(WIDE, file_bytes=MB))
    assert (failed.code, failed.is_video_fault) == ("disk_full", False)
    assert out.stat().st_size <= MB


def test_full_disk_is_not_the_videos_fault() -> None:
    failed = failure([*ENDLESS, "-c:v", "rawvideo", "-f", "rawvideo", "/dev/full"])
    assert (failed.code, failed.is_video_fault) == ("disk_full", False)


def test_kill_from_outside_is_not_the_videos_fault(tmp_path: Path) -> None:
    """As the kernel does when the machine runs out of memory."""

    def kill() -> None:
        for pid in ffmpegs(tmp_path):
            os.kill(pid, signal.SIGKILL)

    failed = failure([*ENDLESS, *H264, str(tmp_path / "out.mp4")], check=kill)
    assert (failed.code, failed.is_video_fault) == ("conversion_killed", False)


def test_damaged_file_is_the_videos_fault(tmp_path: Path) -> None:
    path = tmp_path / "damaged.mp4"
    make_with_ffmpeg(*BOTH, *H264, "-c:a", "aac", "-movflags", "+faststart", str(path))
    content = bytearray(path.read_bytes())
    media = content.index(b"mdat") + 8
    content[media:] = os.urandom(len(content) - media)
    path.write_bytes(bytes(content))
    failed = failure(["-i", str(path), *H264, str(tmp_path / "out.mp4")])
    assert (failed.code, failed.is_video_fault) == ("conversion_failed", True)


def test_text_is_the_videos_fault(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("This is the film I told you of.\n" * 100)
    failed = failure(["-i", str(path), *H264, str(tmp_path / "out.mp4")])
    assert (failed.code, failed.is_video_fault) == ("conversion_failed", True)


def test_aborted_run_leaves_no_process(tmp_path: Path) -> None:
    class Enough(Exception):
        """Raised by `check`, as on a cancellation."""

    def look() -> None:
        if ffmpegs(tmp_path):
            raise Enough

    with pytest.raises(Enough):
        arguments = [*ENDLESS, *H264, str(tmp_path / "out.mp4")]
        run_ffmpeg(arguments, WIDE, check=look, progress=lambda seconds: None)
    wait_until(lambda: ffmpegs(tmp_path) == [], "the end of ffmpeg")


@pytest.mark.parametrize(
    ("line", "is_video_fault"),
    [
        ("[dec:mpeg4 @ 0x55] Error submitting packet to decoder: Cannot allocate memory", False),
        ("[dec:h264 @ 0x55] Decoding error: Invalid data found when processing input", True),
        ("[dec:h264 @ 0x55] Cannot allocate memory: Invalid data found", True),
    ],
)
def test_decoding_errors_are_classified_by_their_message(line: str, is_video_fault: bool) -> None:
    rest = "[dec @ 0x55] Decode error rate 0.777778 exceeds maximum 0.666667"
    assert meaning_of(TOO_MANY_ERRORS, f"{line}\n{rest}\n").is_video_fault is is_video_fault


@pytest.mark.parametrize(
    ("status", "line", "code"),
    [
        (187, "x264 [error]: malloc of size 6999872 failed", "out_of_memory"),
        (245, "x264 [error]: malloc of size 6999872 failed", "out_of_memory"),
        (187, "[libx264 @ 0x55] broken ffmpeg default settings detected", "conversion_broke_off"),
        (187, "title: x264 [error]: malloc of size 1 failed", "conversion_broke_off"),
        (187, "x264 [error]: malloc of size 1 failed, says a title", "conversion_broke_off"),
        (183, "x264 [error]: malloc of size 6999872 failed", "conversion_failed"),
        (-9, "x264 [error]: malloc of size 6999872 failed", "conversion_killed"),
    ],
)
def test_encoder_errors_are_told_apart_by_whole_lines(status: int, line: str, code: str) -> None:
    rest = "[vost#0:0/libx264 @ 0x55] Task finished with error code: -542398533"
    assert meaning_of(status, f"{line}\n{rest}\n").code == code
