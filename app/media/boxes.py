"""Where the parts of an MP4 or QuickTime file are: a reader of box headers, and of no more.

https://developer.apple.com/documentation/quicktime-file-format/atoms
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.media.facts import VideoInvalid
from app.media.window import Window

_BOXES_MAX = 2000  # in one container; a real file has tens


@dataclass(frozen=True)
class Box:
    """One part of a file; its contents go from `first` to `end`."""

    kind: bytes
    first: int
    end: int


def boxes(window: Window, first: int, end: int) -> Iterator[Box]:
    """Yield the boxes from `first` to `end`, each inside of it and of at least its header.

    Raises `VideoInvalid` for what is cut or malformed.
    """
    for _ in range(_BOXES_MAX):
        if end - first < 8:  # padding may follow the last box
            return
        box = _box_at(window, first, end)
        yield box
        first = box.end
    raise VideoInvalid("video_corrupt", "The file consists of too many parts.")


def find(window: Window, inside: Box, *path: bytes) -> Box | None:
    """Return the first box that a path of names leads to, or None."""
    found: Box | None = inside
    for kind in path:
        if found is None:
            return None
        within = boxes(window, found.first, found.end)
        found = next((box for box in within if box.kind == kind), None)
    return found


def _box_at(window: Window, first: int, end: int) -> Box:
    header = window.read_at(first, 16)
    size, kind, header_bytes = int.from_bytes(header[:4], "big"), header[4:8], 8
    if size == 1:
        size, header_bytes = int.from_bytes(header[8:16], "big"), 16
    elif size == 0 and kind == b"\0\0\0\0":  # what ends a list of boxes in QuickTime
        return Box(kind, end, end)
    elif size == 0:
        size = end - first
    if size < header_bytes:
        raise VideoInvalid("video_corrupt", "The file's parts have impossible lengths.")
    if first + size > end:
        raise VideoInvalid("video_corrupt", "The file is cut off before its end.")
    return Box(kind, first + header_bytes, first + size)
