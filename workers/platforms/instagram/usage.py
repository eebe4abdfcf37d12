"""Instagram's usage headers: how much of the call limits is used, and when calls work again.

https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from workers.transport import Response

APP_HEADER = "X-App-Usage"
ACCOUNT_HEADER = "X-Business-Use-Case-Usage"
#: Calls are spread out from here on.
BUSY_PERCENT = 80
#: A wait of nothing would ask again without end.
WAIT_MIN_SECONDS = 1
#: A limit's windows are an hour and a day: what names a longer wait is not believed.
WAIT_MAX_MINUTES = 24 * 60
_SHARES = ("call_count", "total_cputime", "total_time")


def used_percents(answer: Response) -> tuple[float, float]:
    """Return how much of the limits on calls is used: the account's, and the application's."""
    return (
        max((_used(entry) for entry in _account_entries(answer)), default=0.0),
        _used(_header(answer, APP_HEADER)),
    )


def free_again_at(answer: Response, now: datetime) -> datetime | None:
    """Return when the platform says that calls work again: Retry-After, else its estimate."""
    named = answer.retry_after(now)
    if named is not None:
        return max(named, now + timedelta(seconds=WAIT_MIN_SECONDS))
    waits = (
        _number(entry, "estimated_time_to_regain_access") for entry in _account_entries(answer)
    )
    minutes = min(max(waits, default=0.0), WAIT_MAX_MINUTES)
    return now + timedelta(minutes=minutes) if minutes > 0 else None


def _used(entry: dict[str, Any]) -> float:
    return max(_number(entry, name) for name in _SHARES)


def _account_entries(answer: Response) -> Iterator[dict[str, Any]]:
    for entries in _header(answer, ACCOUNT_HEADER).values():
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))


def _header(answer: Response, name: str) -> dict[str, Any]:
    try:
        value = json.loads(answer.headers.get(name, ""))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
