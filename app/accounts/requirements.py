"""What a connection needs before it can publish. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from app.faults import Faults
from app.platforms import PLATFORMS
from app.states import LoginType

#: Platform and login → the required scopes; one of each inner group suffices.
#: https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
#: https://developers.facebook.com/docs/instagram-platform/content-publishing
#: https://developers.google.com/youtube/v3/docs/videos/insert#auth
NEEDED_SCOPES: dict[tuple[str, LoginType], tuple[tuple[str, ...], ...]] = {
    ("TIKTOK", LoginType.ONLY): (("video.publish",),),
    ("INSTAGRAM", LoginType.FACEBOOK): (("instagram_basic",), ("instagram_content_publish",)),
    ("INSTAGRAM", LoginType.INSTAGRAM): (
        ("instagram_business_basic",),
        ("instagram_business_content_publish",),
    ),
    ("YOUTUBE", LoginType.ONLY): (("youtube.upload", "youtube", "youtube.force-ssl"),),
}
#: Precedes the names of Google's scopes.
GOOGLE_SCOPES = "https://www.googleapis.com/auth/"
#: Logins whose videos the platform only accepts by a public link.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
_FETCHING_LOGINS = (LoginType.INSTAGRAM,)


def needs_public_links(login_type: LoginType) -> bool:
    """Tell whether an account can only publish videos that the platform can fetch itself."""
    return login_type in _FETCHING_LOGINS


def connection_faults(platform: str, values: Mapping[str, Any], now: datetime) -> Faults:
    """Return the faults of a connection, beyond the types of its fields.

    `values` holds the fields of the body that could be parsed.
    """
    found = {
        "loginType": login_fault(platform, values["login_type"]) if "login_type" in values else "",
        "scopes": _scopes_fault(platform, values),
        "expiresAt": _expiry_fault(values, now),
    }
    return {field: [fault] for field, fault in found.items() if fault}


def login_fault(platform: str, login_type: str | None, *, may_omit: bool = False) -> str:
    """Return what is wrong with a login type of a request; empty where nothing is."""
    name, logins = PLATFORMS[platform].name, PLATFORMS[platform].logins
    if login_type is not None and login_type not in logins:
        return f"{name} has only one login; leave it out."
    if login_type is None and LoginType.ONLY not in logins and not may_omit:
        return f"{name} needs it: {' or '.join(login.value for login in logins)}."
    return ""


def _scopes_fault(platform: str, values: Mapping[str, Any]) -> str:
    given: Collection[str] | None = values.get("scopes")
    logins = PLATFORMS[platform].logins
    login_type = logins[0] if len(logins) == 1 else values.get("login_type")
    if given is None or login_type is None:
        return ""
    needed = NEEDED_SCOPES[platform, LoginType(login_type)]
    short = {scope.removeprefix(GOOGLE_SCOPES) for scope in given}
    missing = [" or ".join(group) for group in needed if short.isdisjoint(group)]
    return f"The user did not allow {', '.join(missing)}." if missing else ""


def _expiry_fault(values: Mapping[str, Any], now: datetime) -> str:
    expires_at: datetime | None = values.get("expires_at")
    if expires_at is None or expires_at > now or values.get("refresh_token") is not None:
        return ""
    return "The access token has expired, and there is no refreshToken to renew it with."
