"""A small real video, made once per run."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import imageio_ffmpeg


@cache
def clip_bytes(seconds: int = 3) -> bytes:
    """Return an MP4 of 360×640 with audio, of the given length."""
    pictures = ("-f", "lavfi", "-i", f"testsrc=s=360x640:r=30:d={seconds}")
    sound = ("-f", "lavfi", "-i", f"sine=r=48000:d={seconds}")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        program = (imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error")
        subprocess.run([*program, *pictures, *sound, *coded, str(path)], check=True, timeout=240)
        return path.read_bytes()
