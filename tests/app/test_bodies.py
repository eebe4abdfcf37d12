"""Bodies over the wire, through the real server: too long, cut off, badly chunked."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from app.api.bodies import MAX_BODY_BYTES
from app.config import Config
from tests.app.web import free_port, running_web

CALLER = {
    "Authorization": "Bearer test-key",
    "X-User-Id": "alice",
    "Content-Type": "application/json",
}
PIECES = [b" " * 100_000] * 80


@pytest.fixture(scope="module")
def web(
    base_config: Config, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Config]:
    """A web process, on one kind of database only: none of these requests gets that far."""
    port = free_port()
    config = replace(
        base_config,
        database_url=f"sqlite:///{sqlite_template}",
        port=port,
        public_url=f"http://127.0.0.1:{port}",
    )
    with running_web(config, tmp_path_factory.mktemp("web") / "web.log"):
        yield config


@pytest.mark.parametrize("is_chunked", [True, False])
def test_connection_goes_on_after_a_body_that_is_too_long(web: Config, is_chunked: bool) -> None:
    """Back ends keep their connections: the next request must not pay for this one."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    with closing(connection):
        for _ in range(5):
            body = iter(PIECES) if is_chunked else b"".join(PIECES)
            connection.request("POST", "/api/publish", body, CALLER, encode_chunked=is_chunked)
            refused = connection.getresponse()
            assert (refused.status, json.loads(refused.read())["status"]) == (413, 413)
            used = connection.sock
            connection.request("GET", "/api/accounts", headers=CALLER)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["accounts"]) == (200, [])
            assert connection.sock is used


def test_body_of_the_longest_kind_is_read(web: Config) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    with closing(connection):
        for length, status in ((MAX_BODY_BYTES, 400), (MAX_BODY_BYTES + 1, 413)):
            connection.request("POST", "/api/publish", b" " * length, CALLER)
            answer = connection.getresponse()
            assert (answer.status, len(answer.read()) > 0) == (status, True)


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"2\r\n{"])
def test_malformed_chunks_are_the_callers_fault(web: Config, chunks: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in CALLER.items())
    request = f"POST /api/publish HTTP/1.1\r\nHost: x\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), 60) as client:
        client.sendall(request.encode() + chunks)
        client.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
