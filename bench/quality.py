"""How good a film that is made anew is, beside what a bare `ffmpeg -i in out.mp4` makes of it.

Each is probed, planned and made as for a post to TikTok. Likeness is SSIM (0–1, of the luma)
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
from bench.films import FILMS, Film, ffmpeg
from workers.media.transcoding import transcode

BARE = "a bare ffmpeg"
#: In the same bytes: a little may go to what the bare one leaves out, and to the limit's margin.
SAME_BYTES_SHARE = 0.99
#: Of what is made without a limit: the limit is the bare one's size, as far as that is between.
LIMIT_SHARES = (0.5, 0.8)
LIMIT_USED_PERCENT = (95, 100)


def measure(bench: Bench) -> Iterator[Figure]:
    """Make each film in three ways, and yield how like it and how large they are."""
    for film in FILMS:
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            yield from _measured(film, Path(folder), bench.size.film_seconds)


def _measured(film: Film, folder: Path, seconds: int) -> Iterator[Figure]:
    source, master = film.make(folder, seconds)
    bare, kitchen = folder / "bare.mp4", _Kitchen(folder, source)
    ffmpeg("-i", str(source), str(bare))
    made = kitchen.make(None)
    least, most = (int(made.stat().st_size * share) for share in LIMIT_SHARES)
    limit = max(least, min(bare.stat().st_size, most))
    limited = kitchen.make(limit)
    likeness = {path: film.likeness(path, master) for path in (bare, made, limited)}
    yield _likeness(film, BARE, {OURS: [likeness[bare]]})
    yield _size(film, BARE, {OURS: [_mb(bare)]})
    sides = {OURS: [likeness[made]], BARE: [likeness[bare]]}
    yield _likeness(film, "made anew", sides, Goal(1, BARE, at_least=True))
    sides = {OURS: [_mb(made)], BARE: [_mb(bare)]}
    goals = () if film.bytes_factor is None else (Goal(film.bytes_factor, BARE),)
    yield _size(film, "made anew", sides, *goals)
    sides = {OURS: [likeness[limited]], BARE: [likeness[bare]]}
    name = f"made for a limit of {limit / 1e6:.2f} MB"
    yield _likeness(film, name, sides, Goal(SAME_BYTES_SHARE, BARE, at_least=True))
    used, (low, high) = limited.stat().st_size / limit * 100, LIMIT_USED_PERCENT
    within = (Goal(high), Goal(low, at_least=True))
    yield Figure(f"{film.name}, {name}: share of it used", "%", {OURS: [used]}, within)


class _Kitchen:
    """Makes one source anew, by the service's own code, store and bounds included."""

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
        """Return what is made: as is planned, or for a limit on its size."""
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


def _likeness(film: Film, how: str, sides: dict[str, list[float]], *goals: Goal) -> Figure:
    return Figure(f"{film.name}, {how}: likeness (SSIM)", "", sides, goals, True)


def _size(film: Film, how: str, sides: dict[str, list[float]], *goals: Goal) -> Figure:
    return Figure(f"{film.name}, {how}: size", "MB", sides, goals)


def _mb(path: Path) -> float:
    return path.stat().st_size / 1e6
