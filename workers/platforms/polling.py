"""The interval between two polls of an upload."""

from __future__ import annotations

#: The interval grows with the time waited so far: this share of it.
WAITED_SHARE = 0.25


def poll_interval_seconds(
    first_seconds: float, waited_seconds: float, *, longest_seconds: float
) -> float:
    """Return the next interval, between `first_seconds` and the larger of it and the longest."""
    longest = max(first_seconds, longest_seconds)
    return min(max(first_seconds, waited_seconds * WAITED_SHARE), longest)
