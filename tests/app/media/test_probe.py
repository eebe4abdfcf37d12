"""The probe on real files: what it finds, and what it costs."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.media.child_process import ProbeBounds
from app.media.facts import Probe, VideoInvalid
from app.media.layout import read_layout
from app.media.probe import probe
from app.media.window import BLOCK_BYTES, Window
from app.storage import Storage, StoredObject
from app.storage.errors import ObjectChanged, ObjectMissing, StoreUnavailable
from tests.app.media.conftest import RECIPES, run_ffmpeg

Made = Callable[[str], Path]


def probe_file(store: Storage, path: Path, key: str = "video") -> Probe:
    with path.open("rb") as body:
        stat = store.write(key, body, path.stat().st_size)
    return probe(store, key, stat)


def test_probe_finds_every_fact(store: Storage, made: Made) -> None:
    path = made("plain.mp4")
    found = probe_file(store, path)
    size = path.stat().st_size
    assert found.duration_seconds == pytest.approx(3.0, abs=0.05)
    assert found.bit_rate == pytest.approx(size * 8 / 3, rel=0.05)
    assert found.sound_delay_seconds == pytest.approx(0.0, abs=0.03)
    assert replace(found, duration_seconds=3.0, bit_rate=0, sound_delay_seconds=0.0) == Probe(
        content_type="video/mp4",
        container="mp4",
        brand="isom",
        size_bytes=size,
        duration_seconds=3.0,
        bit_rate=0,
        video_codec="h264",
        profile="Main",
        width=360,
        height=640,
        rotation=0,
        pixel_ratio=1.0,
        frame_rate=30.0,
        is_variable_rate=False,
        is_interlaced=False,
        pixel_format="yuv420p",
        bit_depth=8,
        transfer=None,
        audio_codec="aac",
        audio_channels=2,
        audio_sample_rate=48000,
        moov_first=False,
        has_edit_list=True,
        edit_list_cuts=False,
        sound_delay_seconds=0.0,
    )
    assert Probe.load(json.loads(json.dumps(found.dump()))) == found


@pytest.mark.parametrize(
    ("name", "content_type", "container", "video_codec", "audio_codec"),
    [
        ("faststart.mp4", "video/mp4", "mp4", "h264", "aac"),
        ("fragmented.mp4", "video/mp4", "mp4", "h264", "aac"),
        ("apple.mov", "video/quicktime", "quicktime", "h264", "aac"),
        ("silent.mp4", "video/mp4", "mp4", "h264", None),
        ("hevc.mp4", "video/mp4", "mp4", "hevc", None),
        ("phone.3gp", "video/3gpp", "3gpp", "h264", None),
        ("clip.webm", "video/webm", "webm", "vp8", "opus"),
        ("recorded.webm", "video/webm", "webm", "vp8", "opus"),
        ("clip.mkv", "video/x-matroska", "matroska", "h264", "aac"),
        ("clip.avi", "video/x-msvideo", "avi", "mpeg4", "mp3"),
        ("clip.mpg", "video/mpeg", "mpeg", "mpeg2video", "mp2"),
        ("clip.ts", "video/mp2t", "mpegts", "h264", "aac"),
        ("clip.flv", "video/x-flv", "flv", "h264", "aac"),
        ("clip.wmv", "video/x-ms-asf", "asf", "wmv2", "wmav2"),
    ],
)
def test_probe_knows_the_containers_whatever_the_name(
    store: Storage,
    made: Made,
    name: str,
    content_type: str,
    container: str,
    video_codec: str,
    audio_codec: str | None,
) -> None:
    found = probe_file(store, made(name), "named-wrongly.txt")
    assert (found.content_type, found.container) == (content_type, container)
    assert (found.video_codec, found.audio_codec) == (video_codec, audio_codec)
    assert found.duration_seconds == pytest.approx(3.0, abs=0.15)
    assert found.frame_rate == pytest.approx(30.0, abs=0.5)
    assert (found.width, found.height) == (360, 640)


@pytest.mark.parametrize(
    ("name", "moov_first", "has_edit_list"),
    [
        ("plain.mp4", False, True),
        ("faststart.mp4", True, False),
        ("fragmented.mp4", True, False),
        ("clip.webm", None, None),
    ],
)
def test_probe_reads_the_layout_of_an_mp4(
    store: Storage, made: Made, name: str, moov_first: bool | None, has_edit_list: bool | None
) -> None:
    found = probe_file(store, made(name))
    assert (found.moov_first, found.has_edit_list) == (moov_first, has_edit_list)


@pytest.mark.parametrize("offset", ["3", "0.5", "50000"])
@pytest.mark.parametrize(
    "name",
    [*("clip.mkv", "clip.webm", "recorded.webm", "clip.ts", "clip.mpg", "clip.flv")]
    + ["clip.wmv", "plain.mp4", "fragmented.mp4", "apple.mov"],
)
def test_duration_is_what_is_shown_wherever_the_timestamps_start(
    store: Storage, tmp_path: Path, name: str, offset: str
) -> None:
    path = tmp_path / name
    run_ffmpeg(*RECIPES[name], "-output_ts_offset", offset, str(path))
    assert probe_file(store, path).duration_seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("stated_seconds", [3.02, 6.02], ids=["from-start", "from-0"])
def test_duration_in_matroska_may_count_from_the_start_or_from_0(
    store: Storage, tmp_path: Path, stated_seconds: float
) -> None:
    """Muxers differ."""
    path = tmp_path / "clip.mkv"
    run_ffmpeg(*RECIPES["clip.mkv"], "-output_ts_offset", "3", str(path))
    content = bytearray(path.read_bytes())
    stated_at = content.index(b"\x44\x89\x88") + 3
    content[stated_at : stated_at + 8] = struct.pack(">d", stated_seconds * 1000)
    path.write_bytes(content)
    assert probe_file(store, path).duration_seconds == pytest.approx(3.0, abs=0.1)


def test_variable_frame_rate_is_an_average_and_not_what_the_file_calls_usual(
    store: Storage, made: Made
) -> None:
    """Of more frames than tell that it is variable."""
    found = probe_file(store, made("uneven.mkv"))
    assert found.is_variable_rate
    assert found.frame_rate == pytest.approx((150 + 1050 / 4) / 40, abs=0.1)


# FFmpeg counts rotation counterclockwise, a probe clockwise.
@pytest.mark.parametrize(
    ("degrees", "rotation", "shown"),
    [(90, 270, (640, 360)), (-90, 90, (640, 360)), (180, 180, (360, 640))],
)
def test_probe_returns_the_displayed_size(
    store: Storage,
    turned: Callable[[int], Path],
    degrees: int,
    rotation: int,
    shown: tuple[int, int],
) -> None:
    found = probe_file(store, turned(degrees))
    assert (found.rotation, (found.width, found.height)) == (rotation, shown)


class CountingStore:
    """Counts what is read from another store."""

    def __init__(self, store: Storage) -> None:
        self._store = store
        self.lengths: list[int] = []

    def open(self, key: str, first: int, length: int, etag: str) -> object:
        self.lengths.append(length)
        return self._store.open(key, first, length, etag)


def test_probe_reads_little_of_a_huge_file(store: Storage, made: Made, tmp_path: Path) -> None:
    """Its index follows a hole of 300 MB."""
    raw = made("plain.mp4").read_bytes()
    index_at = raw.index(b"moov") - 4
    hole_bytes = 300_000_000
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.write(raw[:index_at] + hole_bytes.to_bytes(4, "big") + b"free")
        file.seek(index_at + hole_bytes)
        file.write(raw[index_at:])
    counting = CountingStore(store)
    found = probe(counting, "huge.mp4", store.stat("huge.mp4"))  # type: ignore[arg-type]
    assert found.size_bytes > hole_bytes and found.moov_first is False
    assert sum(counting.lengths) < 3_000_000
    assert max(counting.lengths) <= BLOCK_BYTES


def test_probe_of_a_missing_object_raises_the_stores_error(store: Storage, made: Made) -> None:
    stat = StoredObject(1000, '"etag"', "video/mp4")
    with pytest.raises(ObjectMissing):
        probe(store, "gone.mp4", stat)
    probe_file(store, made("plain.mp4"), "replaced.mp4")
    with pytest.raises(ObjectChanged):
        probe(store, "replaced.mp4", stat)


def test_a_store_that_is_too_slow_is_not_the_videos_fault(
    store: Storage, made: Made, tmp_path: Path
) -> None:
    class SlowStore(CountingStore):
        def open(self, key: str, first: int, length: int, etag: str) -> object:
            time.sleep(6.0)  # longer than the child's whole time, of which it needs some to start
            return super().open(key, first, length, etag)

    path = made("plain.mp4")
    shutil.copy(path, tmp_path / "video")
    with pytest.raises(StoreUnavailable, match="slow"):
        probe(
            SlowStore(store),  # type: ignore[arg-type]
            "video",
            store.stat("video"),
            ProbeBounds(wall_seconds=5.0),
        )


def test_a_window_reads_each_block_once_and_not_past_its_bound(
    store: Storage, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 4096
    (tmp_path / "video").write_bytes(body)
    window = Window(store, "video", store.stat("video"), max_bytes=3 * BLOCK_BYTES)
    assert window.read_at(10, 5) == body[10:15]
    assert window.read_at(BLOCK_BYTES - 5, 10) == body[BLOCK_BYTES - 5 : BLOCK_BYTES + 5]
    assert window.read_at(0, 100) == body[:100]
    assert window.read_bytes == 2 * BLOCK_BYTES
    assert window.read_at(len(body) - 3, 10) == body[-3:]
    assert window.read_at(len(body), 10) == b""
    with pytest.raises(VideoInvalid, match="More than"):
        window.read_at(2 * BLOCK_BYTES, 10)


def test_layout_is_read_from_headers_alone(store: Storage, made: Made, tmp_path: Path) -> None:
    shutil.copy(made("plain.mp4"), tmp_path / "video")
    window = Window(store, "video", store.stat("video"), max_bytes=BLOCK_BYTES * 4)
    layout = read_layout(window)
    assert (layout.brand, layout.moov_first, layout.has_edit_list) == ("isom", False, True)
