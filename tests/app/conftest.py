"""What the tests of the API share: a user with everything needed to publish, and requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.clock import to_iso, utcnow
from app.config import Config
from app.extensions import db
from tests.factories import make_account, make_video

Json = dict[str, Any]


@dataclass
class Caller:
    """A user who calls the API with a service key."""

    client: FlaskClient
    headers: dict[str, str]
    user: str = "alice"
    accounts: dict[str, str] = field(default_factory=dict)
    video_id: str = ""

    def body(self, platform: str = "TIKTOK", /, **changes: Any) -> Json:
        """Return a body that is right, but for the changes; `...` leaves a field out."""
        body = {"videoId": self.video_id, "platform": platform, "caption": "Hello", **changes}
        return {name: value for name, value in body.items() if value is not ...}

    def post(self, path: str = "", body: Any = ..., **headers: str) -> TestResponse:
        """Send a JSON body, or none at all, to a route under `/api/publish`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent: Json = {}
        if body is not ...:
            sent = {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.post(f"/api/publish{path}", headers={**self.headers, **named}, **sent)

    def patch(self, job_id: str, body: Any) -> TestResponse:
        """Change a job."""
        return self.client.patch(f"/api/publish/{job_id}", json=body, headers=self.headers)

    def get(self, path: str = "") -> TestResponse:
        """Read a route under `/api/publish`."""
        return self.client.get(f"/api/publish{path}", headers=self.headers)

    def publish(self, platform: str = "TIKTOK", **changes: Any) -> Json:
        """Publish, and return the answer's JSON; it must be accepted."""
        answer = self.post("", self.body(platform, **changes))
        assert answer.status_code == 202, answer.json
        assert isinstance(answer.json, dict)
        return answer.json


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """An application context for a test that looks into the database by itself."""
    with app.app_context():
        yield app


@pytest.fixture
def another_app() -> Iterator[Callable[[Config], Flask]]:
    """Return a function that makes an application on other settings, closed after the test."""
    made: list[Flask] = []

    def make(config: Config) -> Flask:
        made.append(create_app(config))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        app.extensions["redis"].close()


@pytest.fixture
def alice(app: Flask, client: FlaskClient, auth: Callable[..., dict[str, str]]) -> Caller:
    """A user with one account on each platform and one video that fits all of them."""
    return make_caller(app, client, auth("alice"), "alice")


@pytest.fixture
def bob(app: Flask, client: FlaskClient, auth: Callable[..., dict[str, str]]) -> Caller:
    """Another such user."""
    return make_caller(app, client, auth("bob"), "bob")


def make_caller(app: Flask, client: FlaskClient, headers: dict[str, str], user: str) -> Caller:
    """Store a user's accounts and video."""
    caller = Caller(client, headers, user)
    with app.app_context():
        for platform in ("TIKTOK", "INSTAGRAM", "YOUTUBE"):
            caller.accounts[platform] = make_account(platform, user).id
        caller.video_id = make_video(user).id
    return caller


def in_time(**span: float) -> str:
    """Return a time from now, as text."""
    return to_iso(utcnow() + timedelta(**span))


def moment(text: str) -> datetime:
    """Read a time of an answer."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
