"""The layout of a file: the order of its parts, its edit lists, and whether it is truncated.

FFmpeg does not report these, or only after reading the whole file.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.media.boxes import Box, Boxes
from app.media.edit_lists import EditLists, Edits
from app.media.facts import VideoInvalid
from app.media.window import Window

_TRUNCATED = "The file is cut off before its end."


@dataclass(frozen=True)
class Layout:
    """The layout of an MP4 or QuickTime file. `brand` is its major brand, None without one.

    `edit_list_cuts`: an edit list hides, delays, repeats or slows something beyond the encoder's
    leading frames, so dropping it would change the video.
    """

    brand: str | None
    moov_first: bool
    has_edit_list: bool
    edit_list_cuts: bool

    @property
    def content_type(self) -> str:
        """The media type that the brand implies."""
        if self.brand is None or self.brand == "qt  ":
            return "video/quicktime"
        return "video/3gpp" if self.brand.startswith(("3gp", "3g2")) else "video/mp4"


def read_layout(window: Window) -> Layout:
    """Return the layout of a file; raises `VideoInvalid` if it is truncated or malformed.

    Reads up to the first `mdat` or the `moov` box, whichever comes later.
    """
    brand: str | None = None
    moov: Box | None = None
    media: Box | None = None
    boxes = Boxes(window)
    for box in boxes.between(0, window.size_bytes):
        if box.kind == b"ftyp" and brand is None:
            brand = window.read_at(box.first, 4).decode("latin-1")
        elif box.kind == b"moov" and moov is None:
            moov = box
        elif box.kind == b"mdat" and media is None:
            media = box
        if moov and media:
            break
    if moov is None:
        raise VideoInvalid("video_corrupt", "The file has no index (moov): it is incomplete.")
    moov_first = media is None or moov.first < media.first
    edits = _edits(boxes, moov)
    return Layout(brand, moov_first, bool(edits), any(edit.cuts for edit in edits))


def read_matroska_type(window: Window) -> tuple[str, str]:
    """Return media type and container of a Matroska file; raises `VideoInvalid` if truncated.

    The DocType (0x4282) in the EBML header identifies WebM; the Segment (0x18538067) that follows
    states its own length, unless the file was streamed while it was recorded.
    https://www.rfc-editor.org/rfc/rfc8794#section-11.2.7
    https://www.rfc-editor.org/rfc/rfc9559#section-5.1
    """
    head = window.read_at(0, 4096)
    before, found, after = head.partition(b"\x18\x53\x80\x67")
    if found and after:
        width = 9 - after[0].bit_length()
        length = int.from_bytes(after[:width], "big") & ((1 << 7 * width) - 1)
        first = len(before) + len(found) + width
        has_length = 1 <= width <= 8 and length != (1 << 7 * width) - 1
        if has_length and first + length > window.size_bytes:
            raise VideoInvalid("video_corrupt", _TRUNCATED)
    doc_type = head.partition(b"\x42\x82")[2]
    if doc_type and doc_type[1 : 1 + (doc_type[0] & 0x7F)].rstrip(b"\0") == b"webm":
        return "video/webm", "webm"
    return "video/x-matroska", "matroska"


def refuse_truncated_riff(window: Window) -> None:
    """Raise `VideoInvalid` for an AVI that ends before its first chunk does."""
    head = window.read_at(0, 8)
    if int.from_bytes(head[4:8], "little") + 8 > window.size_bytes:
        raise VideoInvalid("video_corrupt", _TRUNCATED)


def _edits(boxes: Boxes, moov: Box) -> list[Edits]:
    found, lists = [], EditLists(boxes, moov)
    for track in boxes.between(moov.first, moov.end):
        edit_list = boxes.find(track, b"edts", b"elst") if track.kind == b"trak" else None
        if edit_list is not None:
            found.append(lists.read(track, edit_list))
    return found
