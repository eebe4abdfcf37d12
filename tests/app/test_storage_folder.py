"""What only a folder has: this service's own links, other files, leftovers of failed writes."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from app.clock import utcnow
from app.storage import Storage, StorageSettings, open_storage
from app.storage.errors import (
    InvalidKey,
    InvalidLink,
    ObjectChanged,
    ObjectMissing,
    StoreUnavailable,
    UploadTaken,
    WrongLength,
)


@pytest.fixture
def store(tmp_path: Path) -> Storage:
    return open_storage(StorageSettings(tmp_path / "videos", "https://queue.example/", "key"))


def other_process(store: Storage, tmp_path: Path) -> Storage:
    """Return the same folder as another process has it open."""
    return open_storage(StorageSettings(tmp_path / "videos", "https://queue.example/", "key"))


class NestedBody(io.BytesIO):
    """A body during whose reading another upload of the same object is tried."""

    def __init__(self, content: bytes, other: Storage) -> None:
        super().__init__(content)
        self._other = other
        self.refusals: list[str] = []

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            self._other.receive("a.mp4", io.BytesIO(b"other"), 5)
        except StoreUnavailable as error:
            self.refusals.append(str(error))
        return super().read(size)


def test_an_object_is_received_once_in_all_processes(store: Storage, tmp_path: Path) -> None:
    body = NestedBody(b"first", other_process(store, tmp_path))
    assert store.receive("a.mp4", body, 5).size_bytes == 5
    assert len(body.refusals) == 2 and "under way" in body.refusals[0]
    with pytest.raises(UploadTaken, match="already"):
        body._other.receive("a.mp4", io.BytesIO(b"other"), 5)
    with store.open("a.mp4", 0, 5, store.stat("a.mp4").etag) as stream:
        assert stream.read(5) == b"first"
    assert [path.name for path in (tmp_path / "videos").rglob("*") if path.is_file()] == ["a.mp4"]


def test_what_broke_off_may_be_received_again(store: Storage, tmp_path: Path) -> None:
    with pytest.raises(WrongLength):
        store.receive("a.mp4", io.BytesIO(b"shor"), 5)
    # As a process that was killed leaves it.
    store.receive("b.mp4", io.BytesIO(b"other"), 5)
    [partials] = (tmp_path / "videos").glob(".partial")
    (partials / hashlib.sha256(b"a.mp4").hexdigest()).write_bytes(b"leftover")
    assert store.receive("a.mp4", io.BytesIO(b"whole"), 5).size_bytes == 5
    assert list(partials.iterdir()) == []


def token_of(url: str, before: str) -> str:
    assert url.startswith(before)
    return url.removeprefix(before)


def test_a_download_link_opens_its_one_object_until_it_expires(store: Storage) -> None:
    url = store.signed_get_url("users/7/clip é.mp4", 60)
    token = token_of(url, "https://queue.example/media/")
    assert store.verify_download(token, utcnow()) == "users/7/clip é.mp4"
    with pytest.raises(InvalidLink, match="expired"):
        store.verify_download(token, utcnow() + timedelta(seconds=61))


def test_an_upload_link_allows_what_was_signed(store: Storage) -> None:
    upload = store.signed_put("a/clip.mp4", "video/mp4", 123, 60)
    token = token_of(upload.url, "https://queue.example/api/videos/uploads/")
    grant = store.verify_upload(token, utcnow())
    assert (grant.key, grant.content_type, grant.size_bytes) == ("a/clip.mp4", "video/mp4", 123)
    assert abs(grant.expires_at - upload.expires_at) < timedelta(seconds=1)
    with pytest.raises(InvalidLink, match="expired"):
        store.verify_upload(token, utcnow() + timedelta(seconds=61))


def test_no_link_passes_for_another(store: Storage, tmp_path: Path) -> None:
    download = store.signed_get_url("clip.mp4", 60).rpartition("/")[2]
    upload = store.signed_put("clip.mp4", "video/mp4", 1, 60).url.rpartition("/")[2]
    with pytest.raises(InvalidLink):
        store.verify_upload(download, utcnow())
    with pytest.raises(InvalidLink):
        store.verify_download(upload, utcnow())
    other = open_storage(StorageSettings(tmp_path, "https://queue.example", ("another key",)))
    with pytest.raises(InvalidLink):
        other.verify_download(download, utcnow())


def test_forged_links_are_refused(store: Storage) -> None:
    token = store.signed_get_url("clip.mp4", 60).rpartition("/")[2]
    payload, _, mac = token.partition(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    other = base64.urlsafe_b64encode(raw.replace(b"clip", b"film")).decode().rstrip("=")
    forged = [f"{other}.{mac}", payload, f"{payload}.", f".{mac}", "é.é", "a" * 5000, f"{token}x"]
    for attempt in [*forged, f"{payload}.{mac[::-1]}", f"{payload}.{mac}.{mac}", "", "."]:
        with pytest.raises(InvalidLink):
            store.verify_download(attempt, utcnow())


@pytest.mark.parametrize(
    ("public_url", "reachable"), [("https://queue.example", True), ("http://127.0.0.1:8000", False)]
)
def test_links_are_public_only_over_https(tmp_path: Path, public_url: str, reachable: bool) -> None:
    store = open_storage(StorageSettings(tmp_path, public_url, "key"))
    assert store.has_public_links is reachable


def test_symlinks_do_not_lead_out_of_the_folder(store: Storage, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "file.mp4").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "videos" / "folder").symlink_to(tmp_path)
    (tmp_path / "videos" / "round.mp4").symlink_to("round.mp4")
    for key in (
        "file.mp4",
        "folder/secret.txt",
        "folder/new.mp4",
        "round.mp4",
        "round.mp4/new.mp4",
    ):
        with pytest.raises(InvalidKey):
            store.stat(key)
        with pytest.raises(InvalidKey):
            store.write(key, io.BytesIO(b"x"), 1)
        with pytest.raises(InvalidKey):
            store.delete(key)
    assert (tmp_path / "secret.txt").read_text() == "secret"


def test_only_plain_files_are_videos(store: Storage, tmp_path: Path) -> None:
    store.write("a/clip.mp4", io.BytesIO(b"x"), 1)
    os.mkfifo(tmp_path / "videos" / "pipe.mp4")
    for key in ("a", "pipe.mp4"):
        with pytest.raises(ObjectMissing):
            store.stat(key)
        with pytest.raises(ObjectMissing):
            store.open(key, 0, 1, '"e"')
    for key in ("a", "a/clip.mp4/b.mp4", ".partial/x.mp4", ".partial", "n" * 300):
        with pytest.raises(InvalidKey):
            store.write(key, io.BytesIO(b"x"), 1)


def test_failed_writes_leave_no_file(store: Storage, tmp_path: Path) -> None:
    for body in (b"short", b"much too long"):
        with pytest.raises(WrongLength):
            store.write("clip.mp4", io.BytesIO(body), 8)
    assert [path for path in (tmp_path / "videos").rglob("*") if path.is_file()] == []


def test_prune_removes_only_old_leftovers(store: Storage, tmp_path: Path) -> None:
    assert store.prune_partials(0) == 0
    store.write("clip.mp4", io.BytesIO(b"x"), 1)
    partials = tmp_path / "videos" / ".partial"
    for name, age_seconds in (("old", 7200), ("new", 60)):
        (partials / name).write_bytes(b"left by a killed process")
        os.utime(partials / name, (time.time() - age_seconds,) * 2)
    assert store.prune_partials(3600) == 1
    assert [path.name for path in partials.iterdir()] == ["new"]
    assert store.stat("clip.mp4").size_bytes == 1


def test_a_change_while_reading_is_noticed(store: Storage, tmp_path: Path) -> None:
    stored = store.write("clip.mp4", io.BytesIO(b"x" * 1000), 1000)
    with store.open("clip.mp4", 0, 1000, stored.etag) as stream:
        assert stream.read(10) == b"x" * 10
        path = tmp_path / "videos" / "clip.mp4"
        before = path.stat().st_mtime_ns
        while (
            path.stat().st_mtime_ns == before
        ):  # file timestamps have a resolution of milliseconds
            with path.open("r+b") as file:
                file.write(b"y" * 1000)
        with pytest.raises(ObjectChanged):
            stream.read(10)


def test_a_replacement_while_reading_does_not_disturb(store: Storage) -> None:
    stored = store.write("clip.mp4", io.BytesIO(b"x" * 1000), 1000)
    with store.open("clip.mp4", 0, 1000, stored.etag) as stream:
        store.write("clip.mp4", io.BytesIO(b"y" * 1000), 1000)
        assert stream.read(1000) == b"x" * 1000
        assert stream.read(1) == b""


def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    store = open_storage(StorageSettings(Path("/proc/videos"), "", "key"))
    with pytest.raises((StoreUnavailable, ObjectMissing)):
        store.write("clip.mp4", io.BytesIO(b"x"), 1)


def test_links_need_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="signing key"):
        open_storage(StorageSettings(tmp_path, "https://queue.example", ""))
