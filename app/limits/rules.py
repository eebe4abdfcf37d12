"""The limits as they are configured, by what they count."""

from __future__ import annotations

from datetime import timedelta

from app.config import current_config
from app.platforms import PLATFORMS, Limit

POSTS = "posts"
UPLOADS = "uploads"
#: What the ledger keeps, longer than any window looks back.
LEDGER_KEEP = timedelta(hours=50)


def maximum_of(limit: Limit) -> int:
    """Return a limit's figure, as configured."""
    config = current_config()
    return config.limits.get(limit.setting, limit.default)


def limits_on(platform: str, counts: str) -> list[Limit]:
    """Return a platform's windows in which something is counted."""
    return [
        limit
        for limit in PLATFORMS[platform].limits
        if limit.counts == counts and limit.window != "at_once"
    ]


def at_once(platform: str, scope: str) -> int:
    """Return how many uploads a platform, or an account of it, may have at once."""
    for limit in PLATFORMS[platform].limits:
        if (limit.window, limit.scope) == ("at_once", scope):
            return maximum_of(limit)
    raise LookupError(f"{platform} has no ceiling per {scope}")


def code_of(limit: Limit) -> str:
    """Return the code of what a limit holds up."""
    return f"limit_{limit.setting.removeprefix('LIMIT_').lower()}"


def in_words(limit: Limit, maximum: int) -> str:
    """Return a limit as a person says it: "15 posts in 24 hours"."""
    spans = {60: "a minute", 3600: "an hour", 86400: "24 hours"}
    span = spans.get(limit.window_seconds, f"{limit.window_seconds} seconds")
    if limit.window == "pacific_day":
        return f"{maximum} {limit.words} a day, until midnight Pacific time"
    return f"{maximum} {limit.words} in {span}"
