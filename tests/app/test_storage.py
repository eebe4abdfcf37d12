"""One suite for both stores: a folder, and a bucket behind a real S3 endpoint."""

from __future__ import annotations

import io
import multiprocessing
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from app.storage import Storage, StorageSettings, open_storage
from app.storage.errors import (
    InvalidKey,
    InvalidLink,
    ObjectChanged,
    ObjectMissing,
    StoreUnavailable,
    WrongLength,
)
from tests.processes import FORKS_AMID_THREADS

BODY = bytes(range(256)) * 4096  # 1 MiB, no two adjacent ranges alike
NAMES = iter(f"bucket-{number}" for number in range(1000))


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def put_bucket(s3_url: str, name: str) -> None:
    request = urllib.request.Request(f"{s3_url}/{name}", method="PUT")
    urllib.request.urlopen(request).close()


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    if request.param == "folder":
        return StorageSettings(tmp_path / "videos", "https://queue.example", "key")
    bucket = next(NAMES)
    s3_url: str = request.getfixturevalue("s3_url")
    made = StorageSettings(tmp_path, "https://queue.example", "key", s3_url, bucket, "id", "secret")
    put_bucket(s3_url, bucket)
    return made


@pytest.fixture
def store(settings: StorageSettings) -> Storage:
    return open_storage(settings)


def read(store: Storage, key: str, first: int, length: int, etag: str) -> bytes:
    with store.open(key, first, length, etag) as stream:
        return b"".join(iter(lambda: stream.read(65536), b""))


class Trickle:
    """A body that arrives in small pieces, and may fail in the middle."""

    def __init__(self, body: bytes, fail_after: int | None = None) -> None:
        self._body = io.BytesIO(body)
        self._fail_after = fail_after

    def read(self, size: int, /) -> bytes:
        if self._fail_after is not None and self._body.tell() >= self._fail_after:
            raise ConnectionResetError("the client went away")
        return self._body.read(min(size, 1000))


def test_write_stores_exactly_the_body(store: Storage) -> None:
    stored = store.write("users/7/clip é.mp4", Trickle(BODY), len(BODY))
    assert stored == store.stat("users/7/clip é.mp4")
    assert (stored.size_bytes, stored.content_type) == (len(BODY), "video/mp4")
    assert read(store, "users/7/clip é.mp4", 0, len(BODY), stored.etag) == BODY


def test_write_stores_bodies_of_several_parts(store: Storage) -> None:
    length = 17 * 1024 * 1024 + 5
    stored = store.write("big.mov", io.BytesIO(b"v" * length), length)
    assert (stored.size_bytes, stored.content_type) == (length, "video/quicktime")
    assert read(store, "big.mov", length - 3, 3, stored.etag) == b"vvv"


@pytest.mark.parametrize(("first", "length"), [(0, 1), (1, 255), (1000, 70000), (1048575, 1)])
def test_open_reads_the_range_and_nothing_else(store: Storage, first: int, length: int) -> None:
    stored = store.write("clip.mp4", io.BytesIO(BODY), len(BODY))
    assert read(store, "clip.mp4", first, length, stored.etag) == BODY[first : first + length]


@pytest.mark.parametrize(("first", "length"), [(-1, 5), (0, 0), (5, -1)])
def test_open_refuses_impossible_ranges(store: Storage, first: int, length: int) -> None:
    stored = store.write("clip.mp4", io.BytesIO(BODY), len(BODY))
    with pytest.raises(ValueError, match="range"):
        store.open("clip.mp4", first, length, stored.etag)


@pytest.mark.parametrize(("first", "length"), [(len(BODY) - 5, 6), (len(BODY), 1), (10**9, 10)])
def test_open_refuses_a_range_past_the_end(store: Storage, first: int, length: int) -> None:
    stored = store.write("clip.mp4", io.BytesIO(BODY), len(BODY))
    with pytest.raises(ObjectChanged):
        read(store, "clip.mp4", first, length, stored.etag)


def test_open_refuses_an_object_that_was_replaced(store: Storage) -> None:
    before = store.write("clip.mp4", io.BytesIO(BODY), len(BODY))
    after = store.write("clip.mp4", io.BytesIO(BODY[::-1]), len(BODY))
    assert before.etag != after.etag
    with pytest.raises(ObjectChanged):
        store.open("clip.mp4", 0, 10, before.etag)


def test_missing_objects_are_reported_as_missing(store: Storage) -> None:
    with pytest.raises(ObjectMissing):
        store.stat("nothing.mp4")
    with pytest.raises(ObjectMissing):
        store.open("nothing.mp4", 0, 1, '"etag"')


def test_delete_removes_and_may_be_repeated(store: Storage) -> None:
    store.write("clip.mp4", io.BytesIO(b"x"), 1)
    store.delete("clip.mp4")
    store.delete("clip.mp4")
    with pytest.raises(ObjectMissing):
        store.stat("clip.mp4")


@pytest.mark.parametrize("declared", [len(BODY) - 1, len(BODY) + 1, 0])
def test_write_refuses_another_length_and_leaves_nothing(store: Storage, declared: int) -> None:
    with pytest.raises(WrongLength):
        store.write("clip.mp4", Trickle(BODY), declared)
    with pytest.raises(ObjectMissing):
        store.stat("clip.mp4")


def test_write_lets_the_senders_failure_pass_and_keeps_the_old_object(store: Storage) -> None:
    before = store.write("clip.mp4", io.BytesIO(b"old"), 3)
    with pytest.raises(ConnectionResetError):
        store.write("clip.mp4", Trickle(BODY, fail_after=500_000), len(BODY))
    assert read(store, "clip.mp4", 0, 3, before.etag) == b"old"


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x.mp4", "a/../../x", "a//b", "a/./b", "a/", "a\\..\\b", "a\x00b"]
    + ["a\nb", "a\x7fb", "a\x85b", "\ud800.mp4", "é" * 513],
)
def test_keys_that_could_escape_the_store_are_refused(store: Storage, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.stat(key),
        lambda: store.open(key, 0, 1, '"e"'),
        lambda: store.write(key, io.BytesIO(b"x"), 1),
        lambda: store.delete(key),
        lambda: store.signed_get_url(key, 60),
        lambda: store.signed_put(key, "video/mp4", 1, 60),
    ]
    for call in calls:
        with pytest.raises(InvalidKey):
            call()


@pytest.mark.parametrize("seconds", [0, -1, 7 * 86400 + 1])
def test_links_live_at_most_a_week(store: Storage, seconds: int) -> None:
    with pytest.raises(ValueError, match="link"):
        store.signed_get_url("clip.mp4", seconds)
    with pytest.raises(ValueError, match="link"):
        store.signed_put("clip.mp4", "video/mp4", 1, seconds)


def test_threads_share_one_store(store: Storage) -> None:
    stored = store.write("clip.mp4", io.BytesIO(BODY), len(BODY))
    wrong: list[int] = []

    def check(first: int) -> None:
        if read(store, "clip.mp4", first, 9999, stored.etag) != BODY[first : first + 9999]:
            wrong.append(first)

    threads = [threading.Thread(target=check, args=(n * 20_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _size_of(store: Storage, sizes: multiprocessing.SimpleQueue[int]) -> None:
    sizes.put(store.stat("clip.mp4").size_bytes)


@FORKS_AMID_THREADS
def test_a_fork_uses_the_store_of_its_parent(store: Storage) -> None:
    store.write("clip.mp4", io.BytesIO(BODY), len(BODY))
    forked = multiprocessing.get_context("fork")
    sizes = forked.SimpleQueue()
    child = forked.Process(target=_size_of, args=(store, sizes))
    child.start()
    child.join(240)
    assert child.exitcode == 0
    assert sizes.get() == store.stat("clip.mp4").size_bytes == len(BODY)


def test_secrets_are_not_shown(settings: StorageSettings, store: Storage) -> None:
    upload = store.signed_put("clip.mp4", "video/mp4", 5, 60)
    assert "='secret'" not in repr(settings) and "='key'" not in repr(settings)
    assert upload.url not in repr(upload)


def test_s3_links_work_without_credentials(s3_url: str, tmp_path: Path) -> None:
    put_bucket(s3_url, "linked")
    store = open_storage(StorageSettings(tmp_path, "", "key", s3_url, "linked", "id", "secret"))
    upload = store.signed_put("a/clip.mp4", "video/mp4", len(BODY), 60)
    assert upload.method == "PUT" and upload.headers == {"Content-Type": "video/mp4"}
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in upload.url
    request = urllib.request.Request(
        upload.url, data=BODY, method="PUT", headers=dict(upload.headers)
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert store.stat("a/clip.mp4").content_type == "video/mp4"
    with urllib.request.urlopen(store.signed_get_url("a/clip.mp4", 60)) as answer:
        assert answer.read() == BODY
    store.write("a/untyped", io.BytesIO(BODY), len(BODY))
    typed = store.signed_get_url("a/untyped", 60, content_type="video/quicktime")
    with urllib.request.urlopen(typed) as answer:  # platforms refuse what names no video type
        assert answer.headers["Content-Type"] == "video/quicktime"
    assert store.has_public_links is False  # http, so no platform could use it
    for token in ("", "a.b"):
        with pytest.raises(InvalidLink):
            store.verify_download(token, upload.expires_at)
        with pytest.raises(InvalidLink):
            store.verify_upload(token, upload.expires_at)
    assert store.prune_partials(0) == 0


def test_an_unreachable_store_is_unavailable(s3_url: str, tmp_path: Path) -> None:
    store = open_storage(
        StorageSettings(tmp_path, "", "key", s3_url, "no-such-bucket", "id", "secret")
    )
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        store.write("clip.mp4", io.BytesIO(b"x"), 1)
    # A process with a wrong setting must not call every video missing.
    with pytest.raises(StoreUnavailable, match="no bucket"):
        store.stat("clip.mp4")


@pytest.mark.parametrize(
    ("endpoint_url", "region"),
    [
        ("https://account.r2.cloudflarestorage.com", "auto"),
        ("https://account.eu.r2.cloudflarestorage.com", "auto"),
        ("https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://s3.dualstack.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("https://s3.us-west-004.backblazeb2.com", "us-west-004"),
        ("http://minio:9000", "us-east-1"),
    ],
)
def test_the_region_is_the_one_the_endpoint_expects(
    tmp_path: Path, endpoint_url: str, region: str
) -> None:
    store = open_storage(StorageSettings(tmp_path, "", "key", endpoint_url, "b", "id", "secret"))
    url = store.signed_get_url("clip.mp4", 60)
    assert url.startswith(f"{endpoint_url}/b/clip.mp4?")
    assert f"%2F{region}%2Fs3%2Faws4_request" in url
    assert store.has_public_links is endpoint_url.startswith("https://")
