"""A running sandbox, its control API, and small videos made on demand."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import requests

from sandbox.loopback import loopback_session
from sandbox.server import SandboxServer
from tests.platforms import Control


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
