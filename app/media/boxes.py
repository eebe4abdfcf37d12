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
class Layout:
    """`brand` is the file type's major brand, None where the file has none (old QuickTime)."""

    brand: str | None
    moov_first: bool
    has_edit_list: bool

    @property
    def content_type(self) -> str:
        """The media type that the brand stands for."""
        if self.brand is None or self.brand == "qt  ":
            return "video/quicktime"
        return "video/3gpp" if self.brand.startswith(("3gp", "3g2")) else "video/mp4"


@dataclass(frozen=True)
class _Box:
    kind: bytes
    first: int  # of the contents
    end: int


def read_layout(window: Window) -> Layout:
    """Return how the file is laid out; raises `VideoInvalid` for one that is cut or malformed.

    Reads no further than the first `mdat` and the `moov` box, whichever is later.
    """
    brand: str | None = None
    moov: _Box | None = None
    media: _Box | None = None
    for box in _boxes(window, 0, window.size_bytes):
        if box.kind == b"ftyp" and brand is None:
            brand = window.read_at(box.first, 4).decode("latin-1")
        elif box.kind == b"moov" and moov is None:
            moov = box
        elif box.kind == b"mdat" and media is None:
            media = box
        if moov and media:
            break
    if moov is None:
        raise VideoInvalid("video_corrupt", "The file has no index (moov): it is not complete.")
    moov_first = media is None or moov.first < media.first
    return Layout(brand, moov_first, _has_edit_list(window, moov))


def _has_edit_list(window: Window, moov: _Box) -> bool:
    return any(
        leaf.kind == b"elst"
        for track in _boxes(window, moov.first, moov.end)
        if track.kind == b"trak"
        for edits in _boxes(window, track.first, track.end)
        if edits.kind == b"edts"
        for leaf in _boxes(window, edits.first, edits.end)
    )


def _boxes(window: Window, first: int, end: int) -> Iterator[_Box]:
    """Yield the boxes from `first` to `end`, each inside of it and of at least its header."""
    for _ in range(_BOXES_MAX):
        if end - first < 8:  # padding may follow the last box
            return
        box = _box_at(window, first, end)
        yield box
        first = box.end
    raise VideoInvalid("video_corrupt", "The file consists of too many parts.")


def _box_at(window: Window, first: int, end: int) -> _Box:
    header = window.read_at(first, 16)
    size, kind, header_bytes = int.from_bytes(header[:4], "big"), header[4:8], 8
    if size == 1:
        size, header_bytes = int.from_bytes(header[8:16], "big"), 16
    elif size == 0 and kind == b"\0\0\0\0":  # what ends a list of boxes in QuickTime
        return _Box(kind, end, end)
    elif size == 0:
        size = end - first
    if size < header_bytes:
        raise VideoInvalid("video_corrupt", "The file's parts have impossible lengths.")
    if first + size > end:
        raise VideoInvalid("video_corrupt", "The file is cut off before its end.")
    return _Box(kind, first + header_bytes, first + size)
