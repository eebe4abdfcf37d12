"""Every error is a problem document, and an outage is reported as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from app.api.bodies import MAX_BODY_BYTES
from app.config import Config
from tests.app.conftest import Caller

Maker = Callable[[Config], Flask]
MEMBERS = ("type", "title", "status", "detail", "error")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/publish/batch/nothing/at/all", 404),
        ("DELETE", "/api/publish", 405),
        ("PUT", "/api/openapi.json", 405),
        ("GET", "/api/publish/short", 404),
        ("GET", "/api/publish/%00/status", 404),
        ("GET", "/api/publish/01M852RBF03352V8FMRRVNSXY%C3%A9", 404),
        ("GET", "/api/publish/01M852RBF03352V8FMRRVNSXYW", 404),
        ("GET", "/api/publish/01M852RBF03352V8FMRRVNSXYW/nothing", 404),
    ],
)
def test_unknown_route_is_a_problem(alice: Caller, method: str, path: str, status: int) -> None:
    answer = alice.client.open(path, method=method, headers=alice.headers)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert [name for name in MEMBERS if not answer.json[name]] == []
    assert answer.json["status"] == status


def test_wrong_method_names_the_right_ones(alice: Caller) -> None:
    answer = alice.client.delete("/api/publish", headers=alice.headers)
    assert set(answer.headers["Allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize("path", ["", "/validate", "/batch"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_body_that_is_not_json_is_415(alice: Caller, path: str, content_type: str) -> None:
    answer = alice.client.post(
        f"/api/publish{path}", data=b"{}", headers=alice.headers, content_type=content_type
    )
    assert answer.status_code == 415
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b"\xff\xfe",
        '{"caption": "x"}'.encode("utf-16"),
        b'{"caption": "\x00"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1} trailing',
    ],
)
def test_malformed_json_is_400(alice: Caller, body: bytes) -> None:
    answer = alice.client.post(
        "/api/publish", data=body, headers=alice.headers, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("body", [b'{"a": ' + b"9" * 5000 + b"}", b'{"a": 1e999}'])
def test_number_that_nobody_can_mean_is_told(alice: Caller, body: bytes) -> None:
    answer = alice.client.post(
        "/api/publish", data=body, headers=alice.headers, content_type="application/json"
    )
    assert answer.json is not None and answer.json["error"] == "The body has too large a number"


@pytest.mark.parametrize("path", ["", "/validate", "/batch"])
def test_body_over_the_bound_is_413(alice: Caller, path: str) -> None:
    answer = alice.post(path, {"caption": "x" * MAX_BODY_BYTES})
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["error"] == "The body has more than 5000000 bytes, the most that are read"


def test_bug_is_a_problem_that_tells_nothing(config: Config, another_app: Maker) -> None:
    app = another_app(config)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a secret of ours")

    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert "secret" not in answer.text


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_database_that_is_down_is_503(
    base_config: Config, tmp_path: Path, another_app: Maker, kind: str
) -> None:
    (tmp_path / "folder.db").mkdir()
    nowhere = {
        "postgresql": "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        "sqlite": f"sqlite:///{tmp_path}/folder.db",
    }
    client = another_app(replace(base_config, database_url=nowhere[kind])).test_client()
    headers = {"Authorization": "Bearer test-key", "X-User-Id": "alice"}
    body = {"videoId": "01M852RBF03352V8FMRRVNSXYW", "platform": "TIKTOK", "caption": "x"}
    for answer in (
        client.get("/api/publish", headers=headers),
        client.post("/api/publish", json=body, headers=headers),
    ):
        assert answer.status_code == 503
        assert answer.content_type == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0


def test_redis_that_is_down_keeps_nobody_from_publishing(
    config: Config, alice: Caller, another_app: Maker
) -> None:
    without = another_app(replace(config, redis_url="unix:///nowhere/redis.sock"))
    alice.client = without.test_client()
    job_id = alice.publish()["jobId"]
    batch = alice.post("/batch", {"posts": [alice.body(), alice.body("YOUTUBE")]})
    assert batch.status_code == 202
    assert alice.get(f"/{job_id}/status").status_code == 200
    assert alice.patch(job_id, {"caption": "Other words"}).status_code == 200
    assert alice.post(f"/{job_id}/cancel").json["state"] == "cancelled"  # type: ignore[index]


def test_bad_query_is_400(alice: Caller) -> None:
    for query, field in {
        "limit=0": "limit",
        "limit=101": "limit",
        "limit=-1": "limit",
        "limit=x": "limit",
        "limit=1.5": "limit",
        f"limit={'9' * 5000}": "limit",
        "cursor=x": "cursor",
        "cursor=%00": "cursor",
        "cursor=é": "cursor",
        "cursor=AAAA": "cursor",
        "state=done": "state",
        "state=": "state",
        "platform=tiktok": "platform",
        "batchId=%00": "batchId",
        "nothing=1": "nothing",
    }.items():
        answer = alice.get(f"?{query}")
        assert answer.status_code == 400, query
        assert answer.json is not None and list(answer.json["errors"]) == [field], query
