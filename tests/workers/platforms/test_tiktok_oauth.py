"""Refreshing TikTok's tokens: rotation, scopes, and failures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.workers.platforms.support import Sandbox, access_of
from tests.workers.platforms.tiktok_job import TOKEN, api_of
from workers.errors import AccountRefused, NetworkFailure, RequestRefused, Transient
from workers.platforms.base import Tokens
from workers.platforms.tiktok import TikTokHandler


@pytest.fixture
def account(control: Sandbox) -> dict[str, Any]:
    """A connected account."""
    return control.account("TIKTOK")


def refresh(control: Sandbox, account: dict[str, Any], token: str | None) -> Tokens:
    """Refresh as the service does."""
    return TikTokHandler(api_of(control.url)).refresh(access_of(account), token)


def test_refresh_returns_both_tokens(control: Sandbox, account: dict[str, Any]) -> None:
    tokens = refresh(control, account, account["refreshToken"])
    assert tokens.access_token not in ("", account["accessToken"])
    assert tokens.refresh_token not in (None, "", account["refreshToken"])
    assert tokens.scopes == frozenset(account["scopes"])
    assert tokens.expires_at is not None
    left = tokens.expires_at - datetime.now(timezone.utc)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_rotated_refresh_token_is_the_one_that_works(
    control: Sandbox, account: dict[str, Any]
) -> None:
    tokens = refresh(control, account, account["refreshToken"])
    refresh(control, account, tokens.refresh_token)
    with pytest.raises(AccountRefused) as raised:
        refresh(control, account, account["refreshToken"])
    assert (raised.value.code, raised.value.reconnect) == ("invalid_grant", True)
    assert raised.value.detail == "TikTok no longer grants access to this account"


@pytest.mark.parametrize("token", [None, ""])
def test_account_without_a_refresh_token_must_be_connected_again(
    control: Sandbox, account: dict[str, Any], token: str | None
) -> None:
    with pytest.raises(AccountRefused) as raised:
        refresh(control, account, token)
    assert raised.value.reconnect and raised.value.hint
    assert control.calls() == []


def test_revoked_account_must_be_connected_again(control: Sandbox, account: dict[str, Any]) -> None:
    control.post(f"/accounts/{account['platformUserId']}/revoke")
    with pytest.raises(AccountRefused) as raised:
        refresh(control, account, account["refreshToken"])
    assert raised.value.reconnect


def test_wrong_client_is_the_operators_fault_and_no_accounts(
    control: Sandbox, account: dict[str, Any]
) -> None:
    api = replace(api_of(control.url), client_secret="another")
    with pytest.raises(RequestRefused) as raised:
        TikTokHandler(api).refresh(access_of(account), account["refreshToken"])
    assert raised.value.code == "invalid_client" and "operator" in raised.value.hint


@pytest.mark.parametrize("kind", ["garbage", "empty"])
def test_useless_response_is_retried(control: Sandbox, account: dict[str, Any], kind: str) -> None:
    control.fault("TIKTOK", TOKEN, kind)
    with pytest.raises(Transient):
        refresh(control, account, account["refreshToken"])


def test_lost_response_is_a_network_failure(control: Sandbox, account: dict[str, Any]) -> None:
    control.fault("TIKTOK", TOKEN, "lost_answer")
    with pytest.raises(NetworkFailure):
        refresh(control, account, account["refreshToken"])


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"access_token": "act.1"}, Tokens("act.1", None)),
        (
            {"access_token": "act.1", "expires_in": "x", "refresh_token": 7, "scope": ["a"]},
            Tokens("act.1", None),
        ),
        (
            {"access_token": "act.1", "scope": "video.publish, video.list", "error": None},
            Tokens("act.1", None, scopes=frozenset({"video.publish", "video.list"})),
        ),
    ],
)
def test_malformed_fields_count_as_absent(
    control: Sandbox, account: dict[str, Any], body: dict[str, Any], wanted: Tokens
) -> None:
    control.fault("TIKTOK", TOKEN, "error", status=200, body=body)
    tokens = refresh(control, account, account["refreshToken"])
    assert replace(tokens, expires_at=None) == wanted
    assert tokens.expires_at is not None  # the documented life of a token


@pytest.mark.parametrize("body", [{"access_token": 7}, {"access_token": ""}, ["x"], "null"])
def test_response_without_a_token_is_retried(
    control: Sandbox, account: dict[str, Any], body: Any
) -> None:
    control.fault("TIKTOK", TOKEN, "error", status=200, body=body)
    with pytest.raises(Transient):
        refresh(control, account, account["refreshToken"])
