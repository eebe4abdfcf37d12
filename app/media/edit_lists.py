"""The effect of MP4 edit lists.

https://developer.apple.com/documentation/quicktime-file-format/edit_list_atom
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from app.media.boxes import Box, Boxes
from app.media.facts import DELAY_SECONDS, VideoInvalid
from app.media.window import Window

#: Encoders emit a few leading frames that are not shown: B-frame delay, AAC priming.
PRIMING_SECONDS = 0.1
PRIMING_FRAMES = 3
_NORMAL_RATE = 1 << 16
#: Edits per file, over all its tracks.
EDITS_MAX = 20_000


@dataclass(frozen=True)
class Edits:
    """`cuts`: dropping the edit list would change what the track shows."""

    cuts: bool


class EditLists:
    """Reads the edit lists of one file's tracks; at most `EDITS_MAX` edits in total."""

    def __init__(self, boxes: Boxes, moov: Box) -> None:
        self._boxes, self._window = boxes, boxes.window
        header = boxes.find(moov, b"mvhd")
        self._movie_scale = _scale(self._window, header)
        self._left = EDITS_MAX

    def read(self, track: Box, edit_list: Box) -> Edits:
        """Return the effect of an `elst` box; raises `VideoInvalid` for an impossible one."""
        entries = self._entries(edit_list)
        shown = [entry for entry in entries if entry[1] >= 0]
        delay = sum(length for length, start, _ in entries if start < 0)
        is_late = delay > DELAY_SECONDS * self._movie_scale
        if len(shown) != 1 or is_late or shown[0][2] != _NORMAL_RATE:
            return Edits(bool(entries))
        return Edits(shown[0][1] > self._priming(track))

    def _entries(self, edit_list: Box) -> list[tuple[int, int, int]]:
        """Return duration, start (-1: nothing is shown) and rate of each edit."""
        head = self._window.read_at(edit_list.first, 8)
        count = int.from_bytes(head[4:8], "big")
        layout = struct.Struct(">Qqi" if head[:1] == b"\1" else ">Iii")
        length = count * layout.size
        self._left -= count
        if self._left < 0 or edit_list.first + 8 + length > edit_list.end:
            raise VideoInvalid("video_corrupt", "The file's edit list has an impossible length.")
        return list(layout.iter_unpack(self._window.read_at(edit_list.first + 8, length)))

    def _priming(self, track: Box) -> float:
        """Return how far into the track, in its own time scale, an ordinary one may start."""
        scale = _scale(self._window, self._boxes.find(track, b"mdia", b"mdhd"))
        times = self._boxes.find(track, b"mdia", b"minf", b"stbl", b"stts")
        # `stts`: version and flags, an entry count, then pairs of a sample count and a duration.
        first = b"" if times is None else self._window.read_at(times.first + 12, 4)
        return max(PRIMING_SECONDS * scale, PRIMING_FRAMES * int.from_bytes(first, "big"))


def _scale(window: Window, header: Box | None) -> int:
    """Return the time scale of an `mvhd` or `mdhd` box, at the same offset in both."""
    if header is None:
        return 0
    offset = 20 if window.read_at(header.first, 1) == b"\1" else 12
    return int.from_bytes(window.read_at(header.first + offset, 4), "big")
