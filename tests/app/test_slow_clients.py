"""Clients of the real web process that fall silent: they hold up the others for a while only."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Config
from tests.app.web import free_port, running_web
from tests.databases import ON_SQLITE
from tests.processes import wait_until

pytestmark = [ON_SQLITE, pytest.mark.long]
HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
HALF_BODY = (
    b"POST /api/publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test-key\r\n"
    b"X-User-Id: alice\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)
#: As many as the process has threads.
CLIENTS = 32


@pytest.fixture
def port(config: Config, tmp_path: Path) -> Iterator[int]:
    """The port of the Procfile's web process, which has one worker."""
    port = free_port()
    config = replace(config, port=port, public_url=f"http://127.0.0.1:{port}")
    with running_web(config, tmp_path / "web.log"):
        yield port
    assert "Traceback" not in (tmp_path / "web.log").read_text()


def is_well(port: int) -> bool:
    """Tell whether the process answers soon."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("content", [HALF_HEAD, HALF_BODY])
def test_silent_clients_occupy_the_threads_for_a_while_only(port: int, content: bytes) -> None:
    wait_until(lambda: is_well(port), "an answer")
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            client.sendall(content)
        wait_until(lambda: not is_well(port), "all threads in use")
        wait_until(lambda: is_well(port), "an answer again")
