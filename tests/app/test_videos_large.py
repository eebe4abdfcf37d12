"""A large upload and its download through the real server: the memory stays flat."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.config import Config
from tests.app.web import free_port, running_web
from tests.processes import Process

SIZE = 300 * 10**6
PIECE = bytes(10**6)
ROOM_BYTES = 32 * 2**20

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the memory's peak from /proc"
)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One database only: the bytes never come near it."""
    path = tmp_path / "publishing.db"
    path.write_bytes(Path(request.getfixturevalue("sqlite_template")).read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def config(config: Config) -> Config:
    port = free_port()
    return replace(config, port=port, public_url=f"http://127.0.0.1:{port}")


@pytest.fixture
def server(config: Config, tmp_path: Path) -> Iterator[Process]:
    """The web process of the Procfile, with one worker."""
    with running_web(config, tmp_path / "web.log") as process:
        yield process


def peak_bytes(server: Process) -> int:
    """Return the most memory that any process of the server ever had."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    peaks = []
    for pid in [str(server.pid), *children]:
        status = Path(f"/proc/{pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        peaks.append(int(line.split()[1]) * 1024)
    return max(peaks)


def call(
    config: Config, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", config.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    received = (answer.status, answer.read())
    connection.close()
    return received


def sign(config: Config, size: int) -> str:
    body = {"filename": "large.mp4", "contentType": "video/mp4", "fileSize": size}
    caller = {"Authorization": "Bearer test-key", "X-User-Id": "alice"}
    kind = {"Content-Type": "application/json"}
    status, answer = call(config, "POST", "/api/videos/uploads", json.dumps(body), **caller, **kind)
    assert status == 201
    url: str = json.loads(answer)["uploadUrl"]
    return url.removeprefix(config.public_url)


def send(config: Config, path: str, size: int) -> int:
    pieces = (PIECE for _ in range(size // len(PIECE)))
    kind = {"Content-Type": "video/mp4", "Content-Length": str(size)}
    return call(config, "PUT", path, pieces, **kind)[0]


def test_memory_stays_flat(server: Process, app: Flask, config: Config) -> None:
    assert send(config, sign(config, 2 * 10**6), 2 * 10**6) == 204
    before = peak_bytes(server)
    assert send(config, sign(config, SIZE), SIZE) == 204
    (stored,) = [path for path in config.video_dir.rglob("*.mp4") if path.stat().st_size == SIZE]
    assert peak_bytes(server) - before < ROOM_BYTES

    key = str(stored.relative_to(config.video_dir))
    url: str = app.extensions["storage"].signed_get_url(key, 60)
    connection = http.client.HTTPConnection("127.0.0.1", config.port, timeout=60)
    connection.request("GET", url.removeprefix(config.public_url))
    answer = connection.getresponse()
    received = 0
    while piece := answer.read(2**20):
        received += len(piece)
    connection.close()
    assert received == SIZE
    assert peak_bytes(server) - before < ROOM_BYTES


def test_a_client_that_hangs_up_leaves_nothing(server: Process, config: Config) -> None:
    path = sign(config, 20 * 10**6)
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: video/mp4\r\nContent-Length: {20 * 10**6}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", config.port)) as client:
        client.sendall(head.encode() + PIECE)
        wait_for_files(config.video_dir, 1)
    wait_for_files(config.video_dir, 0)
    assert send(config, path, 20 * 10**6) == 204


def wait_for_files(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while sum(one.is_file() for one in folder.rglob("*")) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
