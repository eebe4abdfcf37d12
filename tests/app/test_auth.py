"""Authentication: service keys with a user, JWTs, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.auth import NOT_BEFORE_LEEWAY_SECONDS
from app.clock import utcnow
from app.config import Config

Maker = Callable[[Config], Flask]
LIST = "/api/publish"
SECRET = "a secret that only the tests share with themselves"
OTHER_SECRET = "another secret, as long as the first one is, of somebody else"


def claims(**changes: Any) -> dict[str, Any]:
    later = int((utcnow() + timedelta(minutes=5)).timestamp())
    named = {"sub": "alice", "exp": later, **changes}
    return {name: value for name, value in named.items() if value is not None}


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm=algorithm)


def unsigned_token() -> str:
    def part(fields: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}."


def bearer(credentials: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials}", **headers}


def past(seconds: float = 300) -> int:
    return int(utcnow().timestamp() - seconds)


REFUSED = {
    "nothing": lambda: {},
    "user without a key": lambda: {"X-User-Id": "alice"},
    "empty header": lambda: {"Authorization": "", "X-User-Id": "alice"},
    "scheme alone": lambda: {"Authorization": "Bearer", "X-User-Id": "alice"},
    "basic": lambda: {"Authorization": "Basic dGVzdC1rZXk6", "X-User-Id": "alice"},
    "wrong key": lambda: bearer("wrong-key", **{"X-User-Id": "alice"}),
    "part of the key": lambda: bearer("test-ke", **{"X-User-Id": "alice"}),
    "key in other letters": lambda: bearer("TEST-KEY", **{"X-User-Id": "alice"}),
    "key that is no ASCII": lambda: bearer("tést-key", **{"X-User-Id": "alice"}),
    "key without a user": lambda: bearer("test-key"),
    "empty user": lambda: bearer("test-key", **{"X-User-Id": ""}),
    "user with a slash": lambda: bearer("test-key", **{"X-User-Id": "a/b"}),
    "user that is too long": lambda: bearer("test-key", **{"X-User-Id": "a" * 129}),
    "user with an accent": lambda: bearer("test-key", **{"X-User-Id": "é"}),
    "token that has expired": lambda: bearer(token(exp=past())),
    "token that has just expired": lambda: bearer(token(exp=past(1))),
    "token without an end": lambda: bearer(token(exp=None)),
    "token without a user": lambda: bearer(token(sub=None)),
    "token of a user that cannot be": lambda: bearer(token(sub="a b")),
    "token of an empty user": lambda: bearer(token(sub="")),
    "token of another secret": lambda: bearer(token(OTHER_SECRET)),
    "token by another algorithm": lambda: bearer(token(SECRET + SECRET, "HS512")),
    "token by HS384": lambda: bearer(token(algorithm="HS384")),
    "token that is not signed": lambda: bearer(unsigned_token()),
    "token that is not valid yet": lambda: bearer(token(nbf=claims()["exp"])),
    "token without its signature": lambda: bearer(token().rsplit(".", 1)[0] + "."),
    "no token at all": lambda: bearer("a.b.c"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_call_is_refused(client: FlaskClient, case: str) -> None:
    answer = client.get(LIST, headers=REFUSED[case]())
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json is not None and answer.json["error"]


def test_refusal_of_a_user_says_where_its_id_came_from(client: FlaskClient) -> None:
    by_token = client.get(LIST, headers=bearer(token(sub="a b"), **{"X-User-Id": "alice"}))
    assert by_token.get_json()["error"].startswith("The token's sub names the user: 1 to 128")
    by_header = client.get(LIST, headers=bearer("test-key", **{"X-User-Id": "a b"}))
    assert by_header.get_json()["error"].startswith("X-User-Id names the user: 1 to 128")


@pytest.mark.parametrize(
    "headers",
    [
        bearer("test-key", **{"X-User-Id": "alice"}),
        {"Authorization": "bearer test-key", "X-User-Id": "A.b_c:d@e-f"},
        bearer("test-key", **{"X-User-Id": "a" * 128}),
    ],
)
def test_service_key_is_accepted(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get(LIST, headers=headers).status_code == 200


def test_token_is_accepted(client: FlaskClient) -> None:
    assert client.get(LIST, headers=bearer(token())).status_code == 200
    assert client.get(LIST, headers=bearer(token(aud="web", iss="next"))).status_code == 200


@pytest.mark.parametrize("seconds", [1, 4, 3600])
def test_token_of_a_clock_that_is_ahead_is_accepted(client: FlaskClient, seconds: int) -> None:
    issued_at = past(-seconds)
    assert client.get(LIST, headers=bearer(token(iat=issued_at))).status_code == 200
    if seconds < NOT_BEFORE_LEEWAY_SECONDS:
        headers = bearer(token(iat=issued_at, nbf=issued_at))
        assert client.get(LIST, headers=headers).status_code == 200


def test_token_names_the_user_whatever_the_header_says(client: FlaskClient, alice: Any) -> None:
    job_id = alice.publish()["jobId"]
    mine, others = bearer(token(), **{"X-User-Id": "bob"}), bearer(token(sub="bob"))
    assert client.get(f"{LIST}/{job_id}", headers=mine).status_code == 200
    assert client.get(f"{LIST}/{job_id}", headers=others).status_code == 404


def test_every_key_of_several_works(config: Config, another_app: Maker) -> None:
    app = another_app(replace(config, api_keys=("old-key", "new-key")))
    for key in ("old-key", "new-key"):
        answer = app.test_client().get(LIST, headers=bearer(key, **{"X-User-Id": "alice"}))
        assert answer.status_code == 200


def test_without_keys_and_secret_every_call_is_refused(config: Config, another_app: Maker) -> None:
    client = another_app(replace(config, api_keys=(), jwt_secret="")).test_client()
    for credentials in ("test-key", token(), "x"):
        headers = bearer(credentials, **{"X-User-Id": "alice"})
        assert client.get(LIST, headers=headers).status_code == 401


def test_description_is_open_to_all(app: Flask) -> None:
    client = app.test_client()
    for path in ("/api/openapi.json", "/api/docs/", "/api/docs/swagger-ui.css"):
        with client.get(path) as answer:
            assert answer.status_code == 200


def test_nothing_else_under_the_api_is_open(app: Flask) -> None:
    client = app.test_client()
    open_blueprints = ("api-docs", "swagger_ui")
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if not rule.rule.startswith("/api/") or hasattr(view, "is_open_to_all"):
            continue
        if rule.endpoint.partition(".")[0] in open_blueprints:
            continue
        path = rule.rule.replace("<string:", "<").replace("<path:", "<")
        path = "/".join("x" if part.startswith("<") else part for part in path.split("/"))
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(path, method=method)
            assert answer.status_code == 401, (method, path)
