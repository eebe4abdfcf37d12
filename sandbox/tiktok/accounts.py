"""TikTok accounts: open ids, scopes, token lifetimes (24 h access, 365 d refresh)."""

from sandbox.core import ids
from sandbox.core.accounts import AccountOptions
from sandbox.core.kinds import AccountKind

SCOPES = ("video.publish", "video.upload", "video.list", "user.info.basic", "user.info.profile")


def _scopes(options: AccountOptions) -> tuple[str, ...]:
    return SCOPES


KIND = AccountKind(
    platform="TIKTOK",
    new_id=lambda: f"-000{ids.secret(32)}",
    scopes=_scopes,
    access_prefix="act.",
    refresh_prefix="rft.",
    token_seconds=86_400,
)
