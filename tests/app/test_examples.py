"""Every example request of the OpenAPI document is accepted, apart from its ids as written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.config import Config
from app.platforms import PLATFORMS
from app.schemas.examples import VIDEO_ID
from tests.admin.conftest import fail
from tests.app.clips import clip_bytes
from tests.app.conftest import Caller
from tests.app.test_openapi import operations
from tests.databases import ON_SQLITE
from tests.factories import make_job

pytestmark = ON_SQLITE
#: Every call with a body, and the names of its examples.
PER_PLATFORM = set(PLATFORMS)
EXAMPLES = {
    "POST /api/publish": PER_PLATFORM | {"scheduled"},
    "POST /api/publish/validate": PER_PLATFORM | {"scheduled"},
    "POST /api/publish/batch": {"everywhere", "staggered"},
    "PATCH /api/publish/{jobId}": {"words", "later", "now"},
    "POST /api/publish/{jobId}/resolve": {"live", "notLive"},
    "PUT /api/accounts/{platform}": {
        "TIKTOK",
        "INSTAGRAM_FACEBOOK",
        "INSTAGRAM_INSTAGRAM",
        "YOUTUBE",
    },
    "POST /api/videos": {"film"},
    "POST /api/videos/uploads": {"film"},
}


def described_examples(client: FlaskClient) -> dict[str, dict[str, Any]]:
    """Return the bodies to try by call and by name."""
    document = client.get("/api/openapi.json").json
    assert document is not None
    return {
        f"{method.upper()} {path}": {
            name: example["value"]
            for name, example in operation["requestBody"]["content"]["application/json"]
            .get("examples", {})
            .items()
        }
        for path, method, operation in operations(document)
        if "requestBody" in operation
    }


def real_path(path: str, example: str, has_unknown_outcome: bool) -> str:
    """Fill in the platform that an example is for, or a job to which the call can be made."""
    path = path.replace("{platform}", example.partition("_")[0])
    if "{jobId}" not in path:
        return path
    if has_unknown_outcome:
        return path.replace("{jobId}", fail())
    return path.replace("{jobId}", make_job("YOUTUBE", due_at=utcnow() + timedelta(hours=1)).id)


def test_every_call_with_a_body_has_examples(client: FlaskClient) -> None:
    found = {call: set(bodies) for call, bodies in described_examples(client).items()}
    assert found == EXAMPLES


@pytest.mark.parametrize("call", EXAMPLES)
def test_examples_are_taken(
    app: Flask,
    client: FlaskClient,
    auth: Callable[..., dict[str, str]],
    alice: Caller,
    config: Config,
    call: str,
) -> None:
    method, _, path = call.partition(" ")
    if path == "/api/videos":
        registered: Path = config.video_dir / "alice" / "film.mp4"
        registered.parent.mkdir(parents=True)
        registered.write_bytes(clip_bytes())
    for name, body in described_examples(client)[call].items():
        text = json.dumps(body).replace(VIDEO_ID, alice.video_id)
        with app.app_context():
            url = real_path(path, name, has_unknown_outcome=path.endswith("/resolve"))
        answer = client.open(
            url, method=method, data=text, content_type="application/json", headers=auth("alice")
        )
        assert 200 <= answer.status_code < 300, (call, name, answer.json)
        if path.endswith("/validate"):
            assert answer.json is not None and answer.json["valid"], answer.json
