"""A database whose migrations were forgotten: everything says so, with the command that helps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

from app.config import Config
from app.database import versions
from app.database.versions import SCHEMA_VERSION, log_outdated
from app.extensions import db
from app.ids import new_id
from tests.conftest import MIGRATIONS, migrate_database
from tests.processes import Process, wait_until
from workers.engine.heartbeat import record_heartbeat
from workers.scheduling.leadership import Leadership

Maker = Callable[[Config], Flask]
HEADERS = {"Authorization": "Bearer test-key", "X-User-Id": "alice"}
BODY = {"videoId": "01M852RBF03352V8FMRRVNSXYW", "platform": "TIKTOK", "caption": "x"}
SENTENCE = (
    f"the tables are at version None, the code needs {SCHEMA_VERSION}: "
    "run `python -m app db upgrade`"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Engine = request.getfixturevalue("postgres")
    name = f"empty_{new_id().lower()}"
    with postgres.execution_options(isolation_level="AUTOCOMMIT").connect() as server:
        server.execute(text(f"CREATE DATABASE {name}"))
        yield postgres.url.set(database=name).render_as_string(hide_password=False)
        server.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def outdated(empty_url: str, base_config: Config, another_app: Maker) -> Flask:
    """An application on such a database."""
    log_outdated.cache_clear()
    return another_app(replace(base_config, database_url=empty_url))


def test_version_is_that_of_the_last_migration() -> None:
    assert ScriptDirectory(MIGRATIONS).get_current_head() == SCHEMA_VERSION


def test_readyz_says_what_to_run(outdated: Flask) -> None:
    answer = outdated.test_client().get("/readyz")
    assert answer.status_code == 503
    checks = {check["name"]: check["detail"] for check in answer.get_json()["checks"]}
    assert checks["database"] == SENTENCE


def test_version_that_is_there_is_named(outdated: Flask) -> None:
    with outdated.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0000')"))
    answer = outdated.test_client().get("/readyz")
    assert "the tables are at version 0000, the code needs" in answer.get_json()["error"]


def test_calls_are_answered_503_and_it_is_logged_once(
    outdated: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    client = outdated.test_client()
    for answer in (
        client.get("/api/publish", headers=HEADERS),
        client.post("/api/publish", json=BODY, headers=HEADERS),
        client.get("/metrics", headers=HEADERS),
    ):
        assert answer.status_code == 503
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["error"] == "The tables of the database are not up to date"
        assert int(answer.headers["Retry-After"]) > 0
    logged = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in logged] == [SENTENCE]
    assert logged[0].exc_info is None


def test_operator_reads_what_to_run(
    base_config: Config, empty_url: str, another_app: Maker
) -> None:
    settings = replace(base_config, database_url=empty_url, admin_username="a", admin_password="b")
    answer = another_app(settings).test_client().get("/admin", auth=("a", "b"))
    assert answer.status_code == 503
    assert "python -m app db upgrade" in answer.text


def test_wrong_statement_is_still_a_bug(config: Config, another_app: Maker) -> None:
    app = another_app(config)

    @app.get("/wrong")
    def wrong() -> str:
        raise ProgrammingError("SELECT nothing", None, Exception("no such column: nothing"))

    assert app.test_client().get("/wrong").status_code == 500


def test_scheduler_says_what_to_run(outdated: Flask, caplog: pytest.LogCaptureFixture) -> None:
    assert not Leadership(outdated).renew()
    assert f"leadership not renewed: {SENTENCE}" in caplog.text


def test_worker_says_what_to_run(outdated: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with outdated.app_context():
        record_heartbeat(new_id(), "TIKTOK", 5)
    assert SENTENCE in caplog.text


@pytest.mark.parametrize(
    ("command", "table"),
    [("workers.scheduler", "scheduler_terms"), ("workers.worker", "worker_trees")],
)
def test_process_that_starts_before_the_migrations_waits_for_them(
    command: str, table: str, base_config: Config, empty_url: str, tmp_path: Path
) -> None:
    config = replace(base_config, database_url=empty_url)
    with Process(command, config, tmp_path / "log") as process:
        wait_until(lambda: SENTENCE in process.log.read_text(), "what it waits for")
        migrate_database(config)
        engine = create_engine(empty_url, isolation_level="AUTOCOMMIT")
        rows = text(f"SELECT count(*) FROM {table}")
        with closing(engine.connect()) as connection:
            wait_until(lambda: connection.scalar(rows), "the process at work")
        engine.dispose()
        log = process.log.read_text()
    assert "not renewed" not in log and "not recorded" not in log


def test_database_that_is_away_is_not_called_outdated(
    base_config: Config, another_app: Maker
) -> None:
    lost = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    app = another_app(replace(base_config, database_url=lost))
    with app.app_context():
        assert versions.outdated_by(ProgrammingError("", None, Exception())) == ""


@pytest.mark.parametrize(("version", "is_ready"), [("0000", False), ("9999", True)])
def test_readyz_compares_the_versions_though_its_own_queries_succeed(
    app: Flask, version: str, is_ready: bool
) -> None:
    """Newer tables are those of a deploy that has begun: its old processes still serve."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    try:
        found = app.test_client().get("/readyz").get_json()
    finally:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                text("UPDATE alembic_version SET version_num = :v"), {"v": SCHEMA_VERSION}
            )
    [check] = [one for one in found["checks"] if one["name"] == "database"]
    assert check["ok"] is is_ready
