"""Finds a suitable ffmpeg: the system's, or the one from the wheel."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache

import imageio_ffmpeg

#: What recipes need; many distributions' builds lack some of it. Meaningful exit statuses, which
#: are required too, tell a damaged file from a machine that lacks something.
NEEDED = {"-encoders": ("libx264", "aac"), "-filters": ("zscale", "tonemap", "bwdif", "aresample")}
_QUERY_SECONDS = 30
#: The exit status for a missing file; before 6.1 the status is the same for every failure.
_MISSING_FILE = -errno.ENOENT & 0xFF


class NoFfmpeg(Exception):
    """Raised when no ffmpeg has everything that is needed."""


@dataclass(frozen=True)
class Ffmpeg:
    """An ffmpeg whose capabilities were checked. `origin` is `the system's` or `the wheel's`."""

    path: str
    version: str
    origin: str


@cache
def find_ffmpeg() -> Ffmpeg:
    """Return the system's ffmpeg if it is suitable, else the wheel's; raises `NoFfmpeg`."""
    lacking = []
    for origin, path in (("the system's", shutil.which("ffmpeg")), ("the wheel's", _wheel())):
        if path is None:
            continue
        missing = _missing(path)
        if not missing:
            return Ffmpeg(path, _version(path), origin)
        lacking.append(f"{origin} lacks {', '.join(missing)}")
    raise NoFfmpeg("; ".join(lacking) or "none was found")


def _wheel() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # the wheel has no binary for this platform
        return None


def _missing(path: str) -> list[str]:
    lacking = [
        name
        for listing, names in NEEDED.items()
        for known in [set(_query(path, listing)[1].split())]
        for name in names
        if name not in known
    ]
    with tempfile.TemporaryDirectory() as folder:
        status, _ = _query(path, "-i", os.path.join(folder, "nothing"), "-f", "null", os.devnull)
    return lacking if status == _MISSING_FILE else [*lacking, "exit statuses (6.1)"]


def _version(path: str) -> str:
    words = _query(path, "-version")[1].split()
    return words[2] if len(words) > 2 else "unknown"


def _query(path: str, *arguments: str) -> tuple[int | None, str]:
    """Return the exit status and the output; None as status where the program did not run."""
    try:
        result = subprocess.run(
            [path, "-hide_banner", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_QUERY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    return result.returncode, result.stdout
