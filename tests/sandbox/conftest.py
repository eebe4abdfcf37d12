"""A running sandbox, its control API, and small videos made on demand."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
import requests

from sandbox.loopback import loopback_session
from sandbox.server import SandboxServer


@dataclass
class Control:
    """The control API as tests use it."""

    url: str
    session: requests.Session

    def post(self, path: str, **body: Any) -> Any:
        answer = self.session.post(f"{self.url}/_sandbox{path}", json=body, timeout=60)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.url}/_sandbox{path}", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def account(self, platform: str, **options: Any) -> dict[str, Any]:
        account: dict[str, Any] = self.post("/accounts", platform=platform, **options)
        return account

    def fault(self, platform: str, call: str | None, kind: str, **fields: Any) -> dict[str, Any]:
        named = {} if call is None else {"call": call}
        fault: dict[str, Any] = self.post(
            "/faults", platform=platform, kind=kind, **named, **fields
        )
        return fault

    def advance(self, seconds: float) -> None:
        self.post("/clock", advance_seconds=seconds)

    def settings(self, **changes: Any) -> None:
        self.post("/settings", **changes)

    def posts(self) -> list[dict[str, Any]]:
        posts: list[dict[str, Any]] = self.get("/posts")["posts"]
        return posts

    def journal(self, call: str | None = None) -> list[dict[str, Any]]:
        entries = self.get("/journal")["entries"]
        return [entry for entry in entries if call is None or entry.get("call") == call]

    def wait_for_call(self, call: str) -> dict[str, Any]:
        """Return the newest journal entry of `call` as soon as there is one."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.journal(call)
            if found:
                return found[-1]
        raise AssertionError(f"{call} was never journaled")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with loopback_session() as session:
        yield session


@pytest.fixture
def control(server: SandboxServer, http: requests.Session) -> Control:
    control = Control(server.url, http)
    control.post("/reset")
    return control


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return a cached factory of videos."""
    folder = tmp_path_factory.mktemp("videos")
    made: dict[tuple[tuple[str, Any], ...], bytes] = {}

    def make(**wishes: Any) -> bytes:
        key = tuple(sorted(wishes.items()))
        if key not in made:
            made[key] = _encode(folder / f"{len(made)}.{wishes.get('container', 'mp4')}", **wishes)
        return made[key]

    return make


def _encode(
    path: Path,
    *,
    seconds: float = 3.5,
    width: int = 360,
    height: int = 640,
    rate: int = 24,
    codec: str = "libx264",
    container: str = "mp4",
    faststart: bool = True,
    edit_list: bool = False,
) -> bytes:
    flags = {"movflags": "+faststart"} if faststart and container in ("mp4", "mov") else {}
    if container in ("mp4", "mov") and not edit_list:
        flags["use_editlist"] = "0"
    with av.open(str(path), "w", format=container, options=flags) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "bf": "2" if edit_list else "0"}
        for number in range(int(seconds * rate)):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:  # a noisy first frame, so that the file has some size
                size = plane.buffer_size
                plane.update(bytes(size) if number else random.Random(0).randbytes(size))
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture
def video(make_video: Callable[..., bytes]) -> bytes:
    """A video that every platform accepts."""
    return make_video()
