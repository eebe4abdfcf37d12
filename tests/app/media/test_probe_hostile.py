"""Malicious files: each fails alone, fast, and opens nothing."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.media import probe_answer
from app.media.child_process import ProbeBounds
from app.media.facts import VideoInvalid
from app.media.probe import probe
from app.media.window import Window
from app.storage import Storage
from app.storage.errors import StoreUnavailable

Made = Callable[[str], Path]


def refusal(store: Storage, body: bytes, bounds: ProbeBounds = ProbeBounds()) -> VideoInvalid:
    stat = store.write("hostile.mp4", io.BytesIO(body), len(body))
    with pytest.raises(VideoInvalid) as caught:
        probe(store, "hostile.mp4", stat, bounds)
    assert caught.value.sentence.endswith(".")
    return caught.value


def box(kind: bytes, contents: bytes = b"", *, size: int | None = None) -> bytes:
    return struct.pack(">I", len(contents) + 8 if size is None else size) + kind + contents


FTYP = box(b"ftyp", b"isom\0\0\2\0isom")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "video_empty"),
        (b"\0", "video_corrupt"),
        (b"This is a text, not a video.\n" * 100, "video_corrupt"),
        (os.urandom(50_000), "video_corrupt"),
        (b"\0" * 50_000, "video_corrupt"),
        (FTYP, "video_corrupt"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "video_corrupt"),
    ],
)
def test_non_videos_are_refused(store: Storage, body: bytes, code: str) -> None:
    assert refusal(store, body).code == code


@pytest.mark.parametrize(("name", "code"), [("sound.m4a", "video_no_pictures")])
def test_sound_alone_is_refused(store: Storage, made: Made, name: str, code: str) -> None:
    assert refusal(store, made(name).read_bytes()).code == code


def test_a_picture_is_refused(store: Storage, made: Made) -> None:
    assert refusal(store, made("still.png").read_bytes()).code == "video_corrupt"


@pytest.mark.parametrize("name", ["plain.mp4", "faststart.mp4", "apple.mov"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(store: Storage, made: Made, name: str, kept: float) -> None:
    raw = made(name).read_bytes()
    assert refusal(store, raw[: int(len(raw) * kept)]).code == "video_corrupt"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{url}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{url}'\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period><AdaptationSet>"
        "<Representation><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    ],
)
def test_playlists_open_nothing(store: Storage, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        body = text.format(url=f"http://127.0.0.1:{port}/a.ts", port=port).encode()
        assert refusal(store, body).code == "video_corrupt"
        with pytest.raises(TimeoutError):
            server.accept()


def test_references_to_other_files_are_not_followed(store: Storage, made: Made) -> None:
    """An MP4's data reference may name a local file."""
    raw = made("plain.mp4").read_bytes()
    reference = raw.index(b"dref")
    hostile = bytearray(raw)
    flags_at = raw.index(b"url ", reference) + 4
    hostile[flags_at : flags_at + 4] = b"\0\0\0\0"  # no longer "in this file"
    stat = store.write("hostile.mp4", io.BytesIO(bytes(hostile)), len(hostile))
    with contextlib.suppress(VideoInvalid):  # or the reference is ignored: both are safe
        probe(store, "hostile.mp4", stat)


@pytest.mark.parametrize(
    "body",
    [
        FTYP + box(b"moov", size=7) + b"\0" * 100,
        FTYP + box(b"moov", size=2**31) + b"\0" * 100,
        FTYP + struct.pack(">I4sQ", 1, b"moov", 3) + b"\0" * 100,
        FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**63) + b"\0" * 100,
        FTYP + box(b"free") * 30_000,
        FTYP + box(b"moov", box(b"trak", box(b"mdia")) * 5000),
    ],
)
def test_impossible_boxes_are_detected(store: Storage, body: bytes) -> None:
    """They are detected, not timed out: after a timeout the code would be `video_unreadable`."""
    assert refusal(store, body).code in ("video_corrupt", "video_no_pictures")


def test_a_header_that_asks_for_memory_gets_none(store: Storage) -> None:
    """Sample tables of 4 billion entries, and a compressed index that inflates."""
    table = box(b"stsz", struct.pack(">III", 0, 0, 2**32 - 1))
    tracks = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))
    assert refusal(store, FTYP + box(b"moov", tracks)).code.startswith("video_")
    swelling = zlib.compress(b"\0" * 200_000_000, 9)
    compressed = box(b"dcom", b"zlib") + box(b"cmvd", struct.pack(">I", 2**32 - 1) + swelling)
    body = FTYP + box(b"moov", box(b"cmov", compressed))
    bounds = ProbeBounds(memory_bytes=256 * 2**20)
    assert refusal(store, body, bounds).code.startswith("video_")


def test_too_little_memory_fails_the_probe_and_not_the_process(store: Storage, made: Made) -> None:
    raw = made("plain.mp4").read_bytes()
    assert refusal(store, raw, ProbeBounds(memory_bytes=2**20)).code == "video_unreadable"


def test_a_child_past_its_deadline_is_killed(store: Storage, made: Made) -> None:
    raw = made("plain.mp4").read_bytes()
    assert refusal(store, raw, ProbeBounds(wall_seconds=0.001)).code == "video_unreadable"


def kill_on_read(monkeypatch: pytest.MonkeyPatch, *numbers: signal.Signals) -> None:
    """Have each of the next probes ended by a signal as soon as it reads."""
    original, left = Window.read_at, list(numbers)

    def kill_and_read(*args: Any) -> bytes:
        for child in psutil.Process().children():
            if left and any(part.endswith("probe_child.py") for part in child.cmdline()):
                child.send_signal(left.pop(0))
        return original(*args)

    monkeypatch.setattr(Window, "read_at", kill_and_read)


def test_child_stopped_by_a_deploy_does_not_condemn_the_file(
    store: Storage, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = made("plain.mp4").read_bytes()
    stored = store.write("videos/ended.mp4", io.BytesIO(raw), len(raw))
    kill_on_read(monkeypatch, signal.SIGTERM)
    with pytest.raises(StoreUnavailable):
        probe(store, "videos/ended.mp4", stored)


def test_child_killed_by_a_system_short_of_memory_is_run_once_more(
    store: Storage, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = made("plain.mp4").read_bytes()
    stored = store.write("videos/killed.mp4", io.BytesIO(raw), len(raw))
    kill_on_read(monkeypatch, signal.SIGKILL)
    assert probe(store, "videos/killed.mp4", stored).video_codec == "h264"
    kill_on_read(monkeypatch, signal.SIGKILL, signal.SIGKILL)
    with pytest.raises(VideoInvalid):
        probe(store, "videos/killed.mp4", stored)


def test_reads_of_a_file_are_bounded(store: Storage, made: Made) -> None:
    raw = made("recorded.webm").read_bytes()
    assert refusal(store, raw, ProbeBounds(read_bytes=1000)).code == "video_unreadable"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[" * 60_000,
        b"{}",
        b'{"error": "os.system"}',
        b'{"error": ["x"]}',
        b'{"format": 1}',
        b'{"format": "mov", "duration_seconds": Infinity}',
    ],
)
def test_output_of_a_compromised_child_is_rejected(answer: bytes) -> None:
    assert not probe_answer._is_valid(probe_answer._object(answer))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
def test_the_child_gets_no_secret(
    store: Storage, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    class WatchingStore:
        def open(self, key: str, first: int, length: int, etag: str) -> object:
            """Called while the child waits for bytes."""
            for task in Path("/proc/self/task").iterdir():
                for pid in (task / "children").read_text().split():
                    child = Path("/proc") / pid
                    seen.append((child / "environ").read_bytes() + (child / "cmdline").read_bytes())
            return store.open(key, first, length, etag)

    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", "hush-hush")
    raw = made("plain.mp4").read_bytes()
    stat = store.write("clip.mp4", io.BytesIO(raw), len(raw))
    probe(WatchingStore(), "clip.mp4", stat)  # type: ignore[arg-type]
    assert any(b"probe_child.py" in text for text in seen)
    assert not any(b"hush-hush" in text or b"clip.mp4" in text for text in seen)
