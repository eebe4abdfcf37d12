"""The event stream of a job over HTTP, from a real web process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.config import Config
from app.live import hub
from app.models import PublishJob
from app.publishing import claims, leased, outcomes, steer
from app.publishing.claims import Claim
from app.states import Step
from sandbox.loopback import loopback_session
from tests.app.web import free_port
from tests.databases import ON_POSTGRES, ON_SQLITE
from tests.factories import make_account, make_job
from tests.live.streams import Stream
from tests.processes import WEB, Process, wait_until

LISTENERS = 100
KEY = {"Authorization": "Bearer test-key", "X_User_Id": "alice"}


@dataclass(frozen=True)
class Web:
    """A web process, as the Procfile starts it."""

    process: Process
    port: int


@contextmanager
def serving(config: Config, database_url: str, folder: Path) -> Iterator[Web]:
    config = replace(config, database_url=database_url, port=free_port())
    with Process(WEB, config, folder / "web.log", WEB_CONCURRENCY="1") as process:
        wait_until(lambda: is_up(config.port), "the web process answers")
        yield Web(process, config.port)


@pytest.fixture(scope="module")
def web(
    base_config: Config, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """One for all tests that leave it as it is."""
    with serving(base_config, postgres_url, tmp_path_factory.mktemp("web")) as web:
        yield web


def is_up(port: int) -> bool:
    try:
        with loopback_session() as session:
            return session.get(f"http://127.0.0.1:{port}/healthz", timeout=60).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def job(context: None) -> PublishJob:
    return make_job()


def take(job: PublishJob) -> Claim:
    claim = claims.claim_next(job.platform, utcnow())
    assert claim is not None and claim.job_id == job.id
    return claim


def end(claim: Claim) -> None:
    outcomes.complete(claim, utcnow(), platform_post_id="7", url="https://www.tiktok.com/7")


def token(config: Config, user: str = "alice", until: float | None = None) -> str:
    claims = {"sub": user, "exp": until or utcnow() + timedelta(minutes=5)}
    return jwt.encode(claims, config.jwt_secret, algorithm="HS256")


@ON_POSTGRES
def test_status_comes_at_once_then_every_change_until_the_end(web: Web, job: PublishJob) -> None:
    with Stream(web.port, job.id, **KEY) as stream:
        assert (stream.status, stream.headers["content-type"].split(";")[0]) == (
            200,
            "text/event-stream",
        )
        first = stream.next()
        assert first is not None and first.status["state"] == "waiting"
        claim = take(job)
        second = stream.next()
        assert second is not None and second.status["state"] == "active"
        leased.begin_steps(claim, [Step.UPLOAD], utcnow())
        third = stream.next()
        assert third is not None and third.status["step"] == "upload"
        leased.show_progress(claim, 57)
        fourth = stream.next()
        assert fourth is not None and fourth.status["progress"] == 57
        end(claim)
        [last] = stream.rest()
        assert last.status["state"] == "completed"
        assert last.status["result"]["platformPostId"] == "7"
        assert len({one.id for one in (first, second, third, fourth, last)}) == 5


@ON_POSTGRES
def test_post_that_falls_due_is_told_without_a_write(web: Web, context: None) -> None:
    due_at = utcnow() + timedelta(seconds=2)
    job = make_job(due_at=due_at, scheduled_time=due_at)
    with Stream(web.port, job.id, **KEY) as stream:
        states = [event.status["state"] for event in (stream.next(), stream.next()) if event]
    assert states in (["delayed", "waiting"], ["waiting"])


@ON_POSTGRES
def test_listener_that_comes_back_is_told_nothing_twice(
    web: Web, client: FlaskClient, job: PublishJob
) -> None:
    with Stream(web.port, job.id, **KEY) as stream:
        first = stream.next()
        assert first is not None
    with Stream(web.port, job.id, **KEY, Last_Event_ID=first.id) as stream:
        steer.cancel(job.id, utcnow())
        [last] = stream.rest()
        assert last.status["state"] == "cancelled"
    with Stream(web.port, job.id, **KEY, Last_Event_ID=last.id) as stream:
        assert stream.status == 204
    # Another process gives the same event the same id.
    headers = {"Authorization": "Bearer test-key", "X-User-Id": "alice"}
    answer = client.get(
        f"/api/publish/{job.id}/events", headers={**headers, "Last-Event-ID": last.id}
    )
    assert answer.status_code == 204
    again = client.get(
        f"/api/publish/{job.id}/events", headers={**headers, "Last-Event-ID": first.id}
    )
    assert f"id: {last.id}\n" in again.text


@ON_POSTGRES
def test_many_listeners_hold_no_thread_and_all_are_told(web: Web, job: PublishJob) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(web.port, job.id, **KEY)) for _ in range(LISTENERS)]
        for stream in streams:
            assert stream.next() is not None
        assert is_up(web.port)  # with many more listeners than threads
        claim = take(job)
        assert {event.status["state"] for stream in streams if (event := stream.next())} == {
            "active"
        }
        end(claim)
        for stream in streams:
            [last] = stream.rest()
            assert last.status["state"] == "completed"
    assert is_up(web.port)


@ON_SQLITE
def test_told_to_stop_the_process_hangs_up_and_ends(
    base_config: Config, database_url: str, tmp_path: Path, job: PublishJob
) -> None:
    with serving(base_config, database_url, tmp_path) as web:
        with Stream(web.port, job.id, **KEY) as stream:
            assert stream.next() is not None
            os.kill(web.process.pid, signal.SIGTERM)
            assert stream.rest() == []
        assert web.process.terminate() == 0


@ON_POSTGRES
def test_browser_names_itself_by_token_in_header_or_query(
    web: Web, config: Config, job: PublishJob
) -> None:
    for name, query, headers in (
        ("header", "", {"Authorization": f"Bearer {token(config)}"}),
        ("query", f"?access_token={token(config)}", {}),
    ):
        with Stream(
            web.port, job.id, query=query, Origin="https://app.example", **headers
        ) as stream:
            assert stream.status == 200, name
            assert stream.headers["access-control-allow-origin"] == "*"
            assert stream.next() is not None


@ON_POSTGRES
def test_stream_ends_with_its_token(web: Web, config: Config, job: PublishJob) -> None:
    """As any call with the token does: the client comes back with another."""
    until = int(utcnow().timestamp()) + 3
    query = f"?access_token={token(config, until=until)}"
    with Stream(web.port, job.id, query=query) as stream:
        first = stream.next()
        assert first is not None
        assert stream.rest() == []
        assert utcnow().timestamp() >= until
    query = f"?access_token={token(config)}"
    with Stream(web.port, job.id, query=query, Last_Event_ID=first.id) as stream:
        take(job)
        second = stream.next()
        assert second is not None and second.status["state"] == "active"


def test_user_with_too_many_streams_is_refused_another(
    client: FlaskClient,
    auth: Callable[..., dict[str, str]],
    job: PublishJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "LISTENERS_PER_USER", 2)
    path, others = f"/api/publish/{job.id}/events", make_job(account=make_account("TIKTOK", "bob"))
    streams = [client.get(path, headers=auth(), buffered=False) for _ in range(2)]
    refused = client.get(path, headers=auth())
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert refused.content_type == "application/problem+json"
    theirs = client.get(f"/api/publish/{others.id}/events", headers=auth("bob"), buffered=False)
    assert theirs.status_code == 200
    for stream in [*streams, theirs]:
        stream.close()


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 401),
        ("?access_token=test-key", {"X-User-Id": "alice"}, 401),
        ("?access_token=nonsense", {}, 401),
        ("", {"Authorization": "Bearer test-key", "X-User-Id": "bob"}, 404),
        ("?unknown=1", {"Authorization": "Bearer test-key", "X-User-Id": "alice"}, 400),
    ],
)
def test_nobody_else_may_listen(
    client: FlaskClient, job: PublishJob, query: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get(f"/api/publish/{job.id}/events{query}", headers=headers)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_token_in_the_query_opens_nothing_else(
    client: FlaskClient, config: Config, job: PublishJob
) -> None:
    path = f"/api/publish/{job.id}/status?access_token={token(config)}"
    assert client.get(path).status_code == 401


def test_without_gunicorn_the_stream_is_the_same(
    client: FlaskClient, auth: Callable[..., dict[str, str]], job: PublishJob
) -> None:
    answer = client.get(f"/api/publish/{job.id}/events", headers=auth(), buffered=False)
    pieces = answer.iter_encoded()
    assert b'"state":"waiting"' in next(pieces)
    steer.cancel(job.id, utcnow())
    assert b'"state":"cancelled"' in b"".join(pieces)
    answer.close()


def test_asking_for_the_head_alone_opens_no_stream(
    client: FlaskClient, auth: Callable[..., dict[str, str]], job: PublishJob
) -> None:
    answer = client.head(f"/api/publish/{job.id}/events", headers=auth())
    assert (answer.status_code, answer.data) == (200, b"")
