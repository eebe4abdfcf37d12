"""YouTube accounts: channels, scopes, token lifetimes (one hour)."""

from sandbox.core import ids
from sandbox.core.accounts import AccountOptions
from sandbox.core.kinds import AccountKind

PREFIX = "https://www.googleapis.com/auth/"
UPLOAD, READONLY = PREFIX + "youtube.upload", PREFIX + "youtube.readonly"
ALL, FORCE_SSL = PREFIX + "youtube", PREFIX + "youtube.force-ssl"
MAY_WRITE = (ALL, FORCE_SSL)
MAY_READ = (READONLY, *MAY_WRITE)
MAY_UPLOAD = (UPLOAD, *MAY_WRITE)


def _scopes(options: AccountOptions) -> tuple[str, ...]:
    return (UPLOAD, READONLY, FORCE_SSL)


KIND = AccountKind(
    platform="YOUTUBE",
    new_id=lambda: f"UC{ids.secret(22)}",
    scopes=_scopes,
    access_prefix="ya29.",
    refresh_prefix="1//",
    token_seconds=3600,
)


def uploads_playlist(channel_id: str) -> str:
    """Return the id of the channel's uploads playlist."""
    return "UU" + channel_id[2:]
