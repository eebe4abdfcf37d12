"""Refreshing Google tokens: results, and who has to act on a refusal."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sandbox.youtube.errors import ERRORS
from tests.workers.platforms.support import Sandbox, access_of
from tests.workers.platforms.youtube_job import handler_of
from workers.errors import (
    AccountRefused,
    NetworkFailure,
    PublishError,
    RateLimited,
    RequestRefused,
    Transient,
)
from workers.platforms.base import Api, Tokens
from workers.platforms.counting import ReadContext
from workers.platforms.youtube import YouTubeHandler

TOKEN = "youtube.token"
MEANT: dict[str, tuple[type[PublishError], bool]] = {
    "invalid_grant": (AccountRefused, True),
    "invalid_rapt": (AccountRefused, True),
    "admin_policy_enforced": (AccountRefused, False),
    "org_internal": (RequestRefused, False),
    "invalid_client": (RequestRefused, False),
    "deleted_client": (RequestRefused, False),
    "unauthorized_client": (RequestRefused, False),
    "invalid_request": (RequestRefused, False),
    "invalid_token": (RequestRefused, False),
    "unsupported_grant_type": (RequestRefused, False),
    "server_error": (Transient, False),
}


def refresh(control: Sandbox, refresh_token: str | None = "", **options: Any) -> Tokens:
    """Refresh a new account's token, with its own refresh token unless another is given."""
    account = control.account("YOUTUBE", **options)
    own = account["refreshToken"]
    handler = handler_of(control.url)
    return handler.refresh(access_of(account), own if refresh_token == "" else refresh_token)


def check_access(control: Sandbox, **options: Any) -> None:
    """Check that YouTube accepts a new account's token."""
    account = control.account("YOUTUBE", **options)
    handler_of(control.url).check_access(ReadContext(access_of(account), control.now))


def test_google_account_without_a_channel_is_its_owners_affair(control: Sandbox) -> None:
    with pytest.raises(AccountRefused) as caught:
        check_access(control, has_channel=False)
    assert caught.value.code == "no_channel" and not caught.value.reconnect


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"kind": "youtube#channelListResponse"}, AccountRefused),
        ({"pageInfo": {"totalResults": 0}}, AccountRefused),
        ({"kind": "youtube#channelListResponse", "items": None}, Transient),
        ({"kind": "youtube#channel"}, Transient),
        ({}, Transient),
    ],
)
def test_list_without_items_is_empty_if_it_is_a_list(
    body: dict[str, Any], error: type[PublishError], control: Sandbox
) -> None:
    control.fault("YOUTUBE", "youtube.channels", "error", status=200, body=body)
    with pytest.raises(error):
        check_access(control)


def test_refresh_gives_a_token_for_an_hour_and_keeps_the_refresh_token(control: Sandbox) -> None:
    before = datetime.now(timezone.utc)
    tokens = refresh(control)
    assert tokens.access_token.startswith("ya29.")
    assert tokens.refresh_token is None
    assert tokens.expires_at is not None
    assert timedelta(0) <= tokens.expires_at - before - timedelta(hours=1) < timedelta(seconds=30)
    assert tokens.scopes is not None
    assert "https://www.googleapis.com/auth/youtube.upload" in tokens.scopes


def test_refresh_token_that_google_replaces_is_returned(control: Sandbox) -> None:
    body = {"access_token": "new", "expires_in": 60, "refresh_token": "rotated"}
    control.fault("YOUTUBE", TOKEN, "error", status=200, body=body)
    tokens = refresh(control)
    assert (tokens.access_token, tokens.refresh_token, tokens.scopes) == ("new", "rotated", None)


@pytest.mark.parametrize("expires_in", [None, "soon", 0, True, [], 3600, "3600"])
def test_unreadable_lifetime_counts_as_an_hour(control: Sandbox, expires_in: Any) -> None:
    body = {"access_token": "new", "expires_in": expires_in, "scope": 5, "refresh_token": 6}
    control.fault("YOUTUBE", TOKEN, "error", status=200, body=body)
    before = datetime.now(timezone.utc)
    tokens = refresh(control)
    assert tokens.expires_at is not None
    assert timedelta(0) <= tokens.expires_at - before - timedelta(hours=1) < timedelta(seconds=30)
    assert (tokens.refresh_token, tokens.scopes) == (None, None)


@pytest.mark.parametrize("refresh_token", [None, "1//unknown"])
def test_refused_refresh_token_asks_to_connect_again(
    control: Sandbox, refresh_token: str | None
) -> None:
    with pytest.raises(AccountRefused) as raised:
        refresh(control, refresh_token)
    assert raised.value.reconnect
    assert raised.value.hint == "Connect the YouTube account again"


def test_wrong_client_is_the_operators_fault(control: Sandbox) -> None:
    account = control.account("YOUTUBE")
    api = Api(url=f"{control.url}/youtube", oauth_url=f"{control.url}/google", client_id="other")
    with pytest.raises(RequestRefused) as raised:
        YouTubeHandler(api).refresh(access_of(account), account["refreshToken"])
    assert raised.value.code == "invalid_client"
    assert "operator" in raised.value.hint


@pytest.mark.parametrize("code", [spec.code for spec in ERRORS.values() if TOKEN in spec.calls])
def test_every_error_of_the_sandbox_is_classified(control: Sandbox, code: str) -> None:
    control.fault("YOUTUBE", TOKEN, "error", code=code)
    with pytest.raises(PublishError) as raised:
        refresh(control)
    error = raised.value
    assert (type(error), getattr(error, "reconnect", False)) == MEANT[code]
    assert error.code == code


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"error": "invalid_grant"}, AccountRefused),
        (200, {"error": {"code": 5}, "access_token": "x"}, Transient),
        (200, {"access_token": 5}, Transient),
        (200, {"access_token": ""}, Transient),
        (400, {"error": "novel"}, RequestRefused),
        (400, {"error": "x" * 500}, RequestRefused),
        (400, {"error": "invalid_grant", "error_subtype": "novel"}, AccountRefused),
        (429, {"error": "novel"}, RateLimited),
        (429, "slow down", RateLimited),
        (500, {"error": "novel"}, Transient),
        (503, "upstream", Transient),
        (200, [], Transient),
        (403, "<html>", Transient),
    ],
)
def test_malformed_token_response_is_one_of_our_errors(
    control: Sandbox, status: int, body: Any, error: type[PublishError]
) -> None:
    control.fault("YOUTUBE", TOKEN, "error", status=status, body=body)
    with pytest.raises(PublishError) as raised:
        refresh(control)
    assert type(raised.value) is error
    assert len(raised.value.code) <= 100


@pytest.mark.parametrize(
    ("kind", "error"),
    [("garbage", Transient), ("empty", Transient), ("lost_answer", NetworkFailure)],
)
def test_failed_refresh_can_be_repeated(
    control: Sandbox, kind: str, error: type[PublishError]
) -> None:
    control.fault("YOUTUBE", TOKEN, kind)
    account = control.account("YOUTUBE")
    handler = handler_of(control.url)
    with pytest.raises(error):
        handler.refresh(access_of(account), account["refreshToken"])
    assert handler.refresh(access_of(account), account["refreshToken"]).access_token


def test_messages_contain_no_tokens(control: Sandbox) -> None:
    with pytest.raises(PublishError) as raised:
        refresh(control, "1//a-secret")
    assert "a-secret" not in f"{raised.value!r} {raised.value.detail} {raised.value.hint}"
