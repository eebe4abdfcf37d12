"""Tallies of ended jobs, for the metrics."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app.clock import utcnow
from app.metrics.rollup import needs_roll_up, roll_up

#: Tallies are updated at most this often, and stay `app.metrics.rollup.LAG` behind the clock.
ROLL_UP_EVERY = timedelta(seconds=60)


def roll_up_due() -> None:
    """Add the jobs ended since the last time to the tallies; a run's function, safe at any time."""
    try:
        roll_up(utcnow())
    except IntegrityError:
        pass  # another run created the first tallies at the same moment


def is_any_to_roll_up(now: datetime) -> bool:
    """Tell whether a job ended that the tallies lack by more than `ROLL_UP_EVERY`."""
    return needs_roll_up(now - ROLL_UP_EVERY)
