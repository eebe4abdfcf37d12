"""When a token has to be renewed on a schedule, used or not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.platforms import PLATFORMS
from app.states import LoginType

#: The lifetime of a token of Instagram Login. Once it has expired, nothing renews it.
#: https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
LIFETIME = timedelta(days=60)
FIRST_DAY = timedelta(days=1)


def renewal_time(
    login_type: LoginType, expires_at: datetime | None, now: datetime, *, is_new: bool = True
) -> datetime | None:
    """Return when to renew a token; None: it is refreshed before use instead.

    Not `is_new`: it was issued at an unknown time. One of which less than the margin is left is
    then old enough, and may expire within the day for which a new one cannot be renewed.
    """
    if login_type != LoginType.INSTAGRAM:
        return None
    margin = PLATFORMS["INSTAGRAM"].token_margins[login_type]
    assert margin is not None
    return max((expires_at or now + LIFETIME) - margin, now + FIRST_DAY if is_new else now)
