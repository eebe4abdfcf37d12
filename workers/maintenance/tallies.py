"""Adding up what ended, for the metrics; a run's function, safe at any time."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.metrics.rollup import roll_up


def add_up() -> None:
    """Count what has ended since the last time."""
    try:
        roll_up(utcnow())
    except IntegrityError:
        pass  # another run made the first tallies at the same moment
