"""Connecting YouTube channels by OAuth consent.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timezone

from workers.errors import AccountRefused
from workers.platforms.base import Access, Api
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.counting import ReadContext
from workers.platforms.fields import Fields, child, children, text
from workers.platforms.youtube import codes, oauth
from workers.platforms.youtube.client import Client


def connect(api: Api, grant: Grant) -> Sequence[ConnectedAccount]:
    """Exchange an authorization code for the tokens of the user's channel."""
    form = {
        "grant_type": "authorization_code",
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
    }
    if grant.verifier is not None:
        form["code_verifier"] = grant.verifier
    tokens = oauth.request_tokens(api, form)
    scopes = tokens.scopes or frozenset()
    if scopes.isdisjoint(codes.READ_SCOPES):
        raise AccountRefused(
            "read_scope_missing",
            "The user did not allow youtube.readonly.",
            hint="Connect again, and leave all boxes ticked",
        )
    context = ReadContext(Access(tokens.access_token, ""), lambda: datetime.now(timezone.utc))
    channel = _read_channel(Client(api, context))
    account = ConnectedAccount(
        access_token=tokens.access_token,
        platform_user_id=text(channel, "id"),
        username=text(child(channel, "snippet"), "title")[:255],
        scopes=tuple(sorted(scopes)),
        expires_at=tokens.expires_at,
        refresh_token=tokens.refresh_token,
    )
    return [account]


def check_access(client: Client, scopes: Collection[str]) -> None:
    """Read the account's channel, for one unit; skipped if no scope allows reading.

    https://developers.google.com/youtube/v3/docs/channels/list
    """
    if scopes and codes.READ_SCOPES.isdisjoint(scopes):
        return
    try:
        _read_channel(client)
    except AccountRefused as error:
        # If the scopes are unknown, this refusal only shows that none of them allows reading.
        if error.code != codes.SCOPE_MISSING:
            raise


def _read_channel(client: Client) -> Fields:
    response = client.get("channels", part="id,snippet", mine="true")
    channels = [channel for channel in children(response, "items") if text(channel, "id")]
    if not channels:
        raise codes.NO_CHANNEL.error_for("no_channel", "the Google account has no channel")
    return channels[0]
