"""Tests of limits use what tests of workers use: the sandbox, a film, connected accounts."""

from tests.workers.conftest import (  # noqa: F401
    config,
    context,
    film,
    platforms,
    sandbox,
    stored,
    stored_film,
)
