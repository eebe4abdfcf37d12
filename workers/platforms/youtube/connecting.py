"""Connects YouTube channels. https://developers.google.com/identity/protocols/oauth2/web-server"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timezone

from workers.errors import AccountRefused
from workers.platforms.base import Access, Api
from workers.platforms.connecting import Grant, Opened
from workers.platforms.counting import Reader
from workers.platforms.fields import Fields, child, children, text
from workers.platforms.youtube import codes, oauth
from workers.platforms.youtube.client import Client

#: The reason by which a call is refused that none of the token's scopes allows.
READ_NOT_ALLOWED = "insufficientPermissions"


def connect(api: Api, grant: Grant) -> Sequence[Opened]:
    """Exchange a code for the tokens of the channel that consented."""
    fields = {
        "grant_type": "authorization_code",
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
    }
    if grant.verifier is not None:
        fields["code_verifier"] = grant.verifier
    tokens = oauth.ask(api, fields)
    scopes = tokens.scopes or frozenset()
    if scopes.isdisjoint(codes.READ_SCOPES):
        raise AccountRefused(
            "read_scope_missing",
            "The user did not allow youtube.readonly.",
            hint="Connect again, and leave all boxes ticked",
        )
    reader = Reader(Access(tokens.access_token, ""), lambda: datetime.now(timezone.utc))
    channel = _read_channel(Client(api, reader))
    opened = Opened(
        access_token=tokens.access_token,
        platform_user_id=text(channel, "id"),
        username=text(child(channel, "snippet"), "title")[:255],
        scopes=tuple(sorted(scopes)),
        expires_at=tokens.expires_at,
        refresh_token=tokens.refresh_token,
    )
    return [opened]


def check_access(client: Client, scopes: Collection[str]) -> None:
    """Read the account's channel, for one unit; not where it may only be uploaded to.

    https://developers.google.com/youtube/v3/docs/channels/list
    """
    if scopes and codes.READ_SCOPES.isdisjoint(scopes):
        return
    try:
        _read_channel(client)
    except AccountRefused as error:
        # Where the scopes are not known, that is how one learns that there is none for reading.
        if error.code != READ_NOT_ALLOWED:
            raise


def _read_channel(client: Client) -> Fields:
    answer = client.read("channels", part="id,snippet", mine="true")
    channels = [one for one in children(answer, "items") if text(one, "id")]
    if not channels:
        raise codes.NO_CHANNEL.error_for("no_channel", "the Google account has no channel")
    return channels[0]
