"""How good a film that is made anew is, beside what a bare `ffmpeg -i in out.mp4` makes of it.

Likeness is measured by SSIM (0–1, of the luma) against the source as it should be shown.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.media.recipe import Pictures, Recipe
from bench.bench import Bench
from bench.figures import OURS, Figure, Goal
from workers.media.commands import passes
from workers.media.ffmpeg import find_ffmpeg

SECONDS = 3
SIZE = "540x960"
#: Edges, motion and grain; made without loss, so that it is its own measure.
_SOURCE = (
    f"testsrc2=s={SIZE}:r=30:d={SECONDS},rotate=a=t/5:fillcolor=gray,"
    "noise=alls=6:allf=t,format=yuv420p"
)
_SSIM = re.compile(r"SSIM Y:([0-9.]+)")
_CAP_BYTES = 800_000


def measure(bench: Bench) -> Iterator[Figure]:
    """Make one rich film in three ways, and yield how like it and how large they are."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        source = Path(folder) / "source.mp4"
        _ffmpeg("-f", "lavfi", "-i", _SOURCE, *_lossless(), str(source))
        bare = Path(folder) / "bare.mp4"
        _ffmpeg("-i", str(source), str(bare))
        ours = _made(source, Path(folder) / "ours", None)
        capped = _made(source, Path(folder) / "capped", _CAP_BYTES)
        yield from _figures("a bare `ffmpeg -i in out.mp4`", source, bare)
        yield from _figures("made for TikTok", source, ours)
        yield from _figures("made for a limit of 0.8 MB", source, capped)
        share = capped.stat().st_size / _CAP_BYTES * 100
        yield Figure(
            "share of the limit used", "%", {OURS: [share]}, (Goal(100), Goal(95, at_least=True))
        )


def _made(source: Path, folder: Path, cap_bytes: int | None) -> Path:
    folder.mkdir()
    result = folder / "result.mp4"
    width, height = map(int, SIZE.split("x"))
    rate = None if cap_bytes is None else int(cap_bytes * 8 * 0.975 / SECONDS)
    pictures = Pictures(width, height, "30/1", crf=18, bit_rate_max=24_000_000, bit_rate=rate)
    for arguments in passes(Recipe("mp4", pictures, None, cap_bytes), source, result, threads=0):
        _ffmpeg(*arguments)
    return result


def _figures(name: str, source: Path, made: Path) -> Iterator[Figure]:
    yield Figure(f"{name}: likeness (SSIM)", "", {OURS: [_likeness(source, made)]}, (), True)
    yield Figure(f"{name}: size", "MB", {OURS: [made.stat().st_size / 1e6]})


def _likeness(source: Path, made: Path) -> float:
    told = _ffmpeg("-i", str(made), "-i", str(source), "-lavfi", "ssim", "-f", "null", "-")
    found = _SSIM.search(told)
    assert found is not None, told
    return float(found.group(1))


def _lossless() -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")


def _ffmpeg(*arguments: str) -> str:
    command = [find_ffmpeg().path, "-hide_banner", "-nostdin", "-y", *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return answer.stderr
