"""Fixtures of the handlers' tests: the sandbox's control API, and videos of several chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.loopback import loopback_session
from sandbox.server import SandboxServer
from tests.workers.platforms.support import Sandbox, lengthened

LONG_VIDEO_BYTES = 20_000_003


@pytest.fixture
def control(sandbox: SandboxServer) -> Iterator[Sandbox]:
    """The sandbox's control API, without live posts or faults."""
    with loopback_session() as session:
        control = Sandbox(sandbox.url, session)
        control.post("/reset")
        yield control


@pytest.fixture(scope="session")
def video(film: Path) -> bytes:
    """A real video that fits into one request."""
    return film.read_bytes()


@pytest.fixture(scope="session")
def long_video(video: bytes) -> bytes:
    """The same video padded with noise in a box that players skip: several distinct chunks."""
    return lengthened(video, LONG_VIDEO_BYTES)
