"""When to renew a token by the calendar, whether it is used or not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.platforms import PLATFORMS
from app.states import LoginType

#: The life of a token of Instagram Login. Once it has ended, nothing renews it.
#: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
LIFE = timedelta(days=60)
FIRST_DAY = timedelta(days=1)


def renewal_time(
    login_type: LoginType, expires_at: datetime | None, now: datetime
) -> datetime | None:
    """Return when to renew a token issued now; None: it is refreshed when it is used."""
    if login_type != LoginType.INSTAGRAM:
        return None
    margin = PLATFORMS["INSTAGRAM"].token_margins[login_type]
    assert margin is not None
    return max((expires_at or now + LIFE) - margin, now + FIRST_DAY)
