"""What a statement has changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Result
from sqlalchemy.engine import CursorResult


def rows_changed(result: Result[Any]) -> int:
    """Return how many rows an `UPDATE` or a `DELETE` matched."""
    assert isinstance(result, CursorResult)
    return result.rowcount
