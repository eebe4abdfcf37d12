"""Whether the service says how it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq import Worker

from app import create_app
from app.config import Config
from app.extensions import db
from app.queues import PUBLISH_QUEUES, Run, RunQueue
from app.queues.scheduler import LEADER_KEY


@pytest.fixture
def nothing_there(config: Config) -> Iterator[Flask]:
    """The application without a database and without Redis."""
    lost = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    app = create_app(replace(config, database_url=lost, redis_url="redis://127.0.0.1:9"))
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def register_worker(connection: Redis, *queues: str) -> Worker:
    names = [RunQueue(queue, connection) for queue in queues]
    worker = Worker(names, connection=connection, job_class=Run, queue_class=RunQueue)
    worker.register_birth()
    return worker


def lines(client: FlaskClient) -> tuple[int, dict[str, bool]]:
    answer = client.get("/readyz")
    checks = answer.get_json()["checks"]
    assert all(check["detail"] for check in checks)
    return answer.status_code, {check["name"]: check["ok"] for check in checks}


def test_healthz_asks_nobody(nothing_there: Flask) -> None:
    answer = nothing_there.test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_readyz_names_every_part(client: FlaskClient, redis: Redis) -> None:
    assert lines(client) == (
        503,
        {
            "database": True,
            "redis": True,
            "worker TIKTOK": False,
            "worker INSTAGRAM": False,
            "worker YOUTUBE": False,
            "scheduler": False,
        },
    )
    workers = [register_worker(redis, queue) for queue in PUBLISH_QUEUES.values()]
    assert lines(client)[0] == 503
    redis.set(LEADER_KEY, "token", px=9000)
    status, checks = lines(client)
    assert status == 200
    assert all(checks.values())
    # A worker that was killed stays in the sets, and its own key expires.
    redis.delete(workers[0].key)
    status, checks = lines(client)
    assert status == 503
    assert [name for name, ok in checks.items() if not ok] == ["worker TIKTOK"]


def test_one_worker_may_serve_all(client: FlaskClient, redis: Redis) -> None:
    register_worker(redis, *PUBLISH_QUEUES.values())
    redis.set(LEADER_KEY, "token")
    assert lines(client)[0] == 200


def test_readyz_without_anything(nothing_there: Flask) -> None:
    answer = nothing_there.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert "Retry-After" in answer.headers
    body = answer.get_json()
    assert [check["ok"] for check in body["checks"]] == [False] * 6
    assert "database: does not answer" in body["error"]
    assert "nobody" not in answer.get_data(as_text=True)
