"""The outbox: signed, in order, retried with the same id, dead after three days."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient
from redis import Redis
from standardwebhooks import Webhook, WebhookVerificationError

from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.failures import Category, Failure
from app.ids import new_id
from app.models import Notification
from app.publishing import outcomes, steer
from app.publishing.claims import claim_next
from app.publishing.outbox import AT_RISK
from app.queues import current_redis
from app.states import NotificationState
from tests.factories import make_job
from workers.webhooks.delivery import UNRESPONSIVE_KEY, deliver

KEY = {"Authorization": "Bearer test-key"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """A back end that responds as configured, and records what it is sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Route(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.deliveries.append((headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Route)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A listening receiver."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


@pytest.fixture
def config(config: Config, receiver: Receiver) -> Config:
    """Settings with that receiver."""
    return replace(config, webhook_url=receiver.url, webhook_secrets=(SECRET,))


@pytest.fixture
def nobody(app: Flask) -> Iterator[None]:
    """A receiver's address at which nobody listens, nor can anybody else begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/hook"
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], webhook_url=url)
        yield


def fail_one() -> None:
    """Let a job fail."""
    make_job()
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None
    outcomes.fail(claim, Failure("file_format", Category.VIDEO, "the file is broken"), utcnow())


def stored() -> list[Notification]:
    """Read the outbox again."""
    rows = db.session.query(Notification).order_by(Notification.id).populate_existing().all()
    db.session.commit()
    return rows


def make_due(*, created: timedelta = timedelta()) -> None:
    """End the pause after a failed delivery."""
    for notification in db.session.query(Notification):
        notification.due_at = utcnow()
        notification.created_at -= created
        notification.give_up_at -= created
    db.session.commit()


@pytest.mark.usefixtures("context")
def test_delivery_verifies_and_says_what_happened(receiver: Receiver) -> None:
    fail_one()
    deliver()
    [(headers, body)] = receiver.deliveries
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "publish.failed"
    assert event["data"]["title"] == "Publishing Failed"
    assert event["data"]["message"] == "Failed to publish to TikTok: the file is broken"
    assert event["data"]["error"]["category"] == "video"
    assert [one.state for one in stored()] == [NotificationState.DELIVERED]
    deliver()
    assert len(receiver.deliveries) == 1


@pytest.mark.usefixtures("context")
def test_either_secret_verifies_while_it_changes(receiver: Receiver, config: Config) -> None:
    new = "whsec_" + b64encode(b"a key that is new to the receiver").decode()
    current_app.config["SETTINGS"] = replace(config, webhook_secrets=(new, SECRET))
    fail_one()
    deliver()
    [(headers, body)] = receiver.deliveries
    for secret in (SECRET, new):
        assert Webhook(secret).verify(body, headers)["type"] == "publish.failed"
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(b"a key of somebody else").decode()).verify(body, headers)


@pytest.mark.usefixtures("context")
def test_failed_delivery_is_repeated_with_the_same_id(receiver: Receiver) -> None:
    receiver.statuses = [500, 302]
    fail_one()
    for _ in range(3):
        deliver()
        make_due()
    ids = {headers["webhook-id"] for headers, _ in receiver.deliveries}
    assert len(receiver.deliveries) == 3 and len(ids) == 1
    [notification] = stored()
    assert notification.state is NotificationState.DELIVERED


@pytest.mark.usefixtures("context")
def test_pause_after_a_failure_grows(receiver: Receiver) -> None:
    receiver.statuses = [500, 500]
    fail_one()
    for pause in (timedelta(seconds=5), timedelta(seconds=15)):
        before = utcnow()
        deliver()
        assert before <= stored()[0].due_at - pause <= utcnow()
        make_due()


@pytest.mark.usefixtures("context")
def test_later_notification_of_a_subject_waits_for_the_earlier(receiver: Receiver) -> None:
    receiver.statuses = [500]
    fail_one()
    [first] = stored()
    columns = {"subject_id": first.subject_id, "user_id": "alice", "type": "t", "body": "{}"}
    db.session.add(Notification(**columns))
    db.session.commit()
    deliver()
    assert len(receiver.deliveries) == 1
    make_due()
    deliver()
    ids = [headers["webhook-id"] for headers, _ in receiver.deliveries]
    assert ids == [first.id, first.id, stored()[1].id]


@pytest.mark.usefixtures("context")
def test_warning_that_is_refused_holds_up_no_end(receiver: Receiver) -> None:
    receiver.statuses = [400]
    job = make_job()
    columns = {"subject_id": job.id, "user_id": "alice", "type": AT_RISK, "body": "{}"}
    db.session.add(Notification(**columns))
    db.session.commit()
    deliver()
    steer.cancel(job.id, utcnow())
    deliver()
    warning, end = stored()
    assert (warning.state, end.state) == (NotificationState.PENDING, NotificationState.DELIVERED)
    make_due()
    deliver()  # nobody wants to be warned any more
    assert ([one.id for one in stored()], len(receiver.deliveries)) == ([end.id], 2)


@pytest.mark.usefixtures("context")
def test_three_days_are_enough(receiver: Receiver) -> None:
    receiver.statuses = [500, 500]
    fail_one()
    deliver()
    make_due(created=timedelta(days=3, minutes=1))
    deliver()
    [notification] = stored()
    assert (notification.state, notification.last_error) == (NotificationState.DEAD, "http_500")
    deliver()
    assert len(receiver.deliveries) == 2


@pytest.mark.usefixtures("context")
def test_what_is_too_old_for_a_first_delivery_is_not_sent(
    receiver: Receiver, config: Config, client: FlaskClient
) -> None:
    """As when the receiver is set months later; the operator may still ask for them."""
    settings = current_app.config["SETTINGS"]
    current_app.config["SETTINGS"] = replace(config, webhook_url="")
    for _ in range(2):
        fail_one()
    make_due(created=timedelta(days=60))
    fail_one()
    deliver()
    assert {one.state for one in stored()} == {NotificationState.PENDING}
    current_app.config["SETTINGS"] = settings
    deliver()
    *old, new = stored()
    assert [headers["webhook-id"] for headers, _ in receiver.deliveries] == [new.id]
    assert {(one.state, one.last_error) for one in old} == {(NotificationState.DEAD, "too_old")}
    assert client.post("/api/notifications/redeliver", headers=KEY).json == {"redelivered": 2}
    deliver()
    assert {one.state for one in stored()} == {NotificationState.DELIVERED}


@pytest.mark.usefixtures("context")
def test_what_was_sent_before_is_sent_however_late(receiver: Receiver) -> None:
    """The receiver may have it: only an answer tells."""
    receiver.statuses = [500]
    fail_one()
    deliver()
    make_due(created=timedelta(days=60))
    deliver()
    assert len(receiver.deliveries) == 2
    assert [one.state for one in stored()] == [NotificationState.DELIVERED]


def all_notifications(client: FlaskClient, state: str) -> list[dict[str, Any]]:
    """Ask the API for the notifications in a state."""
    answer = client.get(f"/api/notifications?state={state}", headers=KEY)
    assert answer.status_code == 200, answer.json
    found: list[dict[str, Any]] = answer.json["notifications"]
    return found


@pytest.mark.usefixtures("context")
def test_dead_notifications_can_be_sent_again(receiver: Receiver, client: FlaskClient) -> None:
    """An operator whose receiver was away for days redelivers all that was given up."""
    receiver.statuses = [500, 500, 500, 500, 503]
    for _ in range(2):
        fail_one()
    deliver()
    make_due(created=timedelta(days=3, minutes=1))
    deliver()
    dead = all_notifications(client, "dead")
    assert [one["lastError"] for one in dead] == ["http_500"] * 2
    assert dead[0]["body"]["type"] == dead[0]["type"] == "publish.failed"
    answer = client.post("/api/notifications/redeliver", headers=KEY)
    assert (answer.status_code, answer.json) == (202, {"redelivered": 2})
    assert all_notifications(client, "dead") == []
    for _ in range(2):
        deliver()  # the first attempt fails, which does not end it: it has three days again
        make_due()
    assert len(all_notifications(client, "delivered")) == 2
    ids = [headers["webhook-id"] for headers, _ in receiver.deliveries]
    assert set(ids) == {one["id"] for one in dead}


@pytest.mark.usefixtures("context")
def test_one_notification_can_be_sent_again(receiver: Receiver, client: FlaskClient) -> None:
    fail_one()
    [notification] = stored()
    url = f"/api/notifications/{notification.id}/redeliver"
    assert client.post(url, headers=KEY).status_code == 409  # it is pending already
    deliver()
    answer = client.post(url, headers=KEY)
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    deliver()
    ids = [headers["webhook-id"] for headers, _ in receiver.deliveries]
    assert ids == [notification.id] * 2
    unknown = client.post(f"/api/notifications/{new_id()}/redeliver", headers=KEY)
    assert unknown.status_code == 404


@pytest.mark.usefixtures("context")
def test_notifications_are_for_service_keys(client: FlaskClient) -> None:
    """They concern every user."""
    claims = {"sub": "alice", "exp": utcnow() + timedelta(hours=1)}
    secret = client.application.config["SETTINGS"].jwt_secret
    token = jwt.encode(claims, secret, algorithm="HS256")
    claims["exp"] = utcnow() - timedelta(hours=1)
    late = jwt.encode(claims, secret, algorithm="HS256")
    known, over = f"Bearer {token}", f"Bearer {late}"
    for bearer, status in (("", 401), ("Bearer wrong", 401), (over, 401), (known, 403)):
        for method, path in (
            ("GET", ""),
            ("POST", "/redeliver"),
            ("POST", f"/{new_id()}/redeliver"),
        ):
            headers = {"Authorization": bearer}
            answer = client.open(f"/api/notifications{path}", method=method, headers=headers)
            assert answer.status_code == status


@pytest.mark.usefixtures("context")
def test_delivery_goes_on_without_redis(app: Flask, receiver: Receiver) -> None:
    """All that it needs is in the database."""
    fail_one()
    fail_one()
    app.extensions["redis"] = Redis.from_url("redis://127.0.0.1:9")
    deliver()
    assert [one.state for one in stored()] == [NotificationState.DELIVERED] * 2


@pytest.mark.usefixtures("context", "nobody")
def test_nobody_listening_loses_nothing() -> None:
    fail_one()
    deliver()
    [notification] = stored()
    assert notification.state is NotificationState.PENDING
    assert notification.last_error == "connection_lost"


@pytest.mark.usefixtures("context", "nobody")
def test_receiver_that_does_not_answer_holds_no_worker_up() -> None:
    """One attempt shows that nobody is there; each further one would wait in vain."""
    for _ in range(3):
        fail_one()
    for _ in range(2):
        deliver()
    assert sorted(notification.deliveries for notification in stored()) == [0, 0, 1]
    current_redis().delete(UNRESPONSIVE_KEY)
    deliver()
    assert sum(notification.deliveries for notification in stored()) == 2
