"""Fixtures shared with the tests of workers: the sandbox, a video, connected accounts."""

from tests.workers.conftest import (  # noqa: F401
    config,
    context,
    film,
    platforms,
    sandbox,
    stored,
    stored_film,
)
