"""Short real videos to publish, made by the ffmpeg that ships as a wheel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import imageio_ffmpeg

WIDTH, HEIGHT, FRAME_RATE = 720, 1280, 30


def make_sample_video(path: Path, *, seconds: int, hue: int) -> Path:
    """Write a vertical H.264/AAC video that every platform accepts as is; `hue` 0–359 degrees."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: `make run` and `make demo` may make the same video at the same time.
    unfinished = path.with_suffix(f".{os.getpid()}.part.mp4")
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}:duration={seconds},hue=h={hue}"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-loglevel", "error", "-nostdin", "-y"),
        *("-f", "lavfi", "-i", picture),
        *("-f", "lavfi", "-i", f"sine=frequency={220 + hue}:sample_rate=48000:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *("-g", str(FRAME_RATE * 2), "-bf", "0", "-flags", "+cgop"),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-shortest"),
        *("-use_editlist", "0", "-movflags", "+faststart"),
        str(unfinished),
    ]
    subprocess.run(command, check=True, timeout=120)
    return unfinished.rename(path)
