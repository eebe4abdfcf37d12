"""How long to wait before a platform is asked again how an upload is doing."""

from __future__ import annotations

#: The pause grows with the time that has passed, by this share of it.
WAITED_SHARE = 0.25


def pause_seconds(first_seconds: float, waited_seconds: float, *, longest_seconds: float) -> float:
    """Return the pause: from the first one up to the longest, or the first where that is longer."""
    longest = max(first_seconds, longest_seconds)
    return min(max(first_seconds, waited_seconds * WAITED_SHARE), longest)
