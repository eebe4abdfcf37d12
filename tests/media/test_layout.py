"""Files whose index is crafted to keep its reader busy."""

from __future__ import annotations

import io
import struct

import pytest

from app.media.boxes import BOXES_MAX
from app.media.edit_lists import EDITS_MAX
from app.media.facts import VideoInvalid
from app.media.layout import Layout, read_layout
from app.media.window import Window
from app.storage import Storage


class CountingWindow(Window):
    """Counts its reads."""

    reads = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return super().read_at(offset, length)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(content: bytes) -> bytes:
    return box(b"trak", content)


def edit_list(count: int) -> bytes:
    """Return an edit list that repeats the same second."""
    head = struct.pack(">II", 0, count)
    return box(b"edts", box(b"elst", head + struct.pack(">Iii", 1000, 0, 1 << 16) * count))


def film(tracks: bytes) -> bytes:
    scale = struct.pack(">IIII", 0, 0, 0, 1000)
    moov = box(b"moov", box(b"mvhd", scale) + tracks)
    return box(b"ftyp", b"isom") + moov + box(b"mdat", b"pictures")


def window_of(store: Storage, content: bytes) -> CountingWindow:
    stat = store.write("film.mp4", io.BytesIO(content), len(content))
    return CountingWindow(store, "film.mp4", stat, 64 * 2**20)


def refused(window: Window) -> str:
    with pytest.raises(VideoInvalid) as caught:
        read_layout(window)
    assert caught.value.code == "video_corrupt"
    return caught.value.sentence


def test_parts_of_all_tracks_together_are_bounded(store: Storage) -> None:
    """Each container alone has no more boxes than that of a large real file."""
    window = window_of(store, film(track(box(b"free", b"") * 1500) * 1000))
    assert "too many parts" in refused(window)
    assert window.reads <= BOXES_MAX + 10


def test_edits_of_all_tracks_together_are_bounded(store: Storage) -> None:
    window = window_of(store, film(track(edit_list(EDITS_MAX // 4)) * 100))
    assert "edit list" in refused(window)
    assert window.read_bytes < window.size_bytes / 2


def test_file_with_many_tracks_is_read(store: Storage) -> None:
    found = read_layout(window_of(store, film(track(edit_list(2)) * 500)))
    assert found == Layout("isom", moov_first=True, has_edit_list=True, edit_list_cuts=True)
