"""The check of what a conversion may use: a short clip is converted within the same bounds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.causes import why
from app.config import Config
from app.media.recipe import Recipe, VideoEncoding
from workers.doctor.finding import Finding
from workers.media.commands import passes
from workers.media.ffmpeg import NoFfmpeg
from workers.media.running import FfmpegBounds, FfmpegFailed, run_ffmpeg

PART = "ENCODE_MEMORY_MB"
WIDTH, HEIGHT, RATE = 1080, 1920, 30
#: So many that x264, which looks 40 and more frames ahead, needs no more memory for a longer clip.
FRAMES = 60
_SECONDS_MAX = 60.0
_BYTES_MAX = 100 * 10**6


def check_conversion(config: Config) -> Finding:
    """Convert two seconds of 1080p, as a worker with these settings would. Takes seconds."""
    if not config.encode_concurrency:
        words = "is not checked: with ENCODE_CONCURRENCY=0 other workers convert"
        return Finding(PART, True, words, is_note=True)
    allowed = f"{config.encode_memory_mb} MB, with ENCODE_THREADS={config.encode_threads},"
    size = f"{WIDTH}x{HEIGHT}"
    try:
        _convert(config)
    except NoFfmpeg:
        return Finding(PART, True, "cannot be checked without ffmpeg", is_note=True)
    except FfmpegFailed as exc:
        words = f"{allowed} cannot convert a video of {size}: {exc.sentence} ({exc.code})"
        return Finding(PART, False, words)
    except OSError as exc:
        return Finding(PART, False, f"nothing can be converted here: {why(exc)}")
    return Finding(PART, True, f"{allowed} can convert a video of {size}")


def _convert(config: Config) -> None:
    """Make a clip and convert it; raises `NoFfmpeg`, `FfmpegFailed` and `OSError`."""
    threads = config.encode_threads
    bounds = FfmpegBounds(config.encode_memory_mb * 2**20, _BYTES_MAX, _SECONDS_MAX)
    video = VideoEncoding(WIDTH, HEIGHT, f"{RATE}/1", crf=18, bit_rate_max=24_000_000)
    with tempfile.TemporaryDirectory() as folder:
        clip, result = Path(folder, "clip.avi"), Path(folder, "result.mp4")
        pictures = ("-f", "lavfi", "-i", f"testsrc=size={WIDTH}x{HEIGHT}:rate={RATE}")
        make = [*pictures, "-frames:v", str(FRAMES), "-c:v", "mpeg4", "-threads", str(threads)]
        for arguments in (
            [*make, str(clip)],
            *passes(Recipe("mp4", video, audio=None), clip, result, threads=threads),
        ):
            run_ffmpeg(arguments, bounds, check=lambda: None, progress=lambda seconds: None)
