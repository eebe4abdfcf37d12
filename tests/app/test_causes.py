"""Why a server did not do something: told apart, in one line, without a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from app.causes import last_line, mask_passwords_of, masked, why
from app.queues import connect_redis
from sandbox.development.redis_server import RedisServer
from tests.app.test_redis_tls import tls_url  # noqa: F401

PASSWORD = "Ho/rse@batt:ery"
WRITTEN = "Ho%2Frse%40batt%3Aery"


@pytest.fixture
def guarded(postgres: Engine) -> Iterator[str]:
    """The URL of a role that needs a password, with a wrong one."""
    with postgres.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        path = Path(connection.scalar(text("SHOW hba_file")) or "")
        before = path.read_text()
        path.write_text(f"local all ann scram-sha-256\n{before}")
        connection.execute(text("CREATE ROLE ann LOGIN PASSWORD 'right'"))
        connection.execute(text("SELECT pg_reload_conf()"))
        url = postgres.url.set(username="ann", password=PASSWORD)
        yield url.render_as_string(hide_password=False)
        path.write_text(before)
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("DROP ROLE ann"))


def connect_error(url: str) -> SQLAlchemyError:
    engine = create_engine(url, connect_args={"connect_timeout": 5})
    with pytest.raises(SQLAlchemyError) as caught, engine.connect():
        pass
    engine.dispose()
    return caught.value


def test_database_says_why_it_refuses(guarded: str, postgres: Engine) -> None:
    refused = why(connect_error(guarded))
    assert refused.startswith("OperationalError: connection failed: ")
    assert 'password authentication failed for user "ann"' in refused
    with postgres.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER ROLE ann CONNECTION LIMIT 0"))
        connection.execute(text("ALTER ROLE ann PASSWORD '" + PASSWORD + "'"))
    full = why(connect_error(guarded))
    assert 'too many connections for role "ann"' in full
    away = why(connect_error("postgresql+psycopg://nobody@127.0.0.1:9/none"))
    assert "Connection refused" in away
    assert len({refused, full, away}) == 3
    assert "\n" not in refused + full + away


def test_redis_says_why_it_refuses(
    redis: Redis, redis_server: RedisServer, tls_url: str  # noqa: F811
) -> None:
    redis.acl_setuser("ann", enabled=True, passwords=["+right"], keys="*", commands=["+@all"])
    path = redis_server.url.removeprefix("unix://")
    wrong = redis_error(f"unix://ann:wrong@{path}")
    redis.acl_deluser("ann")
    assert wrong.startswith("AuthenticationError: ") and "username-password" in wrong
    away = redis_error("redis://127.0.0.1:9")
    assert "Connection refused" in away and "REDIS_TLS_VERIFY" not in away
    assert "REDIS_TLS_VERIFY=false" in redis_error(tls_url)


def redis_error(url: str) -> str:
    with connect_redis(url) as client, pytest.raises(RedisError) as caught:
        client.ping()
    return why(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://ann:{WRITTEN}@127.0.0.1:9/none",
        # What is behind the first @ passes for the host.
        "postgresql+psycopg://ann:Ho/rse@battery@127.0.0.1:9/none",
        f"postgresql+psycopg://ann@127.0.0.1:9/none?password={WRITTEN}",
    ],
)
def test_no_password_gets_out(url: str) -> None:
    mask_passwords_of(url, f"redis://:{WRITTEN}@127.0.0.1:9/0")
    line = why(connect_error(url))
    for error in (line, masked(f"{url} {PASSWORD} {WRITTEN}"), why(RedisError(f"at {url}"))):
        for piece in (PASSWORD, WRITTEN, "rse", "batt", "ery"):
            assert piece not in error
    signed = why(OSError("GET https://r2.example/bucket/a.mp4?X-Amz-Signature=abc failed"))
    assert signed == "OSError: GET https://r2.example/bucket/a.mp4?… failed"


def test_values_of_a_statement_stay_out(postgres: Engine) -> None:
    with postgres.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT CAST(:value AS integer)"), {"value": "private"})
        assert why(caught.value) == "DataError"
    assert why(StatementError("private", None, None, ValueError("private"))) == "StatementError"
    assert why(ValueError()) == "ValueError"
    assert why(connect_error("postgresql+psycopg://nobody@127.0.0.1:9/none")).count("sqlalche") == 0


TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 1, in a
psycopg.OperationalError: connection refused
\tIs the server running?

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 1, in b
    connect()
    ^^^^^^^^^
sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused
\tIs the server running?
(Background on this error at: https://sqlalche.me/e/20/e3q8)
"""


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        (
            TRACEBACK,
            "sqlalchemy.exc.OperationalError: (psycopg.OperationalError) connection refused",
        ),
        ("the process ended with status 9", "the process ended with status 9"),
        ("", ""),
    ],
)
def test_line_of_a_traceback_names_the_exception(traceback: str, line: str) -> None:
    assert last_line(traceback) == line


def test_public_health_keeps_the_servers_words_to_the_log(
    client: FlaskClient, postgres: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    redis: Redis = client.application.extensions["redis"]
    client.application.extensions["redis"] = connect_redis("redis://127.0.0.1:9")
    answer = client.get("/readyz")
    client.application.extensions["redis"].close()
    client.application.extensions["redis"] = redis
    assert "127.0.0.1" not in answer.text and "ConnectionError" in answer.text
    assert "Error 111 connecting to 127.0.0.1:9" in caplog.text
