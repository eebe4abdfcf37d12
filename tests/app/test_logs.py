"""Log lines: JSON that is searchable by job and user, or readable text."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from app import logs
from app.config import Config
from tests.app.web import free_port, running_web
from workers.periodic_thread import PeriodicThread


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, restored after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield root
    root.handlers, root.level = handlers, level


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the only line that was logged."""
    line: dict[str, object] = json.loads(capsys.readouterr().err)
    return line


def test_line_of_a_run_carries_its_ids(
    root: logging.Logger, base_config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure_logging(replace(base_config, log_format="json"))
    with logs.about(jobId="j1", userId="alice"):
        with logs.about(platform="TIKTOK"):
            root.warning("late", extra={"code": "spam_risk"})
        line = written(capsys)
        assert {"jobId": "j1", "userId": "alice", "platform": "TIKTOK"}.items() <= line.items()
        assert (line["message"], line["code"], line["levelname"]) == (
            "late",
            "spam_risk",
            "WARNING",
        )
        root.warning("on")
        assert "platform" not in written(capsys)
    root.warning("after")
    assert "jobId" not in written(capsys)


def test_line_of_a_runs_thread_carries_its_ids(
    root: logging.Logger, base_config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure_logging(replace(base_config, log_format="json"))

    has_beaten = threading.Event()

    def beat() -> bool:
        root.warning("beat")
        has_beaten.set()
        return False

    with logs.about(jobId="j1"), PeriodicThread("beats", 0.01, beat):
        assert has_beaten.wait(60)
    assert written(capsys)["jobId"] == "j1"


def test_line_of_a_request_names_user_and_call(
    root: logging.Logger,
    config: Config,
    another_app: Callable[[Config], Flask],
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = another_app(replace(config, log_format="json"))
    app.before_request_funcs.setdefault(None, []).append(lambda: root.warning("seen"))
    headers = {"Authorization": f"Bearer {config.api_keys[0]}", "X-User-Id": "alice"}
    app.test_client().get("/api/videos", headers=headers)
    line = written(capsys)
    assert line["userId"] == "alice"
    assert str(line["request"]).startswith("GET ")


def test_line_for_a_person_ends_with_the_ids(
    root: logging.Logger, base_config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure_logging(replace(base_config, log_format="text"))
    with logs.about(jobId="j1", userId="alice"):
        root.warning("published")
    assert capsys.readouterr().err.endswith("published jobId=j1 userId=alice\n")


def test_lines_of_the_web_server_are_json_too(
    base_config: Config, sqlite_template: Path, tmp_path: Path
) -> None:
    config = replace(
        base_config,
        database_url=f"sqlite:///{sqlite_template}",
        port=free_port(),
        log_level="INFO",
    )
    log = tmp_path / "web.log"
    with running_web(config, log):
        pass
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    servers = [line["message"] for line in lines if line["name"] == "gunicorn.error"]
    assert any("Listening at" in message for message in servers)
    assert len(set(servers)) > 3


@pytest.mark.parametrize(
    ("line", "args", "expected"),
    [
        (
            "Error handling request %s %s",
            ("GET", "/media/eyJr.c2ln?x=secret"),
            "Error handling request GET /media/…?…",
        ),
        (
            '"%(r)s" %(s)s "%(f)s"',
            ({"r": "PUT /api/videos/uploads/eyJr.c2ln HTTP/1.1", "s": 204, "f": "http://a/?c=d"},),
            '"PUT /api/videos/uploads/… HTTP/1.1" 204 "http://a/?…"',
        ),
        (
            "Listening at: %s (%s)",
            ("http://0.0.0.0:8000", 7),
            "Listening at: http://0.0.0.0:8000 (7)",
        ),
        ("GET /api/videos/01J/preview", (), "GET /api/videos/01J/preview"),
    ],
)
def test_line_of_the_server_has_no_token(
    line: str, args: tuple[object, ...], expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("tests.server")
    logger.addFilter(logs.hide_tokens)
    logger.warning(line, *args)
    assert caplog.messages == [expected]


def test_every_route_with_a_token_is_known_to_the_filter(app: Flask) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules() if "token" in rule.arguments]
    assert rules
    for rule in rules:
        record = logging.makeLogRecord({"msg": rule.replace("<token>", "secret")})
        logs.hide_tokens(record)
        assert "secret" not in record.getMessage(), rule
