"""The OpenAPI document describes every kind of webhook event as it is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Account, Notification, PublishedPost, PublishJob
from app.publishing import outbox
from tests.factories import make_job
from workers.doctor import checks

FAILURE = Failure("spam_risk", Category.REQUEST, "TikTok refuses the post", "Wait a day.")
NOW = utcnow()


def tell_completed(session: Session, job: PublishJob, account: Account) -> None:
    post = PublishedPost(platform_post_id=None, url="https://www.tiktok.com/@alice/video/1")
    outbox.notify_completed(session, job, post, ["No cover"], NOW)


TELLERS: dict[str, Callable[[Session, PublishJob, Account], None]] = {
    "publish.completed": tell_completed,
    "publish.failed": lambda session, job, account: outbox.notify_failed(
        session, job, FAILURE, NOW
    ),
    "publish.cancelled": lambda session, job, account: outbox.notify_cancelled(session, job, NOW),
    "publish.at_risk": lambda session, job, account: outbox.notify_at_risk(
        session, job, FAILURE, NOW
    ),
    "account.reconnect_required": lambda session, job, account: outbox.notify_reconnect(
        session, account, FAILURE, NOW
    ),
}


def described_event(app: Flask, webhook: str = "event") -> dict[str, Any]:
    """Return the JSON schema of the webhook's body; its references lead into the description."""
    described: dict[str, Any] = app.test_client().get("/api/openapi.json").json or {}
    operation = described["webhooks"][webhook]["post"]
    body: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
    return {**body, "components": described["components"]}


def stored_event(app: Flask, kind: str) -> Any:
    """Store an event of a type, and return its body."""
    with app.app_context():
        job = make_job(scheduled_time=NOW, due_at=NOW)
        with transaction() as session:
            account = session.get_one(Account, job.account_id)
            TELLERS[kind](session, session.get_one(PublishJob, job.id), account)
        with transaction() as session:
            return json.loads(session.query(Notification).filter_by(type=kind).one().body)


@pytest.mark.parametrize("kind", TELLERS)
def test_event_is_as_described(app: Flask, kind: str) -> None:
    body = stored_event(app, kind)
    assert body["type"] == kind
    Draft202012Validator(described_event(app)).validate(body)


def schemas_by_type(app: Flask) -> dict[str, dict[str, Any]]:
    """Return the schema of each type of event, found by its constant `type`."""
    schemas = described_event(app)["components"]["schemas"]
    found = {}
    for reference in schemas["Event"]["oneOf"]:
        schema = schemas[reference["$ref"].rpartition("/")[2]]
        (kind,) = schema["properties"]["type"]["enum"]
        found[kind] = schema
    return found


def test_description_knows_no_other_event(app: Flask) -> None:
    assert sorted(schemas_by_type(app)) == sorted(TELLERS)


def test_type_tells_what_the_data_contains(app: Flask) -> None:
    """Who has looked at `type` need not look for null or undefined."""
    components = described_event(app)["components"]["schemas"]
    data = {
        kind: components[schema["properties"]["data"]["$ref"].rpartition("/")[2]]
        for kind, schema in schemas_by_type(app).items()
    }
    error = {"$ref": "#/components/schemas/EventError"}
    for kind in ("publish.failed", "publish.at_risk", "account.reconnect_required"):
        assert data[kind]["properties"]["error"] == error, kind
    for kind in ("publish.completed", "publish.cancelled"):
        assert data[kind]["properties"]["error"] == {"type": "null"}, kind
    for kind, each in data.items():
        assert sorted(each["required"]) == sorted(each["properties"]), kind
        assert ("scheduledTime" in each["properties"]) is (kind == "publish.at_risk")
        assert ("warnings" in each["properties"]) is (kind == "publish.completed")


def test_event_has_nothing_beyond_its_description(app: Flask) -> None:
    components = described_event(app)["components"]["schemas"]
    for kind, schema in schemas_by_type(app).items():
        data = components[schema["properties"]["data"]["$ref"].rpartition("/")[2]]
        assert set(stored_event(app, kind)["data"]) == set(data["properties"]), kind


def test_stored_notification_contains_the_event_as_described(app: Flask) -> None:
    schemas = described_event(app)["components"]["schemas"]
    body = schemas["Notification"]["properties"]["body"]
    assert body["oneOf"] == schemas["Event"]["oneOf"]
    assert schemas["Notification"]["properties"]["type"]["enum"] == list(TELLERS)


def test_ping_of_the_doctor_is_described(
    app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def send(_: Config, webhook_id: str, body: str) -> int:
        sent.append(body)
        return 204

    monkeypatch.setattr(checks, "send_webhook", send)
    receiver = replace(config, webhook_url="https://receiver.example/")
    assert checks.check_webhook(receiver).is_good
    described = described_event(app, "ping")
    Draft202012Validator(described).validate(json.loads(sent[0]))
    schema = described["components"]["schemas"]["PingEvent"]["properties"]
    assert (schema["type"]["enum"], schema["data"]["additionalProperties"]) == (
        ["doctor.ping"],
        False,
    )
