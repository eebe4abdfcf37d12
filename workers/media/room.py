"""How much room on disk the making of a rendition takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from app.media.recipe import Pictures
from app.renditions.claims import RenditionClaim
from workers.media.workspace import Need

#: What a file that is only rewritten may grow by.
_GROWTH, _GROWTH_BYTES = 1.05, 16 * 2**20
#: A result is hardly ever larger than this many times its source, where its rate would allow it.
_LIKELY_GROWTH = 2
#: x264's notes of a first pass are two files: one of two bytes per block of 16 by 16 pixels, and
#: one with a line per frame.
_BLOCK_PIXELS, _BLOCK_BYTES, _LINE_BYTES = 256, 2, 400
_NOTES_BYTES = 2**20
_SLACK = 1.2


@dataclass(frozen=True)
class Room:
    """`notes_bytes` bounds each of the two files of notes, and is 0 where one pass will do;
    `beside_bytes` is all that lies beside the result."""

    need: Need
    notes_bytes: int
    beside_bytes: int


def room_for(claim: RenditionClaim) -> Room:
    """Return what is needed for the source, the notes of a first pass and the result."""
    recipe, seconds = claim.recipe, claim.duration_seconds
    may_take_two = recipe.pictures is not None and (
        recipe.pictures.bit_rate is not None or recipe.size_max_bytes is not None
    )
    notes = _notes_bound(recipe.pictures, seconds) if may_take_two and recipe.pictures else 0
    beside = claim.source_bytes + 2 * notes
    result = _result_bound(claim)
    likely = min(result, _LIKELY_GROWTH * claim.source_bytes + _GROWTH_BYTES)
    return Room(Need(beside + likely, beside + result), notes, beside)


def _result_bound(claim: RenditionClaim) -> int:
    pictures = claim.recipe.pictures
    if pictures is None:
        silence = 0 if claim.recipe.sound is None else claim.recipe.sound.bit_rate
        added = silence * claim.duration_seconds / 8
        return int(claim.source_bytes * _GROWTH + added) + _GROWTH_BYTES
    rate = pictures.bit_rate_max + 1_000_000
    return int(rate / 8 * claim.duration_seconds * _SLACK) + _GROWTH_BYTES


def _notes_bound(pictures: Pictures, seconds: float) -> int:
    frames = float(Fraction(pictures.frame_rate)) * seconds
    blocks = (pictures.width + 15) * (pictures.height + 15) / _BLOCK_PIXELS
    each = max(blocks * _BLOCK_BYTES, _LINE_BYTES)
    return int(frames * each * _SLACK) + _NOTES_BYTES
