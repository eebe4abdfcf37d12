"""Finding a fit ffmpeg: the system's, or the one that comes as a wheel."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache

import imageio_ffmpeg

#: Without these a recipe cannot be carried out; many systems' builds lack some. The exit status
#: beside them tells a damaged file from a machine that lacks something.
NEEDED = {"-encoders": ("libx264", "aac"), "-filters": ("zscale", "tonemap", "bwdif", "aresample")}
_ASK_SECONDS = 30
#: What a file that is not there ends ffmpeg with; those before 6.1 end alike whatever fails.
_NOT_THERE = -errno.ENOENT & 0xFF


class NoFfmpeg(Exception):
    """Raised when there is no ffmpeg that can do all that is needed."""


@dataclass(frozen=True)
class Ffmpeg:
    """A program that was asked what it can do. `origin` is `the system's` or `the wheel's`."""

    path: str
    version: str
    origin: str


@cache
def find_ffmpeg() -> Ffmpeg:
    """Return the system's ffmpeg where it is fit, else the wheel's; raises `NoFfmpeg`."""
    lacking = []
    for origin, path in (("the system's", shutil.which("ffmpeg")), ("the wheel's", _wheel())):
        if path is None:
            continue
        missing = _missing(path)
        if not missing:
            return Ffmpeg(path, _version(path), origin)
        lacking.append(f"{origin} lacks {', '.join(missing)}")
    raise NoFfmpeg("; ".join(lacking) or "there is none")


def _wheel() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # a platform that the wheel has no program for
        return None


def _missing(path: str) -> list[str]:
    lacking = [
        name
        for listing, names in NEEDED.items()
        for known in [set(_ask(path, listing)[1].split())]
        for name in names
        if name not in known
    ]
    with tempfile.TemporaryDirectory() as folder:
        status, _ = _ask(path, "-i", os.path.join(folder, "nothing"), "-f", "null", os.devnull)
    return lacking if status == _NOT_THERE else [*lacking, "exit statuses (6.1)"]


def _version(path: str) -> str:
    words = _ask(path, "-version")[1].split()
    return words[2] if len(words) > 2 else "unknown"


def _ask(path: str, *question: str) -> tuple[int | None, str]:
    """Return how the program ended and what it said; None where it did not."""
    try:
        answer = subprocess.run(
            [path, "-hide_banner", *question],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    return answer.returncode, answer.stdout
