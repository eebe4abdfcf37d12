"""The time limits of a request, against servers that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from workers import transport
from workers.deadlines import CALL_SECONDS, seconds_for
from workers.errors import NetworkFailure, OutcomeUnknown

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    """Set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def serve(stopping: threading.Event, first: bytes, drip: bytes) -> str:
    """Answer one request with `first`, then with a drop every now and then; return the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(first)
                while not stopping.wait(0.05):
                    try:
                        connection.sendall(drip)
                    except OSError:
                        return

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize(
    "first",
    [
        HEAD,
        HEAD + b"Content-Length: 100000\r\n\r\n",
        HEAD + b"\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    ],
    ids=["head", "body", "body without a length", "chunks"],
)
def test_a_server_that_drips_is_hung_up_on(stopping: threading.Event, first: bytes) -> None:
    url = serve(stopping, first, b"x")
    with pytest.raises(NetworkFailure) as caught:
        transport.call("GET", url, whole_seconds=0.5)
    assert caught.value.code == "read_timeout"
    heard = transport.heard()
    assert heard is not None and not heard.is_well and heard.is_hang


def test_a_request_that_acts_and_hangs_has_an_unknown_outcome(stopping: threading.Event) -> None:
    url = serve(stopping, HEAD, b"x")
    with pytest.raises(OutcomeUnknown):
        transport.call("POST", url, acts=True, whole_seconds=0.5)


def test_a_server_that_says_nothing_is_given_up_on(stopping: threading.Event) -> None:
    url = serve(stopping, b"", b"")
    with pytest.raises(NetworkFailure) as caught:
        transport.call("GET", url, read_seconds=0.3)
    assert caught.value.code == "read_timeout"


def test_an_answer_in_time_is_heard_as_well(stopping: threading.Event) -> None:
    url = serve(stopping, HEAD + b"Content-Length: 2\r\n\r\n{}", b"")
    transport.listen()
    assert transport.heard() is None
    assert transport.call("GET", url, whole_seconds=30).status == 200
    assert transport.heard() == transport.Heard(is_well=True)


def test_a_large_body_has_more_time() -> None:
    assert seconds_for(0) == CALL_SECONDS
    assert seconds_for(4 * 10**9) > 10 * 3600
