"""Connections: pooled per process, never across a fork, and every call has a deadline."""

from __future__ import annotations

import multiprocessing
import socket
import threading

import pytest
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from app.connections import Deadline, Pools
from app.storage.errors import StoreUnavailable
from app.storage.s3 import Bucket, S3Storage
from tests.hosts import Host, answering, host
from tests.processes import FORKS_AMID_THREADS

#: Shorter than any socket timeout, so that only the deadline can end a call.
SECONDS = 0.3


def get(manager: PoolManager, url: str) -> bytes:
    """Send a request over the pool and return the response body."""
    return manager.urlopen("GET", url, retries=False, timeout=60.0).data


def test_connection_is_reused_and_shared_by_threads() -> None:
    pools = Pools()
    with host(answering) as server:
        for _ in range(3):
            thread = threading.Thread(target=lambda: get(pools.manager, server.url))
            thread.start()
            thread.join()
        assert len(server.requests) == 3
        assert len(server.connections) == 1
        pools.manager.clear()


@FORKS_AMID_THREADS
def test_fork_has_connections_of_its_own() -> None:
    pools = Pools()
    with host(answering) as server:
        get(pools.manager, server.url)
        child = multiprocessing.get_context("fork").Process(
            target=lambda: get(pools.manager, server.url)
        )
        child.start()
        child.join(30)
        assert child.exitcode == 0
        get(pools.manager, server.url)
        assert len(server.requests) == 3
        assert len(server.connections) == 2
        pools.manager.clear()


def in_the_head(host: Host, connection: socket.socket) -> None:
    host.head_of(connection)
    host.trickle(connection, b"HTTP/1.1 200 OK\r\nX-Endless: ")


def in_the_body(host: Host, connection: socket.socket) -> None:
    host.head_of(connection)
    host.trickle(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")


@pytest.mark.parametrize("behave", [in_the_head, in_the_body])
def test_server_that_trickles_is_given_up(behave: object) -> None:
    with host(behave) as server:  # type: ignore[arg-type]
        with pytest.raises(HTTPError), Deadline(SECONDS) as deadline:
            get(Pools().manager, server.url)
        assert deadline.is_expired


def test_server_that_takes_no_bytes_is_given_up() -> None:
    with host(lambda host, connection: host.is_over.wait() and None) as server:
        with pytest.raises(HTTPError), Deadline(SECONDS) as deadline:
            body = (bytes(1024 * 1024) for _ in range(100))
            length = {"Content-Length": str(100 * 1024 * 1024)}
            Pools().manager.urlopen("PUT", server.url, body=body, headers=length, retries=False)
        assert deadline.is_expired


def test_enclosing_deadline_applies_too() -> None:
    with host(in_the_body) as server:
        with pytest.raises(HTTPError), Deadline(SECONDS) as outer, Deadline(600) as inner:
            get(Pools().manager, server.url)
        assert outer.is_expired and not inner.is_expired


def test_deadline_that_was_met_breaks_nothing() -> None:
    manager = Pools().manager
    with host(answering) as server:
        with Deadline(600):
            get(manager, server.url)
        with pytest.raises(HTTPError), Deadline(0.0), host(in_the_body) as other:
            get(manager, other.url)
        get(manager, server.url)
        assert len(server.connections) == 1
        manager.clear()


@FORKS_AMID_THREADS
def test_deadlines_apply_in_a_fork() -> None:
    with Deadline(600):  # starts the parent's watchdog
        pass

    def trickled(url: str) -> None:
        with Deadline(SECONDS):
            get(Pools().manager, url)

    with host(in_the_body) as server:
        forked = multiprocessing.get_context("fork")
        child = forked.Process(target=trickled, args=(server.url,))
        child.start()
        child.join(60)
        assert child.exitcode == 1  # ended by the error, not still waiting


@pytest.mark.parametrize("behave", [in_the_head, in_the_body])
def test_store_that_trickles_is_given_up(behave: object) -> None:
    with host(behave) as server:  # type: ignore[arg-type]
        bucket = Bucket(server.url, "b", "id", "secret", read_seconds=0.2, connect_seconds=0.2)
        with pytest.raises(StoreUnavailable):
            S3Storage(bucket).open("clip.mp4", 0, 1000, '"etag"')


def ranged(host: Host, connection: socket.socket) -> None:
    host.head_of(connection)
    host.trickle(
        connection,
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000000\r\n"
        b'ETag: "etag"\r\nContent-Range: bytes 0-999999/1000000\r\n\r\n',
    )


def test_store_whose_pieces_trickle_is_given_up() -> None:
    with host(ranged) as server:
        bucket = Bucket(server.url, "b", "id", "secret", piece_seconds=SECONDS)
        with S3Storage(bucket).open("clip.mp4", 0, 1_000_000, '"etag"') as stream:
            with pytest.raises(StoreUnavailable):
                while stream.read(500_000):
                    pass
