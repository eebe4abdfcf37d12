"""Real videos, made once per run by the ffmpeg of the wheel."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

from app.storage import Storage, StorageSettings, open_storage

PICTURES = ("-f", "lavfi", "-i", "testsrc=s=360x640:r=30:d=3")
SOUND = ("-f", "lavfi", "-i", "sine=r=48000:d=3")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-pix_fmt", "yuv420p")
BOTH = (*PICTURES, *SOUND, *H264, "-bf", "2", "-c:a", "aac", "-ac", "2")
WEBM = (
    *PICTURES,
    *SOUND,
    "-c:v",
    "libvpx",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
    "-c:a",
    "libopus",
)

#: File name → ffmpeg's arguments.
RECIPES: dict[str, tuple[str, ...]] = {
    "plain.mp4": BOTH,
    "faststart.mp4": (*BOTH, "-movflags", "+faststart", "-use_editlist", "0"),
    "fragmented.mp4": (*BOTH, "-movflags", "frag_keyframe+empty_moov"),
    "apple.mov": BOTH,
    "silent.mp4": (*PICTURES, *H264),
    "hevc.mp4": (*PICTURES, "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    "phone.3gp": (*PICTURES, *H264),
    "clip.webm": WEBM,
    "recorded.webm": (*WEBM, "-live", "1"),
    "clip.mkv": BOTH,
    "clip.avi": (*PICTURES, *SOUND, "-c:v", "mpeg4", "-c:a", "mp3"),
    "clip.mpg": (*PICTURES, *SOUND, "-c:v", "mpeg2video", "-c:a", "mp2"),
    "clip.ts": BOTH,
    "clip.flv": (*PICTURES, *SOUND, *H264, "-c:a", "aac"),
    "clip.wmv": (*PICTURES, *SOUND, "-c:v", "wmv2", "-c:a", "wmav2"),
    # 30 frames per second for 5 s, then 7.5.
    "uneven.mkv": (
        *("-f", "lavfi", "-i", "color=s=360x640:r=30:d=40,select='lt(n,150)+not(mod(n,4))'"),
        *("-fps_mode", "vfr", *H264),
    ),
    "sound.m4a": (*SOUND, "-c:a", "aac"),
    "still.png": ("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1"),
}


def run_ffmpeg(*arguments: str) -> None:
    """Run ffmpeg; an error of its own fails the test."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *arguments], check=True, timeout=240)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes a file by its name."""
    folder = tmp_path_factory.mktemp("made")

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            run_ffmpeg(*RECIPES[name], str(path))
        return path

    return make


@pytest.fixture
def turned(made: Callable[[str], Path], tmp_path: Path) -> Callable[[int], Path]:
    """Return a function that marks the plain video as rotated counterclockwise."""

    def turn(degrees: int) -> Path:
        path = tmp_path / "turned.mp4"
        plain = str(made("plain.mp4"))
        run_ffmpeg("-display_rotation", str(degrees), "-i", plain, "-c", "copy", str(path))
        return path

    return turn


@pytest.fixture
def store(tmp_path: Path) -> Storage:
    return open_storage(StorageSettings(tmp_path, "http://127.0.0.1:8000", "key"))
