"""Connecting, listing and disconnecting accounts. No response ever contains a token."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.clock import to_iso, utcnow
from app.config import Config
from app.crypto import Cipher
from app.extensions import db
from app.models import Account, PublishJob
from app.states import AccountState, JobState
from tests.factories import make_account, make_job

Auth = Callable[..., dict[str, str]]
Connect = Callable[..., TestResponse]
SECRETS = ("secret-access", "secret-refresh")
NEEDED = {
    "TIKTOK": ["video.publish"],
    "INSTAGRAM": ["instagram_basic", "instagram_content_publish"],
    "YOUTUBE": ["https://www.googleapis.com/auth/youtube.upload"],
}


def body_for(platform: str, **changes: Any) -> dict[str, Any]:
    body = {
        "accessToken": "secret-access",
        "refreshToken": "secret-refresh",
        "expiresAt": to_iso(utcnow() + timedelta(days=1)),
        "platformUserId": "4711",
        "username": "ann",
        "scopes": NEEDED[platform],
        "loginType": "facebook" if platform == "INSTAGRAM" else None,
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


@pytest.fixture
def connect(client: FlaskClient, auth: Auth) -> Connect:
    def put(platform: str = "TIKTOK", user: str = "alice", **changes: Any) -> TestResponse:
        answer = client.put(
            f"/api/accounts/{platform}", json=body_for(platform, **changes), headers=auth(user)
        )
        assert not any(secret in answer.get_data(as_text=True) for secret in SECRETS)
        return answer

    return put


def test_a_browser_may_pass_no_tokens(client: FlaskClient, config: Config) -> None:
    """A browser has a platform's tokens only where somebody else's were given to it."""
    claims = {"sub": "alice", "exp": utcnow() + timedelta(minutes=5)}
    token = jwt.encode(claims, config.jwt_secret, algorithm="HS256")
    headers = {"Authorization": f"Bearer {token}"}
    refused = client.put("/api/accounts/TIKTOK", json=body_for("TIKTOK"), headers=headers)
    assert refused.status_code == 403
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["error"].startswith("Only a service key may pass a platform's tokens")
    assert client.get("/api/accounts", headers=headers).get_json()["accounts"] == []


@pytest.mark.parametrize("platform", NEEDED)
def test_connect(
    app: Flask, client: FlaskClient, auth: Auth, connect: Connect, platform: str
) -> None:
    answer = connect(platform)
    assert answer.status_code == 201
    account = answer.get_json()
    assert account.pop("createdAt") and account.pop("updatedAt") and account.pop("expiresAt")
    account_id = account.pop("id")
    assert account == {
        "platform": platform,
        "platformUserId": "4711",
        "username": "ann",
        "loginType": "facebook" if platform == "INSTAGRAM" else None,
        "scopes": NEEDED[platform],
        "state": "active",
        "stateReason": "",
    }
    listed = client.get("/api/accounts", headers=auth())
    assert listed.get_json() == {"accounts": [answer.get_json()], "nextCursor": None}
    with app.app_context():
        row = db.session.get(Account, account_id)
        assert row is not None
        assert (row.access_token, row.refresh_token) == SECRETS
        stored = db.session.execute(db.text("SELECT * FROM accounts")).all()
        assert not any(secret in str(stored) for secret in SECRETS)


def test_connecting_again_updates_and_activates(app: Flask, connect: Connect) -> None:
    first = connect().get_json()
    with app.app_context():
        row = db.session.get_one(Account, first["id"])
        row.state = AccountState.RECONNECT_REQUIRED
        row.state_reason = "The user changed the password."
        db.session.commit()
    again = connect(accessToken="secret-access-2", username="anna", expiresAt=...)
    assert again.status_code == 200
    account = again.get_json()
    assert account["id"] == first["id"]
    assert (account["state"], account["stateReason"]) == ("active", "")
    assert (account["username"], account["expiresAt"]) == ("anna", None)
    with app.app_context():
        assert db.session.get_one(Account, first["id"]).access_token == "secret-access-2"


def test_what_is_left_out_is_kept(app: Flask, connect: Connect) -> None:
    account_id = connect("YOUTUBE").get_json()["id"]
    again = connect("YOUTUBE", refreshToken=..., username=..., accessToken="secret-access-2")
    assert again.get_json()["username"] == "ann"
    with app.app_context():
        assert db.session.get_one(Account, account_id).refresh_token == "secret-refresh"


def test_another_account_is_another_account(connect: Connect) -> None:
    first = connect().get_json()["id"]
    assert connect(platformUserId="4712").status_code == 201
    assert connect("YOUTUBE").status_code == 201
    bobs = connect(user="bob")
    assert bobs.status_code == 201
    assert bobs.get_json()["id"] != first


def test_connecting_at_once_makes_one_account(app: Flask, auth: Auth) -> None:
    answers: list[TestResponse] = []

    def put() -> None:
        client = app.test_client()
        answers.append(client.put("/api/accounts/TIKTOK", json=body_for("TIKTOK"), headers=auth()))

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.get_json()["id"] for answer in answers}) == 1


def test_connecting_again_needs_no_old_key(app: Flask, connect: Connect) -> None:
    connect()
    app.extensions["cipher"] = Cipher([Fernet.generate_key().decode()])
    assert connect().status_code == 200


def test_listing_needs_no_key(
    app: Flask, client: FlaskClient, auth: Auth, connect: Connect
) -> None:
    connect()
    app.extensions["cipher"] = Cipher([Fernet.generate_key().decode()])
    for path in ("/api/accounts", "/api/platforms"):
        assert client.get(path, headers=auth()).status_code == 200


@pytest.mark.parametrize(
    ("platform", "changes", "fields"),
    [
        ("TIKTOK", {"accessToken": ...}, {"accessToken"}),
        ("TIKTOK", {"accessToken": ""}, {"accessToken"}),
        ("TIKTOK", {"accessToken": None}, {"accessToken"}),
        ("TIKTOK", {"accessToken": 5}, {"accessToken"}),
        ("TIKTOK", {"accessToken": "a b"}, {"accessToken"}),
        ("TIKTOK", {"accessToken": "a\r\nX-Evil: 1"}, {"accessToken"}),
        ("TIKTOK", {"accessToken": "x" * 4097}, {"accessToken"}),
        ("TIKTOK", {"refreshToken": "ü"}, {"refreshToken"}),
        ("TIKTOK", {"platformUserId": ...}, {"platformUserId"}),
        ("TIKTOK", {"platformUserId": 4711}, {"platformUserId"}),
        ("TIKTOK", {"platformUserId": "x" * 256}, {"platformUserId"}),
        ("TIKTOK", {"platformUserId": "../../me"}, {"platformUserId"}),
        ("TIKTOK", {"username": "x" * 256}, {"username"}),
        ("TIKTOK", {"username": "x\x00"}, {"username"}),
        ("TIKTOK", {"username": "a\nb"}, {"username"}),
        ("TIKTOK", {"expiresAt": "2030-01-01T00:00:00"}, {"expiresAt"}),
        ("TIKTOK", {"expiresAt": "tomorrow"}, {"expiresAt"}),
        ("TIKTOK", {"expiresAt": 1893456000}, {"expiresAt"}),
        ("TIKTOK", {"expiresAt": "2020-01-01T00:00:00Z", "refreshToken": None}, {"expiresAt"}),
        ("TIKTOK", {"loginType": "facebook"}, {"loginType"}),
        ("TIKTOK", {"scopes": ["video.list"]}, {"scopes"}),
        ("TIKTOK", {"scopes": []}, {"scopes"}),
        ("TIKTOK", {"scopes": [1]}, {"scopes"}),
        ("TIKTOK", {"scopes": {"a": 1}}, {"scopes"}),
        ("TIKTOK", {"scopes": ["a"] * 101}, {"scopes"}),
        ("TIKTOK", {"scopes": ["a\x00", "video.publish"]}, {"scopes"}),
        ("TIKTOK", {"userId": "bob"}, {"userId"}),
        ("INSTAGRAM", {"loginType": ...}, {"loginType"}),
        ("INSTAGRAM", {"loginType": "google"}, {"loginType"}),
        ("INSTAGRAM", {"loginType": "instagram"}, {"scopes"}),
        ("INSTAGRAM", {"scopes": "instagram_basic"}, {"scopes"}),
        ("YOUTUBE", {"scopes": "https://www.googleapis.com/auth/youtube.readonly"}, {"scopes"}),
        (
            "YOUTUBE",
            {"accessToken": "", "loginType": "facebook", "scopes": ["x"], "expiresAt": "x"},
            {"accessToken", "loginType", "scopes", "expiresAt"},
        ),
    ],
)
def test_connect_refuses_bad_bodies(
    connect: Connect, platform: str, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = connect(platform, **changes)
    assert answer.status_code == 400
    assert set(answer.get_json()["errors"]) == fields


@pytest.mark.parametrize(
    ("platform", "changes"),
    [
        ("TIKTOK", {"scopes": "user.info.basic,video.publish"}),
        ("TIKTOK", {"scopes": ...}),
        ("TIKTOK", {"scopes": None}),
        ("TIKTOK", {"expiresAt": "2020-01-01T00:00:00Z"}),  # the refresh token will renew it
        ("TIKTOK", {"expiresAt": "2030-01-01T05:30:00.123456789+0530"}),
        ("INSTAGRAM", {"scopes": "instagram_content_publish instagram_basic pages_show_list"}),
        (
            "INSTAGRAM",
            {
                "loginType": "instagram",
                "scopes": ["instagram_business_basic", "instagram_business_content_publish"],
            },
        ),
        ("YOUTUBE", {"scopes": "openid https://www.googleapis.com/auth/youtube.force-ssl"}),
        ("YOUTUBE", {"scopes": ["youtube"]}),
    ],
)
def test_connect_takes_what_platforms_answer(
    connect: Connect, platform: str, changes: dict[str, Any]
) -> None:
    assert connect(platform, **changes).status_code == 201


@pytest.mark.parametrize("platform", ["tiktok", "VIMEO", "%00", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_there_are_three_platforms(client: FlaskClient, auth: Auth, platform: str) -> None:
    answer = client.put(f"/api/accounts/{platform}", json=body_for("TIKTOK"), headers=auth())
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_disconnect_wipes_the_tokens(
    app: Flask, client: FlaskClient, auth: Auth, connect: Connect
) -> None:
    account_id = connect().get_json()["id"]
    with app.app_context():
        account = db.session.get_one(Account, account_id)
        job_id = make_job(account=account).id
    answer = client.delete(f"/api/accounts/{account_id}", headers=auth())
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.get("/api/accounts", headers=auth()).get_json()["accounts"] == []
    assert client.delete(f"/api/accounts/{account_id}", headers=auth()).status_code == 404
    with app.app_context():
        row = db.session.get_one(Account, account_id)
        assert (row.access_token, row.refresh_token, row.scopes) == (None, None, [])
        assert row.deleted_at is not None
        assert db.session.get_one(PublishJob, job_id).state is JobState.WAITING
    back = connect()
    assert (back.status_code, back.get_json()["id"]) == (201, account_id)
    assert back.get_json()["state"] == "active"


def test_other_users_find_nothing(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        account_id = make_account().id
    unknown = client.delete("/api/accounts/01ARZ3NDEKTSV4RRFFQ69G5FAV", headers=auth("bob"))
    answer = client.delete(f"/api/accounts/{account_id}", headers=auth("bob"))
    assert answer.status_code == unknown.status_code == 404
    assert answer.get_json() == unknown.get_json()
    assert client.get("/api/accounts", headers=auth("bob")).get_json()["accounts"] == []
    assert len(client.get("/api/accounts", headers=auth()).get_json()["accounts"]) == 1


def test_list_by_platform_and_page(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        made = [make_account("YOUTUBE").id for _ in range(3)]
        make_account("TIKTOK")
    path = "/api/accounts?platform=YOUTUBE&limit=2"
    first = client.get(path, headers=auth()).get_json()
    rest = client.get(f"{path}&cursor={first['nextCursor']}", headers=auth()).get_json()
    seen = [account["id"] for account in first["accounts"] + rest["accounts"]]
    assert seen == sorted(made, reverse=True)
    assert rest["nextCursor"] is None
    assert client.get("/api/accounts?platform=VIMEO", headers=auth()).status_code == 400
