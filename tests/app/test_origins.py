"""CORS: preflight requests, then calls with a token or a signed link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.config import Config

SOME_ID = "01M857G6RK4GB7XFVPFZ7G88S9"
PAGE = {"Origin": "https://app.example"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/publish"),
        ("POST", "/api/publish"),
        ("PATCH", f"/api/publish/{SOME_ID}"),
        ("DELETE", f"/api/accounts/{SOME_ID}"),
        ("PUT", "/api/videos/uploads/some.link"),
    ],
)
def test_browsers_may_ask_without_a_token(client: FlaskClient, method: str, path: str) -> None:
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = client.options(path, headers={**PAGE, **asked})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)
    assert answer.data == b""


def test_browsers_may_read_answers_and_refusals(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    for headers, status in ((auth("alice"), 200), ({}, 401)):
        answer = client.get("/api/publish", headers={**PAGE, **headers})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        # No cookie is ever to be sent along.
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/admin/queues/", "/readyz", "/nowhere"])
def test_nothing_else_is_for_pages_of_others(client: FlaskClient, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in client.get(path, headers=PAGE).headers


def test_named_origins_alone_may_read(
    config: Config, another_app: Callable[[Config], Flask], auth: Callable[..., dict[str, str]]
) -> None:
    app = another_app(replace(config, cors_origins=("https://app.example",)))
    for origin, allowed in (
        ("https://app.example", "https://app.example"),
        ("https://APP.example", "https://APP.example"),
        ("https://evil.example", None),
        ("https://app.example.evil.example", None),
        ("null", None),
    ):
        for call in (app.test_client().get, app.test_client().options):
            answer = call("/api/publish", headers={**auth("alice"), "Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed, origin
            assert "Origin" in answer.headers["Vary"]  # else a cache gives one page another's
