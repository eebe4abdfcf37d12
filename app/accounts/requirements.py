"""What a platform asks of a connection before anything can be published with it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from app.faults import Faults

#: Platform and login → the scopes needed; of each inner group, one is enough.
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
#: Logins whose posts the platform fetches by a public link, and takes in no other way.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
_FETCHING_LOGINS = ("instagram",)


def needs_public_links(login_type: str) -> bool:
    """Tell whether an account can only publish what the platform can fetch from the store."""
    return login_type in _FETCHING_LOGINS


def connection_faults(platform: str, values: Mapping[str, Any], now: datetime) -> Faults:
    """Return what is wrong with a connection, besides the kinds of its fields.

    `values` holds those fields of the body that could be read.
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
    return "The access token has ended, and there is no refreshToken to renew it with."
