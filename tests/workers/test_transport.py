"""The HTTP client: bodies in pieces, cancellations noticed, trickling servers given up."""

from __future__ import annotations

import socket
import threading
from datetime import datetime, timedelta, timezone

import pytest

from app.connections import Deadline
from tests.hosts import Host, answering, host
from tests.workers.pieces import LIMIT_SECONDS, Pieces
from workers import transport
from workers.errors import NetworkFailure, ResponseLost, Transient
from workers.publishing.read_ahead import ReadAhead
from workers.request_body import Body
from workers.transport import RETRY_AFTER_MAX_SECONDS, CallOutcome, Response, call


class Stopped(Exception):
    """Raised by a run that may not go on."""


def trickling(host: Host, connection: socket.socket) -> None:
    host.head_of(connection)
    host.trickle(connection, b"HTTP/1.1 200 OK\r\nX-Endless: ")


@pytest.mark.parametrize(("acts", "error"), [(False, NetworkFailure), (True, ResponseLost)])
def test_answer_that_trickles_is_a_lost_one(acts: bool, error: type[Exception]) -> None:
    with host(trickling) as server, pytest.raises(error), Deadline(0.3):
        call("POST", server.url, acts=acts, json={})


def test_text_that_was_cut_within_an_emoji_can_be_stored() -> None:
    body = rb'{"cut\ud83d": ["so happy \ud83d", "nul \u0000", "whole \ud83d\ude00"]}'
    response = Response(200, {}, body).json_object()
    assert response == {"cut?": ["so happy ?", "nul ", "whole \U0001f600"]}
    assert Response(200, {}, b'{"raw": "\xed\xa0\xbd"}').json_object()["raw"].encode()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("0120", 120),
        (str(RETRY_AFTER_MAX_SECONDS), RETRY_AFTER_MAX_SECONDS),
        ("99999999999", RETRY_AFTER_MAX_SECONDS),
        ("9" * 5000, RETRY_AFTER_MAX_SECONDS),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("Mon, 23 Nov 2026 13:05:00 +0100", 300),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX_SECONDS),
        ("Fri, 31 Dec 9999 23:59:59 -2359", RETRY_AFTER_MAX_SECONDS),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Mon, 23 Nov 2026 12:05:00 +9999999999999999", None),
        ("Mon, 23 Nov 2026 12:05:00 +2460", None),
        ("Mon, 23 Nov 2026 12:05:00 -0000", None),
        ("Mon, 99 Nov 2026 12:05:00 GMT", None),
        ("Mon, 23 Nov", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
    ],
)
def test_wait_that_a_server_asks_for_is_read_and_bounded(value: str, seconds: int | None) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
    found = Response(503, {"Retry-After": value}, b"").retry_after(now)
    assert found == (None if seconds is None else now + timedelta(seconds=seconds))


def test_body_is_sent_whole_with_its_length() -> None:
    received = bytearray()

    def take(host: Host, connection: socket.socket) -> None:
        head, _, early = host.head_of(connection).partition(b"\r\n\r\n")
        assert b"content-length: 80" in head.lower() and b"chunked" not in head.lower()
        received.extend(early)
        while len(received) < 80:
            received.extend(connection.recv(1000))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    counts: list[int] = []
    with host(take) as server:
        body = Body(ReadAhead(Pieces(20)), 80, counts.append)
        assert call("PUT", server.url, data=body).status == 200
    assert bytes(received) == b"".join(b"%04d" % number for number in range(1, 21))
    assert counts[-1] == 80 and counts == sorted(counts)


def listening(host: Host, connection: socket.socket) -> None:
    """Read everything and send nothing: an early response may end a request before its body."""
    while connection.recv(1000):
        pass


def test_body_that_ends_early_is_no_body() -> None:
    with host(listening) as server, pytest.raises(Transient, match="source_ended_early"):
        call("PUT", server.url, data=Body(ReadAhead(Pieces(2)), 9, lambda count: None))


def test_cancellation_is_noticed_while_the_store_is_silent() -> None:
    inner = Pieces(9)
    inner.may_go_on.clear()
    stream = ReadAhead(inner)

    def stop(count: int) -> None:
        raise Stopped

    with host(answering) as server, pytest.raises(Stopped):
        call("PUT", server.url, data=Body(stream, 36, stop))
    stream.close()
    inner.may_go_on.set()
    assert inner.is_closed.wait(LIMIT_SECONDS)


def test_connection_is_kept_for_every_thread_of_the_process() -> None:
    with host(answering) as server:
        for _ in range(3):
            thread = threading.Thread(target=call, args=("GET", server.url))
            thread.start()
            thread.join()
        assert (len(server.requests), len(server.connections)) == (3, 1)


def test_no_cookie_is_sent_back() -> None:
    def give(host: Host, connection: socket.socket) -> None:
        while host.head_of(connection):
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nSet-Cookie: account=1\r\nContent-Length: 0\r\n\r\n"
            )

    with host(give) as server:
        call("GET", server.url)
        call("GET", server.url)
    assert all(b"cookie" not in head.lower() for head in server.requests)


def test_login_in_an_address_is_sent_as_a_header() -> None:
    with host(answering) as server:
        call("GET", server.url.replace("//", "//me:a%40b@"), params={"q": "a b"})
    [head] = server.requests
    assert b"authorization: Basic bWU6YUBi" in head or b"Authorization: Basic bWU6YUBi" in head
    assert head.startswith(b"GET /?q=a+b HTTP/1.1")


def test_form_and_json_are_described() -> None:
    with host(answering) as server:
        call("POST", server.url, data={"a": "1 2"})
        call("POST", server.url, json={"a": 1})
    form, document = (head.lower() for head in server.requests)
    assert b"content-type: application/x-www-form-urlencoded" in form
    assert b"content-length: 5" in form
    assert b"content-type: application/json" in document
    assert b"content-length: 8" in document


def test_the_outcome_of_a_request_is_observed() -> None:
    with host(answering) as server, transport.observe() as observation:
        assert observation.last is None
        call("GET", server.url)
        assert observation.last == CallOutcome(succeeded=True)
    with host(listening) as server, transport.observe() as observation:
        with pytest.raises(NetworkFailure):
            call("GET", server.url, read_seconds=0.2)
    assert observation.last == CallOutcome(succeeded=False, timed_out=True)
