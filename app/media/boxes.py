"""A reader of the box headers of MP4 and QuickTime files, and of nothing more.

https://developer.apple.com/documentation/quicktime-file-format/atoms
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.media.facts import VideoInvalid
from app.media.window import Window

#: Box headers read per file, repeats included; real files have a few hundred boxes.
BOXES_MAX = 20_000


@dataclass(frozen=True)
class Box:
    """One box; its contents span the offsets `first` to `end`."""

    kind: bytes
    first: int
    end: int


class Boxes:
    """The boxes of one file; at most `BOXES_MAX`, since they are read in the caller's process."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._left = BOXES_MAX

    def between(self, first: int, end: int) -> Iterator[Box]:
        """Yield the boxes between the offsets `first` and `end`.

        Raises `VideoInvalid` for a truncated or malformed box, and beyond `BOXES_MAX`.
        """
        while end - first >= 8:  # the last box may be followed by padding
            box = self._box_at(first, end)
            yield box
            first = box.end

    def find(self, inside: Box, *path: bytes) -> Box | None:
        """Return the first box at a path of box types, or None."""
        found: Box | None = inside
        for kind in path:
            if found is None:
                return None
            within = self.between(found.first, found.end)
            found = next((box for box in within if box.kind == kind), None)
        return found

    def _box_at(self, first: int, end: int) -> Box:
        self._left -= 1
        if self._left < 0:
            raise VideoInvalid("video_corrupt", "The file consists of too many parts.")
        header = self.window.read_at(first, 16)
        size, kind, header_bytes = int.from_bytes(header[:4], "big"), header[4:8], 8
        if size == 1:
            size, header_bytes = int.from_bytes(header[8:16], "big"), 16
        elif size == 0 and kind == b"\0\0\0\0":  # QuickTime's terminator of a box list
            return Box(kind, end, end)
        elif size == 0:
            size = end - first
        if size < header_bytes:
            raise VideoInvalid("video_corrupt", "The file contains parts of impossible length.")
        if first + size > end:
            raise VideoInvalid("video_corrupt", "The file is cut off before its end.")
        return Box(kind, first + header_bytes, first + size)
