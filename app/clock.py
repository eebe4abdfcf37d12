"""The time now, aware and in UTC, and how times are written as text."""

from datetime import datetime, timezone


def utcnow() -> datetime:
    """Return the time now as an aware UTC datetime."""
    return datetime.now(timezone.utc)


def to_iso(moment: datetime) -> str:
    """Return an aware datetime as ISO 8601 UTC with milliseconds and `Z`."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
