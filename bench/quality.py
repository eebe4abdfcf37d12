"""The quality of our conversions, compared with plain `ffmpeg -i in out.mp4`.

Each video is probed, planned and converted as for TikTok. Similarity is SSIM (0–1, of the luma)
against the source as it should be seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from app.config import Config
from app.media.plan import plan_for, within_size
from app.media.probe import probe
from app.media.recipe import Recipe
from app.renditions.claims import RenditionClaim
from app.storage import StorageSettings, open_storage
from bench.bench import Bench
from bench.figures import OURS, Figure, Goal
from bench.source_videos import SOURCE_VIDEOS, SourceVideo, ffmpeg
from workers.media.transcoding import transcode

BARE = "plain ffmpeg"
#: At the same size, allowing for what plain ffmpeg leaves out, and for the limit's margin.
SAME_BYTES_SHARE = 0.99
#: The limit is the size of plain ffmpeg's result, clamped to these shares of our own.
LIMIT_SHARES = (0.5, 0.8)
LIMIT_USED_PERCENT = (95, 100)


def measure(bench: Bench) -> Iterator[Figure]:
    """Convert each video in three ways, and yield similarity and size."""
    for video in SOURCE_VIDEOS:
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            yield from _measured(video, Path(folder), bench.size.source_seconds)


def _measured(video: SourceVideo, folder: Path, seconds: int) -> Iterator[Figure]:
    source, master = video.make(folder, seconds)
    bare, converter = folder / "bare.mp4", _Converter(folder, source)
    ffmpeg("-i", str(source), str(bare))
    made = converter.make(None)
    least, most = (int(made.stat().st_size * share) for share in LIMIT_SHARES)
    limit = max(least, min(bare.stat().st_size, most))
    limited = converter.make(limit)
    similarity = {path: video.similarity(path, master) for path in (bare, made, limited)}
    yield _similarity(video, BARE, {OURS: [similarity[bare]]})
    yield _size(video, BARE, {OURS: [_mb(bare)]})
    sides = {OURS: [similarity[made]], BARE: [similarity[bare]]}
    yield _similarity(video, OURS, sides, Goal(1, BARE, at_least=True))
    sides = {OURS: [_mb(made)], BARE: [_mb(bare)]}
    goals = () if video.bytes_factor is None else (Goal(video.bytes_factor, BARE),)
    yield _size(video, OURS, sides, *goals)
    sides = {OURS: [similarity[limited]], BARE: [similarity[bare]]}
    name = f"{OURS} within {limit / 1e6:.2f} MB"
    yield _similarity(video, name, sides, Goal(SAME_BYTES_SHARE, BARE, at_least=True))
    used, (low, high) = limited.stat().st_size / limit * 100, LIMIT_USED_PERCENT
    within = (Goal(high), Goal(low, at_least=True))
    yield Figure(f"{video.name}, {name}: share of the limit used", "%", {OURS: [used]}, within)


class _Converter:
    """Converts one source by the service's own code, including its store and bounds."""

    def __init__(self, folder: Path, source: Path) -> None:
        self._folder = folder
        self._config = Config("", "", "", encode_dir=folder / "encode")
        self._store = open_storage(StorageSettings(folder / "store", "http://127.0.0.1", ("key",)))
        with source.open("rb") as body:
            self._stored = self._store.write("source.mkv", body, source.stat().st_size)
        self._facts = probe(self._store, "source.mkv", self._stored)
        recipe = plan_for("TIKTOK", self._facts).recipe
        assert recipe is not None and recipe.video is not None
        self._recipe = recipe

    def make(self, limit_bytes: int | None) -> Path:
        """Return the rendition: as planned, or within a size limit."""
        recipe = self._recipe if limit_bytes is None else self._limited(limit_bytes)
        claim = RenditionClaim(
            rendition_id=f"made-{limit_bytes}",
            run=1,
            source_key="source.mkv",
            source_etag=self._stored.etag,
            source_bytes=self._stored.size_bytes,
            duration_seconds=self._facts.duration_seconds,
            recipe=recipe,
            failures=0,
            lost_runs=0,
        )
        transcode(claim, self._store, self._config, check=lambda: None, progress=lambda share: None)
        return self._folder / "store" / claim.key

    def _limited(self, limit_bytes: int) -> Recipe:
        assert self._recipe.video is not None
        length = self._facts.duration_seconds
        video = within_size(self._recipe.video, length, limit_bytes, 0)
        return replace(self._recipe, video=video, size_max_bytes=limit_bytes)


def _similarity(
    video: SourceVideo, how: str, sides: dict[str, list[float]], *goals: Goal
) -> Figure:
    return Figure(f"{video.name}, {how}: similarity (SSIM)", "", sides, goals, True)


def _size(video: SourceVideo, how: str, sides: dict[str, list[float]], *goals: Goal) -> Figure:
    return Figure(f"{video.name}, {how}: size", "MB", sides, goals)


def _mb(path: Path) -> float:
    return path.stat().st_size / 1e6
