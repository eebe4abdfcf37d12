"""The handlers' surroundings, shared with the tests of each one."""

from tests.workers.conftest import film, sandbox
from tests.workers.platforms.conftest import control, long_video, video

__all__ = ["control", "film", "long_video", "sandbox", "video"]
