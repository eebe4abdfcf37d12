"""Fixtures for the operator's pages: an operator, and a way to press buttons."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Notification
from app.publishing import outcomes
from app.publishing.claims import claim_next
from app.states import NotificationState
from tests.factories import make_job

USERNAME, PASSWORD = "operator", "open sesame: ü"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def basic(username: str = USERNAME, password: str = PASSWORD) -> dict[str, str]:
    """Return the header that signs an operator in."""
    credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


@dataclass
class Operator:
    """Looks at pages, and presses buttons as a browser does: with the token and its cookie."""

    client: FlaskClient

    def get(self, path: str = "", **options: str) -> TestResponse:
        """Open a page under `/admin`."""
        query = f"?{urlencode(options)}" if options else ""
        return self.client.get(f"/admin{path}{query}", headers=basic())

    def page(self, path: str = "", **options: str) -> str:
        """Return the text of a page that must be there."""
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.text

    def press(self, path: str, **fields: str) -> TestResponse:
        """Send a form of ours; the answer is that of the page it leads to."""
        [token, *_] = _TOKEN.findall(self.page())
        return self.client.post(
            f"/admin{path}",
            data={"csrf_token": token, **fields},
            headers={**basic(), **SAME_ORIGIN},
            follow_redirects=True,
        )


def fail(platform: str = "TIKTOK", category: str = "ambiguous", **fields: Any) -> str:
    """Let a post fail; return its job's id."""
    now = utcnow()
    job = make_job(platform, due_at=now, **fields)
    claim = claim_next(platform, now)
    assert claim is not None and claim.job_id == job.id
    outcomes.fail(
        claim, Failure("no_answer", Category(category), "The answer was lost", "Look"), now
    )
    return job.id


def dead_notification() -> Notification:
    """Give up a notification of a job that failed."""
    job_id = fail()
    with transaction() as session:
        found = session.query(Notification).filter_by(subject_id=job_id).one()
        found.state, found.last_error = NotificationState.DEAD, "HTTP 502"
    return found


@pytest.fixture
def config(config: Config) -> Config:
    """Settings with an operator."""
    return replace(config, admin_username=USERNAME, admin_password=PASSWORD)


@pytest.fixture
def operator(client: FlaskClient) -> Operator:
    """The operator at a browser."""
    return Operator(client)


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """An application context for a test that looks into the database by itself."""
    with app.app_context():
        yield app
