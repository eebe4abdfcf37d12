"""What the edit list of one MP4 track does to it.

https://developer.apple.com/documentation/quicktime-file-format/edit_list_atom
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from app.media.boxes import Box, Boxes
from app.media.facts import VideoInvalid
from app.media.window import Window

#: Encoders begin with a few frames that are not shown: B-frames' delay, AAC's priming.
PRIMING_SECONDS = 0.1
PRIMING_FRAMES = 3
#: A track may begin so much after the other without anybody noticing.
DELAY_SECONDS = 0.05
_NORMAL_RATE = 1 << 16
#: Of all the tracks of one file.
EDITS_MAX = 20_000


@dataclass(frozen=True)
class Edits:
    """`cuts`: the track would be another one without its edit list."""

    cuts: bool


class EditLists:
    """Reads the edit lists of one file's tracks: so many edits in all, and no more."""

    def __init__(self, boxes: Boxes, moov: Box) -> None:
        self._boxes, self._window = boxes, boxes.window
        header = boxes.find(moov, b"mvhd")
        self._film_scale = _scale(self._window, header)
        self._left = EDITS_MAX

    def read(self, track: Box, edit_list: Box) -> Edits:
        """Return what an `elst` box does; raises `VideoInvalid` for one that cannot be."""
        entries = self._entries(edit_list)
        shown = [entry for entry in entries if entry[1] >= 0]
        delay = sum(length for length, start, _ in entries if start < 0)
        is_late = delay > DELAY_SECONDS * self._film_scale
        if len(shown) != 1 or is_late or shown[0][2] != _NORMAL_RATE:
            return Edits(bool(entries))
        return Edits(shown[0][1] > self._priming(track))

    def _entries(self, edit_list: Box) -> list[tuple[int, int, int]]:
        """Return length, start (-1: nothing is shown) and rate of each edit."""
        head = self._window.read_at(edit_list.first, 8)
        count = int.from_bytes(head[4:8], "big")
        layout = struct.Struct(">Qqi" if head[:1] == b"\1" else ">Iii")
        length = count * layout.size
        self._left -= count
        if self._left < 0 or edit_list.first + 8 + length > edit_list.end:
            raise VideoInvalid("video_corrupt", "The file's edit list has an impossible length.")
        return list(layout.iter_unpack(self._window.read_at(edit_list.first + 8, length)))

    def _priming(self, track: Box) -> float:
        """Return how far into the track, in its own time scale, a plain one may begin."""
        scale = _scale(self._window, self._boxes.find(track, b"mdia", b"mdhd"))
        times = self._boxes.find(track, b"mdia", b"minf", b"stbl", b"stts")
        # After its version and flags, `stts` has a count, then pairs of a count and a duration.
        first = b"" if times is None else self._window.read_at(times.first + 12, 4)
        return max(PRIMING_SECONDS * scale, PRIMING_FRAMES * int.from_bytes(first, "big"))


def _scale(window: Window, header: Box | None) -> int:
    """Return the time scale in an `mvhd` or `mdhd` box, which has it in the same place."""
    if header is None:
        return 0
    skipped = 20 if window.read_at(header.first, 1) == b"\1" else 12
    return int.from_bytes(window.read_at(header.first + skipped, 4), "big")
