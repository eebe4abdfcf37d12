"""A video read over real HTTP from an S3 server that breaks off."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from app.storage.s3 import Bucket, S3Storage
from tests.hosts import Host, host
from workers.errors import NetworkFailure, VideoRefused
from workers.publishing.source import SourceFile, SteadyRange, StoreSource

BODY = bytes(range(256)) * 32768  # 8 MiB: more than is read ahead
ETAG = '"first"'


class Bucketful:
    """One object behind S3's protocol; a response ends after `cut_after` bytes, `cuts` times."""

    def __init__(self, cuts: int, cut_after: int = 3_000_001) -> None:
        self.cuts, self.cut_after = cuts, cut_after
        self.etag = ETAG
        self.knows_ranges = True
        self.replaced_by: str | None = None

    def __call__(self, host: Host, connection: socket.socket) -> None:
        while head := host.head_of(connection):
            match = re.search(rb"(?i)range: bytes=(\d+)-(\d+)", head)
            assert match is not None and b'if-match: "first"' in head.lower()
            if self.etag != ETAG:
                connection.sendall(b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n")
                continue
            first, end = int(match[1]), int(match[2]) + 1
            if not self.knows_ranges:
                first, end = 0, len(BODY)
            connection.sendall(self._head(first, end))
            if self.cuts:
                self.cuts -= 1
                connection.sendall(BODY[first:end][: self.cut_after])
                self.etag = self.replaced_by or self.etag
                return
            connection.sendall(BODY[first:end])

    def _head(self, first: int, end: int) -> bytes:
        status = "206 Partial Content" if self.knows_ranges else "200 OK"
        span = f"Content-Range: bytes {first}-{end - 1}/{len(BODY)}\r\n"
        lines = f"HTTP/1.1 {status}\r\nContent-Length: {end - first}\r\nETag: {self.etag}\r\n"
        return f"{lines}{span if self.knows_ranges else ''}\r\n".encode()


def storage_of(server: Host) -> S3Storage:
    return S3Storage(Bucket(server.url, "videos", "id", "secret", tries=1))


def source_of(server: Host) -> StoreSource:
    file = SourceFile("clip.mp4", ETAG, len(BODY), "video/mp4", duration_seconds=1.0)
    return StoreSource(storage_of(server), file)


def pieces(source: StoreSource, first: int, length: int) -> Iterator[bytes]:
    with closing(source.open(first, length)) as stream:
        while piece := stream.read(100_000):
            yield bytes(piece)


def asked(server: Host) -> list[str]:
    """Return the ranges that the store was asked for."""
    found = (re.search(rb"(?i)range: bytes=([0-9-]+)", head) for head in server.requests)
    return [match[1].decode() for match in found if match is not None]


@pytest.mark.parametrize(("first", "length"), [(0, len(BODY)), (5, 1_000_000), (77, 1000)])
def test_range_is_read_whole_in_one_request(first: int, length: int) -> None:
    with host(Bucketful(cuts=0)) as server:
        assert b"".join(pieces(source_of(server), first, length)) == BODY[first : first + length]
        assert asked(server) == [f"{first}-{first + length - 1}"]


def test_store_that_breaks_off_is_asked_again_from_the_byte_reached() -> None:
    last = len(BODY) - 1
    with host(Bucketful(cuts=2)) as server:
        assert b"".join(pieces(source_of(server), 10, len(BODY) - 10)) == BODY[10:]
        assert asked(server) == [f"10-{last}", f"3000011-{last}", f"6000012-{last}"]


def test_replaced_object_is_noticed_when_it_is_asked_for_again() -> None:
    bucketful = Bucketful(cuts=1)
    bucketful.replaced_by = '"second"'
    received = []
    with host(bucketful) as server:
        with pytest.raises(VideoRefused) as caught:
            received.extend(pieces(source_of(server), 0, len(BODY)))
    assert caught.value.code == "video_changed"
    assert b"".join(received) == BODY[: len(b"".join(received))]


def refused(spoil: Callable[[Bucketful], None]) -> list[str]:
    """Return what was asked for of a store that never gives the rest."""
    bucketful = Bucketful(cuts=99, cut_after=0)
    spoil(bucketful)
    with host(bucketful) as server:
        storage = storage_of(server)
        with pytest.raises(NetworkFailure):
            steady = SteadyRange(
                lambda first, length: storage.open("clip.mp4", first, length, ETAG),
                0,
                1000,
                pauses_seconds=(0.01, 0.01),
            )
            with closing(steady):
                steady.read(1000)
        return asked(server)


def test_store_that_gives_nothing_is_not_asked_for_ever() -> None:
    assert refused(lambda bucketful: None) == ["0-999"] * 3


def test_answer_that_is_the_whole_file_is_no_range() -> None:
    def ignore_ranges(bucketful: Bucketful) -> None:
        bucketful.knows_ranges = False

    assert set(refused(ignore_ranges)) == {"0-999"}


def test_source_that_is_closed_lets_the_connection_go() -> None:
    with host(Bucketful(cuts=0)) as server:
        stream = source_of(server).open(0, len(BODY))
        assert stream.read(10) == BODY[:10]
        stream.close()
        # The remaining bytes end with the connection.
        [connection] = server.connections
        for _ in range(3000):
            if connection.fileno() == -1:
                break
            server.is_over.wait(0.01)
        assert connection.fileno() == -1
