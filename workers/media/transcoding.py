"""Making one file: the source from the store, ffmpeg, the result into the store.

ffmpeg gets a copy on disk, in a folder of its own, not a link: it reads hostile files and so has
no network, no secret and nothing but that folder's two files; every byte is of the version that
was probed; and it may read what it likes twice. What that costs, disk, is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.config import Config
from app.media.facts import Probe, VideoInvalid
from app.media.probe import probe
from app.media.recipe import Recipe
from app.renditions.claims import RenditionClaim
from app.storage import Readable, Storage, StoredObject
from workers.media.commands import passes
from workers.media.room import room_for
from workers.media.running import EncodeBounds, FfmpegFailed, run_ffmpeg
from workers.media.workspace import workspace

PIECE_BYTES = 1024 * 1024
#: Two passes that come out too large are made once more, this much below what was missed.
_SAFETY = 0.97
_DURATION_SLACK_SECONDS, _DURATION_SLACK = 1.0, 0.05
Check = Callable[[], None]


def make(
    claim: RenditionClaim,
    storage: Storage,
    config: Config,
    *,
    check: Check,
    progress: Callable[[float], None],
) -> tuple[StoredObject, Probe]:
    """Make the rendition and return what is in the store now, probed afresh.

    `progress` is told the share that is done, 0–1. Raises `FfmpegFailed`, `DiskFull`, `DiskBusy`,
    `DiskTooSmall`, any `StorageError`, and whatever `check` raises, soon.
    """
    room = room_for(claim)
    with workspace(config.encode_dir, room.need, config.encode_disk_mb * 10**6) as folder:
        bounds = EncodeBounds(
            memory_bytes=config.encode_memory_mb * 2**20,
            file_bytes=folder.granted_bytes - room.beside_bytes,
            wall_seconds=config.encode_minutes * 60.0,
        )
        source = folder.path / "source"
        result = folder.path / f"result.{claim.recipe.container}"
        _fetch(claim, storage, source, check)
        runner = _Runner(claim, bounds, room.notes_bytes, config.encode_threads, check, progress)
        runner.run(source, result)
        if _is_too_large(claim.recipe, result):
            runner.run_smaller(source, result)
        return _deliver(claim, storage, result, check)


class _Runner:
    """Runs ffmpeg's passes and tells their progress as one."""

    def __init__(
        self,
        claim: RenditionClaim,
        bounds: EncodeBounds,
        notes_bytes: int,
        threads: int,
        check: Check,
        progress: Callable[[float], None],
    ) -> None:
        self._claim, self._bounds, self._threads = claim, bounds, threads
        # The first of two passes writes nothing but its notes.
        self._first = replace(bounds, file_bytes=notes_bytes)
        self._check, self._progress = check, progress

    def run(self, source: Path, result: Path, *, bit_rate: int | None = None) -> None:
        recipe, duration = self._claim.recipe, max(self._claim.duration_seconds, 0.001)
        commands = passes(recipe, source, result, threads=self._threads, bit_rate=bit_rate)
        for number, arguments in enumerate(commands):

            def told(seconds: float, done: int = number) -> None:
                self._progress((done + min(seconds / duration, 1.0)) / len(commands))

            bounds = self._first if number + 1 < len(commands) else self._bounds
            run_ffmpeg(arguments, bounds, check=self._check, progress=told)

    def run_smaller(self, source: Path, result: Path) -> None:
        """Make it once more at the rate that the size allows; raises when that fails as well."""
        recipe = self._claim.recipe
        assert recipe.pictures is not None and recipe.size_max_bytes is not None
        excess = result.stat().st_size / recipe.size_max_bytes
        made_rate = recipe.pictures.bit_rate or int(
            result.stat().st_size * 8 / max(self._claim.duration_seconds, 0.001)
        )
        self.run(source, result, bit_rate=int(made_rate / excess * _SAFETY))
        if _is_too_large(recipe, result):
            raise FfmpegFailed(
                "conversion_too_large",
                "The film cannot be made so small without ruining it: make it shorter.",
                is_videos=True,
                is_hopeless=True,
            )


def _fetch(claim: RenditionClaim, storage: Storage, target: Path, check: Check) -> None:
    with target.open("xb") as file, storage.open(
        claim.source_key, 0, claim.source_bytes, claim.source_etag
    ) as stream:
        while piece := stream.read(PIECE_BYTES):
            check()
            file.write(piece)


def _is_too_large(recipe: Recipe, result: Path) -> bool:
    if recipe.pictures is None or recipe.size_max_bytes is None:
        return False
    return result.stat().st_size > recipe.size_max_bytes


class _CheckedBody:
    """The result on its way into the store, which may be broken off."""

    def __init__(self, body: Readable, check: Check) -> None:
        self._body, self._check = body, check

    def read(self, size: int, /) -> bytes:
        self._check()
        return self._body.read(size)


def _deliver(
    claim: RenditionClaim, storage: Storage, result: Path, check: Check
) -> tuple[StoredObject, Probe]:
    with result.open("rb") as body:
        stored = storage.write(claim.key, _CheckedBody(body, check), result.stat().st_size)
    try:
        facts = probe(storage, claim.key, stored)
        _refuse_shortened(claim, facts)
    except VideoInvalid as exc:
        storage.delete(claim.key)
        raise FfmpegFailed(
            "conversion_failed", exc.sentence, is_videos=True, is_hopeless=True
        ) from exc
    return stored, facts


def _refuse_shortened(claim: RenditionClaim, facts: Probe) -> None:
    """Refuse a source of which a part could not be read: nobody wants to publish half a film."""
    missing = claim.duration_seconds - facts.duration_seconds
    if missing > max(_DURATION_SLACK_SECONDS, claim.duration_seconds * _DURATION_SLACK):
        raise VideoInvalid(
            "video_corrupt",
            f"Only {facts.duration_seconds:.1f} of its {claim.duration_seconds:.1f} s can be"
            " decoded: the file is damaged.",
        )
