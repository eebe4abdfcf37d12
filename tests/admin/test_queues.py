"""rq-dashboard under `/admin/queues`: access, and what it may do."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq import Worker

from app import create_app
from app.admin.queues import CHANGING_VIEWS
from app.admin.shown_runs import UNREADABLE
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.queues import Run, RunQueue, Wake, wake
from tests.admin.conftest import SAME_ORIGIN, basic

QUEUE = "publish-tiktok"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database only: nothing here asks it."""
    return f"sqlite:///{tmp_path}/unused.db"


@pytest.fixture
def closed(config: Config) -> Iterator[FlaskClient]:
    """The application of somebody who set no operator."""
    app = create_app(replace(config, admin_username="", admin_password=""))
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def run_ids(client: FlaskClient, registry: str) -> list[str]:
    path = f"/admin/queues/0/data/jobs/{QUEUE}/{registry}/8/asc/1.json"
    answer = client.get(path, headers=basic())
    assert answer.status_code == 200, answer.data
    return [run["id"] for run in answer.get_json()["jobs"]]


def add_run(app: Flask, number: int = 1, **later: float) -> str:
    """Queue a run as the API does, or delay it."""
    job_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    with app.app_context():
        assert wake([Wake(job_id, "TIKTOK", utcnow() + timedelta(**later), number)])
    return f"{job_id}-{number}"


def add_failed_run(
    app: Flask, redis: Redis, number: int = 1, why: str = "Traceback: it was a bug"
) -> str:
    run_id = add_run(app, number)
    queue = RunQueue(QUEUE, redis)
    run = Run.fetch(run_id, connection=redis)
    queue.remove(run)
    with redis.pipeline() as pipeline:
        run.keep_as_failed(pipeline, why, "")
        pipeline.execute()
    return run_id


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/queues", "/admin/queues/", "/admin/x", "/admin/queues/x"]
)
def test_without_an_operator_there_is_no_such_path(closed: FlaskClient, path: str) -> None:
    unknown = closed.get("/nothing")
    for headers in ({}, basic(), basic("", "")):
        for call in (closed.get, closed.post):
            answer = call(path, headers=headers)
            assert (answer.status_code, answer.get_json()) == (404, unknown.get_json())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("operator", "wrong"),
        basic("wrong"),
        basic("", ""),
        basic("operator", ""),
        {"Authorization": "Basic x"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer test-key"},
        {"Authorization": "Digest username=operator"},
    ],
)
def test_strangers_stay_out(client: FlaskClient, headers: dict[str, str]) -> None:
    for path in ("/admin", "/admin/nothing", "/admin/queues/", "/admin/queues/static/css/main.css"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_operator_sees_the_pages(client: FlaskClient) -> None:
    for path in (
        "/admin/queues/",
        "/admin/queues/0/view/workers",
        "/admin/queues/0/view/jobs",
        "/admin/queues/static/css/main.css",
    ):
        with client.get(path, headers=basic()) as answer:
            assert answer.status_code == 200, path
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "redis-" not in answer.get_data(as_text=True)  # nor any other address


def test_delayed_runs_are_shown(client: FlaskClient, app: Flask, redis: Redis) -> None:
    run_id = add_run(app, minutes=5)
    assert run_ids(client, "scheduled") == [run_id]
    redis.sadd(RunQueue.redis_queues_keys, RunQueue(QUEUE, redis).key)
    answer = client.get("/admin/queues/0/data/queues.json", headers=basic())
    (queue,) = answer.get_json()["queues"]
    assert (queue["name"], queue["scheduled_job_registry_count"]) == (QUEUE, 1)


def test_a_run_is_shown(client: FlaskClient, app: Flask) -> None:
    run_id = add_run(app)
    assert run_ids(client, "queued") == [run_id]
    page = client.get(f"/admin/queues/0/view/job/{run_id}", headers=basic())
    assert page.status_code == 200
    shown = client.get(f"/admin/queues/0/data/job/{run_id}.json", headers=basic()).get_json()
    assert shown["description"] == "TIKTOK post 01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert shown["status"] == "queued"


def test_a_worker_at_work_is_shown(client: FlaskClient, app: Flask, redis: Redis) -> None:
    run_id = add_run(app)
    worker = Worker([RunQueue(QUEUE, redis)], connection=redis, job_class=Run)
    worker.register_birth()
    run = Run.fetch(run_id, connection=redis)
    worker.prepare_execution(run)
    answer = client.get("/admin/queues/0/data/workers.json", headers=basic())
    assert answer.status_code == 200
    (shown,) = answer.get_json()["workers"]
    assert shown["queues"] == [QUEUE]
    assert shown["current_job"]["job_id"] == run_id
    assert shown["current_job"]["call_string"].startswith(
        "workers.publishing.pipeline.advance('TIKTOK'"
    )


def test_failed_runs_may_be_queued_again(client: FlaskClient, app: Flask, redis: Redis) -> None:
    first, second = add_failed_run(app, redis, 1), add_failed_run(app, redis, 2)
    assert run_ids(client, "failed") == [first, second]
    headers = {**basic(), **SAME_ORIGIN}
    assert client.post(f"/admin/queues/job/{first}/requeue", headers=headers).status_code == 200
    assert run_ids(client, "queued") == [first]
    assert client.post(f"/admin/queues/requeue/{QUEUE}", headers=headers).status_code == 200
    assert run_ids(client, "queued") == [first, second]
    # What they carry is still JSON, and still right.
    run = Run.fetch(second, connection=redis)
    assert list(run.args) == ["TIKTOK", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]
    data = redis.hget(Run.key_for(second), "data")
    assert b"\x80" not in (data or b"")[:2]


def test_runs_may_be_dropped(client: FlaskClient, app: Flask, redis: Redis) -> None:
    queued, delayed = add_run(app, 1), add_run(app, 2, minutes=5)
    failed = add_failed_run(app, redis, 3)
    headers = {**basic(), **SAME_ORIGIN}
    for path in (
        f"job/{queued}/delete",
        f"queue/{QUEUE}/scheduled/empty",
        f"queue/{QUEUE}/failed/empty",
        f"queue/{QUEUE}/compact",
    ):
        assert client.post(f"/admin/queues/{path}", headers=headers).status_code == 200
    for registry in ("queued", "scheduled", "failed"):
        assert run_ids(client, registry) == []
    assert not any(Run.exists(one, connection=redis) for one in (queued, delayed, failed))


def changing_paths(run_id: str = "01ARZ3NDEKTSV4RRFFQ69G5FAV-1") -> dict[str, str]:
    return {
        "delete_job_view": f"/admin/queues/job/{run_id}/delete",
        "requeue_job_view": f"/admin/queues/job/{run_id}/requeue",
        "requeue_all": f"/admin/queues/requeue/{QUEUE}",
        "empty_queue": f"/admin/queues/queue/{QUEUE}/queued/empty",
        "compact_queue": f"/admin/queues/queue/{QUEUE}/compact",
    }


def test_nothing_changes_on_a_get(client: FlaskClient, app: Flask, redis: Redis) -> None:
    run_id = add_failed_run(app, redis)
    add_run(app, 2)
    before = {key: redis.dump(key) for key in redis.keys()}
    for path in changing_paths(run_id).values():
        for method in ("GET", "HEAD"):
            answer = client.open(path, method=method, headers={**basic(), **SAME_ORIGIN})
            assert answer.status_code == 405, (method, path)
            assert "POST" in answer.headers["Allow"]
    assert {key: redis.dump(key) for key in redis.keys()} == before


def test_every_view_of_the_dashboard_is_known(app: Flask) -> None:
    """A new version that brings another view that changes something shall be looked at."""
    assert set(changing_paths()) == set(CHANGING_VIEWS)
    views = {
        rule.endpoint.rpartition(".")[2]: rule.methods or set()
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("rq_dashboard.")
    }
    reading = {
        "static",
        "favicon",
        "queues_overview",
        "workers_overview",
        "jobs_overview",
        "job_view",
        "list_queues",
        "list_jobs",
        "job_info",
        "list_workers",
    }
    assert set(views) == reading | set(CHANGING_VIEWS)
    assert not any("POST" in views[view] for view in reading)


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "http://[bad"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://localhost"}, True),
        ({"Origin": "http://127.0.0.1:8000"}, True),
        (SAME_ORIGIN, True),
    ],
)
def test_only_our_own_pages_may_change_something(
    client: FlaskClient, app: Flask, headers: dict[str, str], may: bool
) -> None:
    run_id = add_run(app)
    path = changing_paths(run_id)["delete_job_view"]
    answer = client.post(path, headers={**basic(), **headers})
    assert answer.status_code == (200 if may else 403)
    assert run_ids(client, "queued") == ([] if may else [run_id])


@pytest.mark.parametrize(
    "path",
    [
        "1/view/queues",
        "99999999999/view/queues",
        "0/view/job/nothing",
        "0/data/job/nothing.json",
        "0/view/job/not an id",
        f"0/data/jobs/{QUEUE}/nothing/8/asc/1.json",
        f"0/data/jobs/{QUEUE}/queued/8/sideways/1.json",
        f"0/data/jobs/{QUEUE}/queued/x/asc/1.json",
        f"0/data/jobs/{QUEUE}/queued/0/asc/1.json",
        f"0/data/jobs/{QUEUE}/queued/8/asc/-1.json",
        f"0/data/jobs/{QUEUE}/queued/999999999999999999999/asc/1.json",
        f"0/view/jobs/{QUEUE}/nothing/8/asc/1",
        "nothing",
    ],
)
def test_what_is_not_there_is_a_404(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/admin/queues/{path}", headers=basic())
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_a_run_that_has_not_failed_is_not_queued_again(client: FlaskClient, app: Flask) -> None:
    path = changing_paths(add_run(app))["requeue_job_view"]
    answer = client.post(path, headers={**basic(), **SAME_ORIGIN})
    assert answer.status_code == 409


class Trap:
    """Makes a folder if it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._proof),)


@pytest.mark.parametrize("field", ["data", "meta", "result", "description", "return_value"])
def test_nothing_in_redis_is_unpickled(
    client: FlaskClient, app: Flask, redis: Redis, tmp_path: Path, field: str
) -> None:
    proof = tmp_path / "proof"
    pickled = pickle.dumps(Trap(proof))
    run_id = add_failed_run(app, redis)
    if field == "return_value":
        entry = {"type": "1", field: base64.b64encode(pickled)}
        redis.xadd(f"rq:results:{run_id}", entry)  # type: ignore[arg-type]
    else:
        redis.hset(Run.key_for(run_id), field, pickled)  # type: ignore[arg-type]
    Worker([RunQueue(QUEUE, redis)], connection=redis, job_class=Run).register_birth()
    reading = (
        f"0/view/job/{run_id}",
        f"0/data/job/{run_id}.json",
        f"0/data/jobs/{QUEUE}/failed/8/asc/1.json",
        f"0/view/jobs/{QUEUE}/failed/8/asc/1",
        "0/data/workers.json",
        "0/view/workers",
    )
    answers = [client.get(f"/admin/queues/{path}", headers=basic()) for path in reading]
    # What is no run at all is not found.
    shown = 404 if field == "description" else 200
    assert [one.status_code for one in answers] == [shown, shown, 200, 200, 200, 200]
    if field in ("meta", "return_value"):
        assert UNREADABLE in answers[1].text
    changing = changing_paths(run_id)
    changing["empty_queue"] = f"/admin/queues/queue/{QUEUE}/failed/empty"
    for view in ("requeue_job_view", "requeue_all", "delete_job_view", "empty_queue"):
        answer = client.post(changing[view], headers={**basic(), **SAME_ORIGIN})
        assert answer.status_code < 500, view
    assert not proof.exists()


def test_a_worker_at_work_on_what_is_unreadable_is_shown(
    client: FlaskClient, app: Flask, redis: Redis
) -> None:
    run_id = add_run(app)
    worker = Worker([RunQueue(QUEUE, redis)], connection=redis, job_class=Run)
    worker.register_birth()
    worker.prepare_execution(Run.fetch(run_id, connection=redis))
    redis.hset(Run.key_for(run_id), "data", "[1]")
    answer = client.get("/admin/queues/0/data/workers.json", headers=basic())
    (shown,) = answer.get_json()["workers"]
    assert shown["current_job"]["call_string"] == UNREADABLE


def test_looking_at_a_queue_takes_nothing_off_it(client: FlaskClient, redis: Redis) -> None:
    """Not even what is no run: RQ would."""
    redis.rpush(RunQueue(QUEUE, redis).key, "gone", "not an id")
    assert run_ids(client, "queued") == []
    assert redis.llen(RunQueue(QUEUE, redis).key) == 2


PAGES = ("view/queues", "view/workers", f"view/jobs/{QUEUE}/failed/8/asc/1", "view/job/%s")


@pytest.mark.parametrize("page", PAGES)
def test_pages_put_nothing_from_redis_into_html_as_it_is(
    client: FlaskClient, app: Flask, redis: Redis, page: str
) -> None:
    run_id = add_failed_run(app, redis)
    path = f"/admin/queues/0/{page.replace('%s', run_id)}"
    answers = [client.get(path, headers=basic(), follow_redirects=True) for _ in range(2)]
    nonces = []
    for answer in answers:
        assert "<%=" not in answer.text and ".html() %>" not in answer.text
        policy = dict(
            part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
        )
        nonce = re.findall(r'<script nonce="([^"]{20,})"', answer.text)
        assert len(nonce) == len(re.findall(r"<script(?! src| name)", answer.text)) == 1
        # Its templates are compiled in the browser, which needs `eval`.
        assert policy["script-src"] == f"'self' 'nonce-{nonce[0]}' 'unsafe-eval'"
        assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
        nonces += nonce
    assert nonces[0] != nonces[1]


def test_name_of_a_queue_is_no_script(client: FlaskClient) -> None:
    answer = client.get("/admin/queues/0/view/jobs/');alert(1)('/queued/8/asc/1", headers=basic())
    assert answer.status_code == 200
    assert "');alert(1)('" not in answer.text


def test_whatever_the_dashboard_answers_has_a_policy(client: FlaskClient) -> None:
    for path in ("static/css/main.css", "0/data/queues.json", "0/view/job/nothing"):
        with client.get(f"/admin/queues/{path}", headers=basic()) as answer:
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"], path


def test_without_redis_it_says_so(config: Config) -> None:
    app = create_app(replace(config, redis_url="redis://127.0.0.1:9"))
    answer: Any = app.test_client().get("/admin/queues/0/data/queues.json", headers=basic())
    assert answer.status_code == 503
    assert json.loads(answer.data)["error"].startswith("Redis does not respond")
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()
