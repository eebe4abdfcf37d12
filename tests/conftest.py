"""Fixtures of every test: real servers, an application on each database, authentication."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, create_engine, literal, select, union_all

from app import create_app
from app.api.job_events import open_hub
from app.config import Config
from app.extensions import db
from sandbox.development.postgres_server import PostgresServer
from sandbox.development.redis_server import RedisServer
from tests.memory import memory_folder

MIGRATIONS = str(Path(__file__).parent.parent / "migrations")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start long tests first, so that none runs alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for the whole session."""
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def base_config(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings without a database."""
    return Config(
        database_url="",
        redis_url=redis_server.url,
        public_url="http://127.0.0.1:8000",
        video_dir=tmp_path_factory.mktemp("videos"),
        api_keys=("test-key",),
        jwt_secret="a secret that only the tests share with themselves",
        token_encryption_keys=(Fernet.generate_key().decode(),),
        log_level="WARNING",
    )


def migrate_database(config: Config) -> None:
    """Bring a database up to date with the project's own migrations."""
    app = create_app(config)
    with app.app_context():
        flask_migrate.upgrade(MIGRATIONS)
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(base_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate_database(replace(base_config, database_url=f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_url(base_config: Config) -> Iterator[str]:
    """A migrated PostgreSQL database, shared by the session's tests."""
    server = PostgresServer(outlives_power=False)
    url = server.create_database("publishing").replace("postgresql://", "postgresql+psycopg://")
    migrate_database(replace(base_config, database_url=url))
    yield url
    server.remove()


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[Engine]:
    """An engine on that database, separate from the applications'."""
    engine = create_engine(
        postgres_url,
        pool_size=1,
        pool_pre_ping=True,
        # A transaction left open must fail its test, not hang the next one.
        connect_args={"options": "-c lock_timeout=15s"},
    )
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A fixed path to the running test's files, so that all tests can share an application."""
    with memory_folder("session-") as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, session_folder: Path) -> str:
    """An empty migrated database: each test runs on both kinds."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        _empty_tables(request.getfixturevalue("postgres"))
        return url
    path = session_folder / "publishing.db"
    for leftover in session_folder.glob("publishing.db*"):  # and its log
        leftover.unlink()
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the real Redis, flushed for this test."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def video_dir(session_folder: Path) -> Iterator[Path]:
    """The folder for the video store."""
    path = session_folder / "videos"
    yield path
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@pytest.fixture
def config(base_config: Config, database_url: str, redis: Redis, video_dir: Path) -> Config:
    """Settings for one test."""
    return replace(base_config, database_url=database_url, video_dir=video_dir)


@pytest.fixture(scope="session")
def kept_apps() -> deque[Flask]:
    """A cache of applications: creating one takes longer than most tests."""
    return deque(maxlen=8)


@pytest.fixture
def app(config: Config, kept_apps: deque[Flask]) -> Iterator[Flask]:
    """The web application on an empty database."""
    app = next((one for one in kept_apps if one.config["SETTINGS"] == config), None)
    if app is None:
        app = create_app(config)
        app.testing = True
        kept_apps.append(app)
    extensions = dict(app.extensions)
    hub = app.extensions["live"] = open_hub(app)  # starts a thread with its first listener
    app.config["SETTINGS"] = replace(config, limits=dict(config.limits))
    yield app
    hub.close()  # it must not look at the next test's database
    app.extensions = extensions
    app.config["SETTINGS"] = config
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
        app.extensions["redis"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API."""
    return app.test_client()


@pytest.fixture
def auth() -> Callable[..., dict[str, str]]:
    """Return headers for a user: `auth()` is alice, `auth("bob")` is bob."""

    def headers(user: str = "alice") -> dict[str, str]:
        return {"Authorization": "Bearer test-key", "X-User-Id": user}

    return headers


def _empty_tables(engine: Engine) -> None:
    """Delete every row: tables have a few at most, and `TRUNCATE` recreates their files."""
    tables = db.metadata.sorted_tables
    filled = union_all(
        *(select(literal(table.name)).where(select(table).exists()) for table in tables)
    )
    with engine.begin() as connection:
        names = set(connection.scalars(filled))
        for table in reversed(tables):
            if table.name in names:
                connection.execute(table.delete())
