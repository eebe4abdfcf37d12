"""Migrations take turns, end their turn whatever stands between, and do not wait for ever."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, text

from app.database import migration_turn
from tests.conftest import MIGRATIONS
from tests.databases import ON_POSTGRES

pytestmark = ON_POSTGRES
LOCK = text("SELECT pg_try_advisory_lock(:key)")
UNLOCK = text("SELECT pg_advisory_unlock(:key)")
KEY = {"key": migration_turn.LOCK_KEY}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As behind a pooler: the server's side of a connection outlives the client's."""
    left: list[psycopg.Connection[object]] = []
    close = psycopg.Connection.close
    monkeypatch.setattr(psycopg.Connection, "close", lambda connection: left.append(connection))
    yield
    for connection in left:
        close(connection)


@pytest.mark.usefixtures("kept")
def test_turn_ends_though_a_pooler_keeps_the_connection(app: Flask, postgres: Engine) -> None:
    with app.app_context():
        flask_migrate.upgrade(MIGRATIONS)
    with postgres.connect() as other:
        assert other.scalar(LOCK, KEY)
        assert other.scalar(UNLOCK, KEY)


def test_wait_for_another_migration_is_bounded_and_told(
    app: Flask,
    postgres: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(migration_turn, "TURN_SECONDS", 1.0)
    with postgres.connect() as other, app.app_context():
        assert other.scalar(LOCK, KEY)
        pid = other.scalar(text("SELECT pg_backend_pid()"))
        with caplog.at_level(logging.INFO), pytest.raises(SystemExit):
            flask_migrate.upgrade(MIGRATIONS)
        assert other.scalar(UNLOCK, KEY)
        flask_migrate.upgrade(MIGRATIONS)
    what = f"another migration of this database (PostgreSQL's pid {pid})"
    assert caplog.messages.count(f"waiting for {what} to end") == 1
    assert any(f"{what} has not ended within" in message for message in caplog.messages)
