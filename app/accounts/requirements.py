"""What a connection needs before it can publish. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from app.faults import Faults

#: Platform and login → the required scopes; one of each inner group suffices.
#: https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
#: https://developers.facebook.com/docs/instagram-platform/content-publishing
#: https://developers.google.com/youtube/v3/docs/videos/insert#auth
NEEDED_SCOPES: dict[tuple[str, str | None], tuple[tuple[str, ...], ...]] = {
    ("TIKTOK", None): (("video.publish",),),
    ("INSTAGRAM", "facebook"): (("instagram_basic",), ("instagram_content_publish",)),
    ("INSTAGRAM", "instagram"): (
        ("instagram_business_basic",),
        ("instagram_business_content_publish",),
    ),
    ("YOUTUBE", None): (("youtube.upload", "youtube", "youtube.force-ssl"),),
}
_GOOGLE = "https://www.googleapis.com/auth/"
#: Logins whose videos the platform only accepts by a public link.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
_FETCHING_LOGINS = ("instagram",)


def needs_public_links(login_type: str) -> bool:
    """Tell whether an account can only publish videos that the platform can fetch itself."""
    return login_type in _FETCHING_LOGINS


def connection_faults(platform: str, values: Mapping[str, Any], now: datetime) -> Faults:
    """Return the faults of a connection, beyond the types of its fields.

    `values` holds the fields of the body that could be parsed.
    """
    found = {
        "loginType": _login_fault(platform, values),
        "scopes": _scopes_fault(platform, values),
        "expiresAt": _expiry_fault(values, now),
    }
    return {field: [fault] for field, fault in found.items() if fault}


def _login_fault(platform: str, values: Mapping[str, Any]) -> str:
    if "login_type" not in values:
        return ""
    if platform == "INSTAGRAM" and values["login_type"] is None:
        return "Instagram needs it: facebook or instagram."
    if platform != "INSTAGRAM" and values["login_type"] is not None:
        return "Only Instagram has it."
    return ""


def _scopes_fault(platform: str, values: Mapping[str, Any]) -> str:
    given: Collection[str] | None = values.get("scopes")
    login = values.get("login_type") if platform == "INSTAGRAM" else None
    needed = NEEDED_SCOPES.get((platform, login), ())
    if given is None:
        return ""
    short = {scope.removeprefix(_GOOGLE) for scope in given}
    missing = [" or ".join(group) for group in needed if short.isdisjoint(group)]
    return f"The user did not allow {', '.join(missing)}." if missing else ""


def _expiry_fault(values: Mapping[str, Any], now: datetime) -> str:
    expires_at: datetime | None = values.get("expires_at")
    if expires_at is None or expires_at > now or values.get("refresh_token") is not None:
        return ""
    return "The access token has expired, and there is no refreshToken to renew it with."
