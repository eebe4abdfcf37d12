"""The time now, aware and in UTC, and how times are written as text."""

from datetime import datetime, timedelta, timezone


def utcnow() -> datetime:
    """Return the time now as an aware UTC datetime."""
    return datetime.now(timezone.utc)


def to_words(moment: datetime) -> str:
    """Return an aware datetime for a sentence: `2026-11-28 00:51 UTC`, rounded up to the minute."""
    later = moment.astimezone(timezone.utc) + timedelta(seconds=59)
    return f"{later:%Y-%m-%d %H:%M} UTC"


def to_iso(moment: datetime) -> str:
    """Return an aware datetime as ISO 8601 UTC with milliseconds and `Z`."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
