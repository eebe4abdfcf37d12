"""An application context around every test of what may be done to a job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """Make the application current."""
    with app.app_context():
        yield
