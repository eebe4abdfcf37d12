"""Transcodes one file: fetches the source from the store, runs ffmpeg, stores the result.

ffmpeg works on a copy on disk in a folder of its own, never on a link. It parses hostile files,
so it gets no network, no secrets, and no files but its own two; every byte belongs to the version
that was probed; and it can read the source twice. The price is disk space, which is bounded.
"""

from __future__ import annotations

import errno
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
from workers.media.disk_space import disk_space_for
from workers.media.running import FfmpegBounds, FfmpegFailed, run_ffmpeg
from workers.media.workspace import DiskFull, workspace

PIECE_BYTES = 1024 * 1024
#: A result that came out too large is transcoded once more, this far below the missed rate.
_SAFETY = 0.97
_DURATION_SLACK_SECONDS, _DURATION_SLACK = 1.0, 0.05
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
Check = Callable[[], None]


def transcode(
    claim: RenditionClaim,
    storage: Storage,
    config: Config,
    *,
    check: Check,
    progress: Callable[[float], None],
) -> tuple[StoredObject, Probe]:
    """Transcode a rendition, store it, and return the stored object and its own probe.

    `progress` receives the share that is done, 0–1. Raises `FfmpegFailed`, `DiskFull`, `DiskBusy`,
    `DiskTooSmall`, any `StorageError`, and, promptly, whatever `check` raises.
    """
    space = disk_space_for(claim)
    with workspace(config.encode_dir, space.need, config.encode_disk_mb * 10**6) as folder:
        bounds = FfmpegBounds(
            memory_bytes=config.encode_memory_mb * 2**20,
            file_bytes=folder.granted_bytes - space.overhead_bytes,
            wall_seconds=config.encode_minutes * 60.0,
        )
        source = folder.path / "source"
        result = folder.path / f"result.{claim.recipe.container}"
        fetch(claim, storage, source, check)
        runner = _Runner(claim, bounds, space.stats_bytes, config.encode_threads, check, progress)
        runner.run(source, result)
        if _is_too_large(claim.recipe, result):
            runner.run_smaller(source, result)
        return _store(claim, storage, result, check)


class _Runner:
    """Runs ffmpeg's passes and reports their progress as one."""

    def __init__(
        self,
        claim: RenditionClaim,
        bounds: FfmpegBounds,
        stats_bytes: int,
        threads: int,
        check: Check,
        progress: Callable[[float], None],
    ) -> None:
        self._claim, self._bounds, self._threads = claim, bounds, threads
        # The first of two passes writes nothing but its stats files.
        self._first_bounds = replace(bounds, file_bytes=stats_bytes)
        self._check, self._progress = check, progress

    def run(self, source: Path, result: Path, *, bit_rate: int | None = None) -> None:
        recipe, duration = self._claim.recipe, max(self._claim.duration_seconds, 0.001)
        commands = passes(recipe, source, result, threads=self._threads, bit_rate=bit_rate)
        for number, arguments in enumerate(commands):

            def report(seconds: float, done: int = number) -> None:
                self._progress((done + min(seconds / duration, 1.0)) / len(commands))

            bounds = self._first_bounds if number + 1 < len(commands) else self._bounds
            run_ffmpeg(arguments, bounds, check=self._check, progress=report)

    def run_smaller(self, source: Path, result: Path) -> None:
        """Transcode again at the rate that the size limit allows; raises if that is too large."""
        recipe = self._claim.recipe
        assert recipe.video is not None and recipe.size_max_bytes is not None
        excess = result.stat().st_size / recipe.size_max_bytes
        missed_rate = recipe.video.bit_rate or int(
            result.stat().st_size * 8 / max(self._claim.duration_seconds, 0.001)
        )
        self.run(source, result, bit_rate=int(missed_rate / excess * _SAFETY))
        if _is_too_large(recipe, result):
            raise FfmpegFailed(
                "conversion_too_large",
                "The video cannot be made small enough without ruining it: make it shorter.",
                is_video_fault=True,
                is_permanent=True,
            )


def fetch(claim: RenditionClaim, storage: Storage, target: Path, check: Check) -> None:
    """Copy the source to disk; raises `DiskFull`, any `StorageError`, and what `check` raises."""
    stream = storage.open(claim.source_key, 0, claim.source_bytes, claim.source_etag)
    try:
        with stream, target.open("xb") as file:
            while piece := stream.read(PIECE_BYTES):
                check()
                file.write(piece)
    except OSError as exc:
        if exc.errno not in _NO_SPACE:
            raise
        # Others have filled the disk since the space was reserved.
        raise DiskFull(f"no space left for the {claim.source_bytes} bytes of the source") from exc


def _is_too_large(recipe: Recipe, result: Path) -> bool:
    if recipe.video is None or recipe.size_max_bytes is None:
        return False
    return result.stat().st_size > recipe.size_max_bytes


class _CheckedBody:
    """The result on its way to the store; `check` may abort it at every read."""

    def __init__(self, body: Readable, check: Check) -> None:
        self._body, self._check = body, check

    def read(self, size: int, /) -> bytes:
        self._check()
        return self._body.read(size)


def _store(
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
            "conversion_failed", exc.sentence, is_video_fault=True, is_permanent=True
        ) from exc
    return stored, facts


def _refuse_shortened(claim: RenditionClaim, facts: Probe) -> None:
    """Refuse a source that was readable only in part: nobody wants to publish half a video."""
    missing = claim.duration_seconds - facts.duration_seconds
    if missing > max(_DURATION_SLACK_SECONDS, claim.duration_seconds * _DURATION_SLACK):
        raise VideoInvalid(
            "video_corrupt",
            f"Only {facts.duration_seconds:.1f} of its {claim.duration_seconds:.1f} s can be"
            " decoded: the file is damaged.",
        )
