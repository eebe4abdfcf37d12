"""When a token has to be renewed on a schedule, used or not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Instagram Login's tokens live 60 days and cannot be renewed on their first day, nor once they
#: have expired. They are renewed when they are a week old.
#: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
INSTAGRAM_LOGIN = "instagram"
LIFETIME = timedelta(days=60)
RENEW_WHEN_LEFT = timedelta(days=53)
FIRST_DAY = timedelta(days=1)


def renewal_time(login_type: str, expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return when to renew a token issued now; None: it is refreshed before use instead."""
    if login_type != INSTAGRAM_LOGIN:
        return None
    return max((expires_at or now + LIFETIME) - RENEW_WHEN_LEFT, now + FIRST_DAY)
