"""Template filters that format times, durations and numbers for a person."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import g
from markupsafe import Markup

from app.admin.blueprint import blueprint
from app.clock import to_iso, utcnow
from app.platforms import PLATFORMS
from app.schemas.pages import Cursor

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_MOMENT = Markup('<time datetime="{iso}" title="{iso}">{words}</time>')
_BYTES = ("B", "kB", "MB", "GB", "TB")


def now() -> datetime:
    """Return the time of this request, the same throughout a page."""
    if "admin_now" not in g:
        g.admin_now = utcnow()
    moment: datetime = g.admin_now
    return moment


def when(moment: datetime | None) -> str:
    """Format a time in UTC, with the date unless it is today and the year unless it is this."""
    if moment is None:
        return "–"
    form = "%-d %b, %H:%M UTC" if moment.year == now().year else "%-d %b %Y, %H:%M UTC"
    words = moment.strftime("%H:%M:%S UTC" if moment.date() == now().date() else form)
    return _MOMENT.format(iso=to_iso(moment), words=words)


def ago(moment: datetime | None) -> str:
    """Format the distance of a time from now: `3 min ago`, `in 2 h`."""
    if moment is None:
        return ""
    seconds = (now() - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    words = span(abs(seconds), parts=1)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def span(length: float | timedelta | None, parts: int = 2) -> str:
    """Return a length of time in its largest units: `2 h 5 min`; below ten seconds to a tenth."""
    if length is None:
        return "–"
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    words, left = [], round(seconds)
    for unit, name in _UNITS:
        amount, left = divmod(left, unit)
        if amount:
            words.append(f"{amount} {name}")
        elif words:
            break
    return " ".join(words[:parts])


def count(number: float | None) -> str:
    """Format a whole number with thousands separators."""
    return "–" if number is None else f"{number:,.0f}".replace(",", "\u202f")


def share(fraction: float | None) -> str:
    """Format a share in per cent, with one decimal between 90 and 100."""
    if fraction is None:
        return "–"
    percent = fraction * 100
    return f"{percent:.0f} %" if percent in (0, 100) or percent < 90 else f"{percent:.1f} %"


def size(number: float | None) -> str:
    """Format a number of bytes in a suitable unit."""
    if number is None:
        return "–"
    unit = 0
    while number >= 1000 and unit < len(_BYTES) - 1:
        number, unit = number / 1000, unit + 1
    return (
        f"{number:.0f} {_BYTES[unit]}"
        if number >= 10 or not unit
        else f"{number:.1f} {_BYTES[unit]}"
    )


def platform_name(platform: str) -> str:
    """Return the name of a platform as it spells itself."""
    return PLATFORMS[platform].name


def cursor(last_id: str) -> str:
    """Return the cursor that the list queries take, as in the API."""
    return str(Cursor().serialize("id", {"id": last_id}))


for word in (cursor, when, ago, span, count, share, size, platform_name):
    blueprint.add_app_template_filter(word)
