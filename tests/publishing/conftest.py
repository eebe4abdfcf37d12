"""An application context around every test of `app.publishing`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from app.config import Config
from tests.limits import without_limits


@pytest.fixture
def config(config: Config) -> Config:
    """Settings without limits, which have tests of their own."""
    return replace(config, limits=without_limits(), priority_aging_minutes=0.0)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """Make the application current."""
    with app.app_context():
        yield
