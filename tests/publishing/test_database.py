"""What an error of the database reveals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import StatementError

from app.config import ROOT, Config
from app.database.engine import AWAY
from app.database.transaction import transaction
from app.extensions import db
from app.ids import new_id
from tests.databases import ON_POSTGRES
from tests.factories import make_account
from tests.processes import PATIENCE_SECONDS, environment


@pytest.mark.parametrize(
    "fault", [{"platform_user_id": "someone at home"}, {"expires_at": "tomorrow"}]
)
def test_error_of_a_statement_tells_none_of_its_values(fault: dict[str, Any]) -> None:
    """It is logged, and stored in RQ's failed registry."""
    make_account(platform_user_id="someone at home")
    with pytest.raises(StatementError) as caught:
        make_account(username="Alice Private", access_token="a secret", **fault)
    assert "secret" not in str(caught.value) and "Private" not in str(caught.value)


@pytest.mark.usefixtures("context")
def test_transaction_within_another_one_is_refused() -> None:
    """Its end would commit what the outer one has half done."""
    with transaction() as session:
        session.scalar(text("SELECT 1"))
        with pytest.raises(RuntimeError, match="within another"):
            with transaction():
                pass
    with transaction() as session:
        assert session.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_database_that_takes_no_writes_is_away(app: Flask) -> None:
    """A primary that was demoted, or is out of disk. What came back is found by a new connection,
    though the old ones are alive."""
    url = db.engine.url
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as operator:
        name = str(url.database).encode()
        operator.execute(b"ALTER DATABASE " + name + b" SET default_transaction_read_only = on")
        db.engine.dispose()
        with pytest.raises(AWAY):
            make_account()
        db.session.rollback()
        operator.execute(b"SET default_transaction_read_only = off")
        operator.execute(b"ALTER DATABASE " + name + b" RESET default_transaction_read_only")
    make_account()


@ON_POSTGRES
def test_processes_that_migrate_at_once_take_turns(config: Config) -> None:
    """Some platforms run the release command on every machine."""
    server = make_url(config.database_url)
    fresh = server.set(database=f"fresh_{new_id().lower()}")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {fresh.database}"))
    engine.dispose()
    settings = replace(config, database_url=fresh.render_as_string(hide_password=False))
    command = [sys.executable, "-m", "app", "db", "upgrade"]
    upgrades = [
        subprocess.Popen(command, cwd=ROOT, env=environment(settings), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for upgrade in upgrades:
        _, told = upgrade.communicate(timeout=PATIENCE_SECONDS)
        assert upgrade.returncode == 0, told.decode()
