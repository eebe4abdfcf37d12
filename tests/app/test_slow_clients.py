"""Slow clients of the real web process: they hold up nobody else."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from app.config import Config
from tests.app.web import free_port, running_web
from tests.databases import ON_SQLITE

pytestmark = ON_SQLITE
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
UPLOAD_BYTES = 10**6
#: As many as the process has threads.
CLIENTS = 32


@pytest.fixture
def port(config: Config, tmp_path: Path) -> Iterator[int]:
    """The port of the Procfile's web process, which has one worker."""
    port = free_port()
    config = replace(config, port=port, public_url=f"http://127.0.0.1:{port}")
    with running_web(config, tmp_path / "web.log"):
        yield port


def is_well(port: int) -> bool:
    """Tell whether the process answers soon; the machines are small and busy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def connect(port: int, stack: ExitStack, content: bytes) -> socket.socket:
    client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
    client.sendall(content)
    return client


def read_status(answers: BinaryIO) -> int:
    """Read one response; return its status."""
    status = int(answers.readline().split()[1])
    length = 0
    while line := answers.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.split()[1])
    answers.read(length)
    return status


def upload_head(port: int) -> bytes:
    body = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": UPLOAD_BYTES}
    headers = {
        "Authorization": "Bearer test-key",
        "X-User-Id": "alice",
        "Content-Type": "application/json",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/videos/uploads", json.dumps(body), headers)
    path = json.loads(connection.getresponse().read())["uploadUrl"].partition(str(port))[2]
    connection.close()
    head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: video/mp4\r\n"
    return f"{head}Content-Length: {UPLOAD_BYTES}\r\n\r\n".encode()


def test_clients_that_are_silent_occupy_no_thread(port: int) -> None:
    assert is_well(port)
    with ExitStack() as stack:
        for content in (b"", HEAD, HEAD + b"X-A: ", b"\r\n\r\n"):
            for _ in range(CLIENTS):
                connect(port, stack, content)
        time.sleep(0.5)
        assert is_well(port)


def test_head_in_pieces_is_answered(port: int) -> None:
    with ExitStack() as stack:
        client = connect(port, stack, HEAD[:9])
        answers = stack.enter_context(client.makefile("rb"))
        for piece in (HEAD[9:], b"X-A: b\r\n", b"\r", b"\n"):
            time.sleep(0.2)
            client.sendall(piece)
        assert read_status(answers) == 200
        client.sendall(HEAD + b"\r\n" + HEAD + b"\r\n" + HEAD[:5])  # two and a part at once
        assert [read_status(answers), read_status(answers)] == [200, 200]
        client.sendall(HEAD[5:] + b"\r\n")
        assert read_status(answers) == 200


def test_clients_that_keep_a_closed_connection_hold_up_nobody(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            connect(port, stack, HEAD + b"Connection: close\r\n\r\n")
        time.sleep(0.5)
        assert is_well(port)


def test_body_that_trickles_is_given_up(port: int) -> None:
    with ExitStack() as stack:
        uploads = [connect(port, stack, upload_head(port) + b"x") for _ in range(CLIENTS)]
        for _ in range(4):
            time.sleep(5)
            for upload in uploads:
                upload.sendall(b"x")
        for upload in uploads:
            assert upload.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert is_well(port)
