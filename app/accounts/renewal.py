"""When a token is to be renewed by the calendar, used or not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Instagram Login's tokens live 60 days, cannot be renewed on their first day, and never again
#: once they have ended: they are renewed when a week of their life is gone.
#: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
INSTAGRAM_LOGIN = "instagram"
LIFE = timedelta(days=60)
RENEW_WHEN_LEFT = timedelta(days=53)
FIRST_DAY = timedelta(days=1)


def renewal_time(login_type: str, expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return when to renew a token that was given now; None: it is refreshed when it is used."""
    if login_type != INSTAGRAM_LOGIN:
        return None
    return max((expires_at or now + LIFE) - RENEW_WHEN_LEFT, now + FIRST_DAY)
