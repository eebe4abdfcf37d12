"""How much disk space a transcode needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from app.media.recipe import Recipe, VideoEncoding
from app.renditions.claims import RenditionClaim
from workers.media.workspace import SpaceNeed

#: How much a file may grow by remuxing.
_GROWTH, _GROWTH_BYTES = 1.05, 16 * 2**20
#: A result is hardly ever larger than this multiple of its source, even if its rate would allow it.
_LIKELY_GROWTH = 2
#: x264's first pass writes two stats files: one of two bytes per macroblock of 16 by 16 pixels,
#: and one with a line per frame.
_BLOCK_PIXELS, _BLOCK_BYTES, _LINE_BYTES = 256, 2, 400
_STATS_BYTES = 2**20
_SLACK = 1.2


@dataclass(frozen=True)
class DiskSpace:
    """The space for one transcode, in bytes.

    `stats_bytes` bounds each of x264's two stats files, 0 where one pass suffices;
    `overhead_bytes` is everything but the result.
    """

    need: SpaceNeed
    stats_bytes: int
    overhead_bytes: int


def disk_space_for(claim: RenditionClaim) -> DiskSpace:
    """Return the space for the source, the stats of a first pass, and the result."""
    stats = _stats_bound(claim.recipe, claim.duration_seconds)
    overhead = claim.source_bytes + 2 * stats
    result = _result_bound(claim)
    likely = min(result, _LIKELY_GROWTH * claim.source_bytes + _GROWTH_BYTES)
    return DiskSpace(SpaceNeed(overhead + likely, overhead + result), stats, overhead)


def _result_bound(claim: RenditionClaim) -> int:
    video = claim.recipe.video
    if video is None:
        audio_rate = 0 if claim.recipe.audio is None else claim.recipe.audio.bit_rate
        added = audio_rate * claim.duration_seconds / 8
        return int(claim.source_bytes * _GROWTH + added) + _GROWTH_BYTES
    rate = video.bit_rate_max + 1_000_000
    return int(rate / 8 * claim.duration_seconds * _SLACK) + _GROWTH_BYTES


def _stats_bound(recipe: Recipe, seconds: float) -> int:
    """Return the bound of one stats file; 0 where the recipe never takes two passes."""
    video = recipe.video
    if video is None or (video.bit_rate is None and recipe.size_max_bytes is None):
        return 0
    return _stats_file_bound(video, seconds)


def _stats_file_bound(video: VideoEncoding, seconds: float) -> int:
    frames = float(Fraction(video.frame_rate)) * seconds
    blocks = (video.width + 15) * (video.height + 15) / _BLOCK_PIXELS
    per_frame = max(blocks * _BLOCK_BYTES, _LINE_BYTES)
    return int(frames * per_frame * _SLACK) + _STATS_BYTES
