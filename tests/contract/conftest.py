"""Fixtures of the contract tests, shared with the tests of each handler."""

from tests.workers.conftest import film, sandbox
from tests.workers.platforms.conftest import control, long_video, video

__all__ = ["control", "film", "long_video", "sandbox", "video"]
