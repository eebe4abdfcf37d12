"""A repeated request with the same key creates one job."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask

from app.database.transaction import transaction
from app.models import IdempotencyKey, PublishJob
from tests.app.conftest import Caller, in_time


def jobs_of(app: Flask) -> int:
    with app.app_context(), transaction() as session:
        return session.query(PublishJob).count()


def test_same_key_and_body_answer_the_same_job(app: Flask, alice: Caller) -> None:
    body = alice.body(scheduledTime=in_time(hours=1))
    first = alice.post("", body, Idempotency_Key="a key")
    second = alice.post("", dict(reversed(body.items())), Idempotency_Key="a key")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]
    assert jobs_of(app) == 1


def test_key_stands_even_when_the_request_would_now_be_refused(
    app: Flask, alice: Caller, context: Flask
) -> None:
    body = alice.body(scheduledTime=in_time(hours=1))
    first = alice.post("", body, Idempotency_Key="k")
    alice.client.delete(f"/api/accounts/{alice.accounts['TIKTOK']}", headers=alice.headers)
    assert alice.post("", body).status_code == 400
    assert alice.post("", body, Idempotency_Key="k").json == first.json


def test_same_key_with_another_body_is_422(app: Flask, alice: Caller) -> None:
    alice.post("", alice.body(), Idempotency_Key="k")
    answer = alice.post("", alice.body(caption="Other words"), Idempotency_Key="k")
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    batch = alice.post("/batch", {"posts": [alice.body()]}, Idempotency_Key="k")
    assert batch.status_code == 422
    assert jobs_of(app) == 1


def test_refused_request_does_not_use_the_key_up(alice: Caller) -> None:
    assert alice.post("", alice.body(caption=1), Idempotency_Key="k").status_code == 400
    assert alice.post("", alice.body(), Idempotency_Key="k").status_code == 202


def test_keys_of_two_users_are_two_keys(app: Flask, alice: Caller, bob: Caller) -> None:
    first = alice.post("", alice.body(), Idempotency_Key="k").json
    second = bob.post("", bob.body(), Idempotency_Key="k").json
    assert first is not None and second is not None
    assert first["jobId"] != second["jobId"]
    assert jobs_of(app) == 2


def test_batch_is_made_once(app: Flask, alice: Caller) -> None:
    body = {"posts": [alice.body(), alice.body("YOUTUBE")], "intervalMinutes": 5}
    first = alice.post("/batch", body, Idempotency_Key="x" * 255)
    second = alice.post("/batch", body, Idempotency_Key="x" * 255)
    assert first.status_code == second.status_code == 202
    assert first.json == second.json
    assert jobs_of(app) == 2


def test_key_ends_after_a_day(app: Flask, alice: Caller, context: Flask) -> None:
    first = alice.post("", alice.body(), Idempotency_Key="k").json
    with transaction() as session:
        row = session.get_one(IdempotencyKey, ("alice", "k"))
        row.created_at -= timedelta(hours=24)
    other = alice.body(caption="Other words")
    second = alice.post("", other, Idempotency_Key="k").json
    assert first is not None and second is not None
    assert first["jobId"] != second["jobId"]
    again = alice.post("", other, Idempotency_Key="k").json
    assert again is not None and again["jobId"] == second["jobId"]


def test_requests_at_the_same_time_make_one_job(app: Flask, alice: Caller) -> None:
    body = json.dumps(alice.body())
    headers = {**alice.headers, "Idempotency-Key": "k", "Content-Type": "application/json"}

    def send(_: int) -> tuple[int, str]:
        answer = app.test_client().post("/api/publish", data=body, headers=headers)
        assert answer.json is not None
        return answer.status_code, answer.json["jobId"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(8)))
    assert len(answers) == 1
    assert answers.pop()[0] == 202
    assert jobs_of(app) == 1
