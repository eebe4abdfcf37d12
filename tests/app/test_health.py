"""The health checks of the process and of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from app import create_app
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.ids import new_id
from app.models import WorkerProcess
from app.platforms import PLATFORMS
from app.queries.processes import ALIVE_FOR
from workers.scheduling.leadership import Leadership


@pytest.fixture
def nothing_there(config: Config) -> Iterator[Flask]:
    """The application without a database and without Redis."""
    lost = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    app = create_app(replace(config, database_url=lost, redis_url="redis://127.0.0.1:9"))
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def show_worker(platforms: str, seen_at: datetime | None = None) -> str:
    tree = WorkerProcess(
        id=new_id(),
        host="here",
        platforms=platforms,
        concurrency=5,
        started_at=utcnow(),
        seen_at=seen_at or utcnow(),
    )
    db.session.add(tree)
    db.session.commit()
    return tree.id


def lines(client: FlaskClient) -> tuple[int, dict[str, bool]]:
    answer = client.get("/readyz")
    checks = answer.get_json()["checks"]
    assert all(check["detail"] for check in checks)
    return answer.status_code, {check["name"]: check["ok"] for check in checks}


def test_healthz_asks_nobody(nothing_there: Flask) -> None:
    answer = nothing_there.test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_readyz_names_every_part(app: Flask, client: FlaskClient, redis: Redis) -> None:
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
    with app.app_context():
        for platform in PLATFORMS:
            tree_id = show_worker(platform)
    assert lines(client)[0] == 503
    leader = Leadership(app)
    assert leader.renew()
    status, checks = lines(client)
    assert status == 200
    assert all(checks.values())
    with app.app_context():
        db.session.get_one(WorkerProcess, tree_id).seen_at = utcnow() - 2 * ALIVE_FOR
        db.session.commit()
    status, checks = lines(client)
    assert status == 503
    assert [name for name, ok in checks.items() if not ok] == ["worker YOUTUBE"]
    leader.resign()
    assert lines(client)[1]["scheduler"] is False


def test_one_worker_may_serve_all(app: Flask, client: FlaskClient, redis: Redis) -> None:
    with app.app_context():
        show_worker("TIKTOK,INSTAGRAM,YOUTUBE")
    assert Leadership(app).renew()
    assert lines(client)[0] == 200


def test_readyz_without_anything(nothing_there: Flask) -> None:
    answer = nothing_there.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert "Retry-After" in answer.headers
    body = answer.get_json()
    assert [check["ok"] for check in body["checks"]] == [False] * 6
    assert "database: does not respond" in body["error"]
    assert "nobody" not in answer.get_data(as_text=True)
