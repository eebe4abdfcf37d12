"""The platforms' rules over HTTP, and how much of the limits is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.ids import new_id
from app.models import Account, PublishedPost
from app.platforms import PLATFORMS
from app.publishing.transaction import transaction
from app.queries.limits import LimitUse, account_uses, pacific_day, platform_uses
from tests.factories import make_account, make_video

Auth = Callable[..., dict[str, str]]
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=timezone.utc)


def publish(account: Account, times: Sequence[datetime]) -> None:
    video = make_video(account.user_id)
    with transaction() as session:
        for published_at in times:
            session.add(
                PublishedPost(
                    job_id=new_id(),
                    user_id=account.user_id,
                    account_id=account.id,
                    video_id=video.id,
                    platform=account.platform,
                    caption="",
                    published_at=published_at,
                )
            )


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def uses_of(account: Account) -> dict[int, LimitUse]:
    return {use.limit.window_seconds: use for use in account_uses([account], NOW)[account.id]}


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
    (uploads,) = [use for use in platform_uses("YOUTUBE", NOW) if use.used is not None]
    assert (uploads.used, uploads.left, uploads.max) == (4, 96, 100)
    assert uploads.resets_at == midnight + timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        ("2026-01-15T12:00", "2026-01-15T08:00", "2026-01-16T08:00"),
        ("2026-01-15T07:59", "2026-01-14T08:00", "2026-01-15T08:00"),
        ("2026-07-15T07:00", "2026-07-15T07:00", "2026-07-16T07:00"),
        ("2026-07-15T06:59", "2026-07-14T07:00", "2026-07-15T07:00"),
        # 8 March: 23 hours; 1 November: 25 hours.
        ("2026-03-08T20:00", "2026-03-08T08:00", "2026-03-09T07:00"),
        ("2026-11-01T20:00", "2026-11-01T07:00", "2026-11-02T08:00"),
    ],
)
def test_the_pacific_day(now: str, first: str, last: str) -> None:
    begins, ends = pacific_day(datetime.fromisoformat(f"{now}+00:00"))
    assert begins == datetime.fromisoformat(f"{first}+00:00")
    assert ends == datetime.fromisoformat(f"{last}+00:00")


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
    (account,) = tiktok["accounts"]
    assert (account["accountId"], account["username"]) == (mine.id, "alice")
    assert account["state"] == "active"
    minute, day = account["limits"]
    assert (minute["max"], minute["used"], minute["left"]) == (2, 1, 1)
    assert minute["resetsAt"].endswith("Z")
    assert (day["windowSeconds"], day["max"], day["used"], day["left"]) == (86400, 15, 1, 14)
    assert youtube["accounts"] == []
    uploads = [limit for limit in youtube["limits"] if limit["counts"] == "posts"]
    assert uploads[0]["scope"] == "application"
    assert uploads[0]["windowSeconds"] is None
    assert (uploads[0]["used"], uploads[0]["left"]) == (0, 100)


def test_configured_limits_are_shown(app: Flask, client: FlaskClient, auth: Auth) -> None:
    app.config["SETTINGS"].limits["LIMIT_TIKTOK_POSTS_PER_DAY"] = 3
    try:
        shown = client.get("/api/platforms", headers=auth()).get_json()["platforms"][0]
    finally:
        app.config["SETTINGS"].limits.clear()
    assert 3 in [limit["max"] for limit in shown["limits"]]
