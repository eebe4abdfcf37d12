"""What is reported to Sentry: the bug and the user, and never a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sentry_sdk
from flask import Flask
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from app import logs
from app.config import Config
from tests.hosts import answering, host
from workers.transport import call

SECRET = "token-of-somebody"
DSN = "http://key@127.0.0.1:9/1"


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep the events of an envelope."""
        self.events += [event for item in envelope if (event := item.get_event()) is not None]


@pytest.fixture
def reported() -> Iterator[Callable[[], list[Any]]]:
    """Gives what has been reported since its first call; nothing leaves this process."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    kept = Kept()

    def events() -> list[Any]:
        sentry_sdk.get_client().transport = kept
        return kept.events

    with sentry_sdk.isolation_scope():
        yield events
    sentry_sdk.get_global_scope().set_client(None)
    root.handlers, root.level = handlers, level


def test_call_of_ours_is_reported_without_its_query(
    base_config: Config, reported: Callable[[], list[Any]]
) -> None:
    logs.configure_logging(replace(base_config, sentry_dsn=DSN))
    events = reported()
    with host(answering) as server, logs.about(jobId="j1"):
        address = f"{server.url}/refresh"
        call("GET", address, params={"access_token": SECRET})
        logging.getLogger("workers").error("bug in a run")
    [event] = events
    assert event["tags"]["jobId"] == "j1"
    crumbs = [crumb["data"] for crumb in event["breadcrumbs"]["values"] if "data" in crumb]
    assert [crumb["url"] for crumb in crumbs if "url" in crumb] == [address]
    assert SECRET not in json.dumps(event, default=str)
    [request] = server.requests
    assert b"sentry-trace" not in request and b"baggage" not in request


def test_request_is_reported_without_its_query_and_headers(
    config: Config,
    another_app: Callable[[Config], Flask],
    reported: Callable[[], list[Any]],
) -> None:
    app = another_app(replace(config, sentry_dsn=DSN))
    events = reported()

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a bug")

    headers = {"Authorization": f"Bearer {SECRET}", "Referer": f"http://a/?code={SECRET}"}
    answer = app.test_client().get(f"/broken?access_token={SECRET}", headers=headers)
    assert answer.status_code == 500
    [event] = events
    assert event["request"] == {"method": "GET", "url": "http://localhost/broken"}
    assert SECRET not in json.dumps(event, default=str)


@pytest.mark.parametrize("path", ["/media/{}", "/api/videos/uploads/{}"])
def test_bug_behind_a_signed_link_tells_nobody_its_token(
    path: str,
    config: Config,
    another_app: Callable[[Config], Flask],
    reported: Callable[[], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The token is the permission, also for whoever reads reports and logs."""
    app = another_app(replace(config, sentry_dsn=DSN, log_format="text"))
    events = reported()
    app.extensions["storage"] = None  # so that the view fails
    call_ = app.test_client().get if path.startswith("/media") else app.test_client().put
    assert call_(f"{path.format(SECRET)}?sig={SECRET}").status_code == 500
    [event] = events
    rule = path.format("<token>")
    assert event["request"]["url"] == f"http://localhost{rule}"
    assert event["transaction"] == rule
    assert SECRET not in json.dumps(event, default=str)
    written = capsys.readouterr().err
    assert rule in written and SECRET not in written


def test_address_without_a_route_is_not_reported(
    config: Config,
    another_app: Callable[[Config], Flask],
    reported: Callable[[], list[Any]],
) -> None:
    app = another_app(replace(config, sentry_dsn=DSN))
    events = reported()
    app.before_request_funcs.setdefault(None, []).append(lambda: 1 / 0)  # type: ignore
    assert app.test_client().get(f"/nowhere/{SECRET}").status_code == 500
    [event] = events
    assert event["request"]["url"] == "http://localhost"
    assert SECRET not in json.dumps(event, default=str)
