"""The platforms' rules and the use of their limits, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.limits import ledger
from app.models import Account
from app.platforms import PLATFORMS
from app.queries.limits import LimitUse, account_uses, platform_uses
from app.states import AccountState
from tests.factories import make_account

Auth = Callable[..., dict[str, str]]
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=timezone.utc)


def publish(account: Account, times: Sequence[datetime]) -> None:
    """Have posts of an account counted at these times."""
    with transaction() as session:
        for used_at in times:
            ledger.reserve_quota(
                session,
                platform=account.platform,
                account_id=account.id,
                job_id=new_id(),
                now=used_at,
            )


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def uses_of(account: Account) -> dict[int, LimitUse]:
    uses = account_uses([account], NOW)[account.id]
    return {use.limit.window_seconds: use for use in uses if use.limit.counts == "posts"}


def test_rolling_windows(context: Flask) -> None:
    account, other = make_account(), make_account()
    publish(other, [ago(seconds=5)])
    publish(account, [ago(seconds=70), ago(seconds=30), ago(hours=23), ago(hours=24), ago(days=3)])
    minute, day = uses_of(account)[60], uses_of(account)[86400]
    assert (minute.used, minute.left, minute.max) == (1, 1, 2)
    assert minute.resets_at == ago(seconds=30) + timedelta(minutes=1)
    assert (day.used, day.left, day.max) == (3, 12, 15)
    assert day.resets_at == ago(hours=23) + timedelta(days=1)


def test_a_window_that_is_full_resets_when_there_is_room(context: Flask) -> None:
    account = make_account()
    publish(account, [ago(seconds=10), ago(seconds=20), ago(seconds=40)])
    minute = uses_of(account)[60]
    assert (minute.used, minute.left) == (3, 0)
    # One more than allowed: two have to leave before the next fits.
    assert minute.resets_at == ago(seconds=20) + timedelta(minutes=1)


def test_nothing_used_nothing_to_reset(context: Flask) -> None:
    day = uses_of(make_account())[86400]
    assert (day.used, day.left, day.resets_at) == (0, 15, None)


def test_youtube_is_shared_by_all_users_until_midnight_pacific(context: Flask) -> None:
    alices, bobs = make_account("YOUTUBE"), make_account("YOUTUBE", "bob")
    midnight = datetime(2026, 11, 23, 8, 0, tzinfo=timezone.utc)
    publish(alices, [midnight, midnight - timedelta(microseconds=1), ago(hours=1)])
    publish(bobs, [ago(hours=2), NOW])
    publish(make_account("TIKTOK"), [ago(hours=2)])
    (uploads,) = [use for use in platform_uses("YOUTUBE", NOW) if use.limit.counts == "posts"]
    assert (uploads.used, uploads.left, uploads.max) == (4, 96, 100)
    assert uploads.resets_at == midnight + timedelta(days=1)


def keys_of(part: Any) -> Iterator[str]:
    """Yield the keys of all objects in a JSON value."""
    inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    yield from part if isinstance(part, dict) else ()
    for each in inside:
        yield from keys_of(each)


def test_show_platforms(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        mine = make_account()
        make_account(user_id="bob")
        make_account(deleted_at=utcnow())
        publish(mine, [utcnow()])
    answer = client.get("/api/platforms", headers=auth())
    assert answer.status_code == 200
    shown: dict[str, Any] = {one["platform"]: one for one in answer.get_json()["platforms"]}
    assert list(shown) == list(PLATFORMS)
    tiktok, youtube = shown["TIKTOK"], shown["YOUTUBE"]
    assert tiktok["name"] == "TikTok"
    assert tiktok["caption"]["unit"] == "utf16"
    assert tiktok["caption"]["maxLength"] == 2200
    assert tiktok["privacyLevels"] == ["public", "private"]
    assert tiktok["options"]["containsSyntheticMedia"]["sameAs"] == "isAigc"
    assert tiktok["video"]["ranges"]["size"] == {"min": None, "max": 4e9}
    assert "video/mp4" in tiktok["video"]["choices"]["container"]
    assert tiktok["video"]["ranges"]["frameRate"] == {"min": 23, "max": 60}
    assert "none" in shown["INSTAGRAM"]["video"]["choices"]["editList"]
    assert shown["YOUTUBE"]["video"]["advisedRanges"]["frameRate"]["max"] == 60
    assert [key for key in keys_of(answer.get_json()) if "_" in key] == []
    (account,) = tiktok["accounts"]
    assert (account["accountId"], account["username"]) == (mine.id, "alice")
    assert account["state"] == "active"
    minute, day = [limit for limit in account["limits"] if limit["counts"] == "posts"]
    assert account["nextPost"]["beginsAt"].endswith("Z") and "reason" not in account["nextPost"]
    assert (minute["max"], minute["used"], minute["left"]) == (2, 1, 1)
    assert minute["resetsAt"].endswith("Z")
    assert (day["windowSeconds"], day["max"], day["used"], day["left"]) == (86400, 15, 1, 14)
    assert youtube["accounts"] == []
    uploads = [limit for limit in youtube["limits"] if limit["counts"] == "posts"]
    assert uploads[0]["scope"] == "application"
    assert uploads[0]["windowSeconds"] is None
    assert (uploads[0]["used"], uploads[0]["left"]) == (0, 100)


def test_account_to_reconnect_has_no_next_post(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        make_account(state=AccountState.RECONNECT_REQUIRED, state_reason="The token was revoked")
    shown = client.get("/api/platforms", headers=auth()).get_json()["platforms"][0]
    assert [account["nextPost"] for account in shown["accounts"]] == [
        {
            "beginsAt": None,
            "reason": "The account must be connected again: The token was revoked",
        }
    ]


def test_configured_limits_are_shown(app: Flask, client: FlaskClient, auth: Auth) -> None:
    app.config["SETTINGS"].limits["LIMIT_TIKTOK_POSTS_PER_DAY"] = 3
    try:
        shown = client.get("/api/platforms", headers=auth()).get_json()["platforms"][0]
    finally:
        app.config["SETTINGS"].limits.clear()
    assert 3 in [limit["max"] for limit in shown["limits"]]
