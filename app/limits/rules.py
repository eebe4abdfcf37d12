"""The limits as configured, by what they count."""

from __future__ import annotations

from datetime import timedelta

from app.config import current_config
from app.platforms import PLATFORMS, Limit

POSTS = "posts"
#: How long the ledger is kept: longer than any window.
LEDGER_KEEP = timedelta(hours=50)


def configured_maximum(limit: Limit) -> int:
    """Return a limit's maximum, as configured."""
    config = current_config()
    return config.limits.get(limit.setting, limit.default)


def limits_on(platform: str, counts: str) -> list[Limit]:
    """Return a platform's limits per window on one kind of use, such as `posts`."""
    return [
        limit
        for limit in PLATFORMS[platform].limits
        if limit.counts == counts and limit.window != "at_once"
    ]


def at_once(platform: str, scope: str) -> int:
    """Return the number of upload slots of a platform, or of each account on it."""
    for limit in PLATFORMS[platform].limits:
        if (limit.window, limit.scope) == ("at_once", scope):
            return configured_maximum(limit)
    raise LookupError(f"{platform} has no concurrency limit per {scope}")


def code_of(limit: Limit) -> str:
    """Return the error code of jobs that a limit holds up."""
    return f"limit_{limit.setting.removeprefix('LIMIT_').lower()}"


def describe(limit: Limit, maximum: int) -> str:
    """Return a limit in words: "15 posts in 24 hours"."""
    spans = {60: "a minute", 3600: "an hour", 86400: "24 hours"}
    span = spans.get(limit.window_seconds, f"{limit.window_seconds} seconds")
    if limit.window == "pacific_day":
        return f"{maximum} {limit.words} a day, until midnight Pacific time"
    return f"{maximum} {limit.words} in {span}"
