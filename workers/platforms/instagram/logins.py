"""Instagram's two logins: they differ in the host, in refresh, and in how a video is taken."""

from __future__ import annotations

from workers.platforms.base import Access

INSTAGRAM_LOGIN = "instagram"
FACEBOOK_LOGIN = "facebook"


def login_type_of(access: Access) -> str:
    """Return the account's login type; Facebook Login if the account names none."""
    return access.login_type or FACEBOOK_LOGIN
