"""Connections that plans count: each process has few, and gives back what it does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Engine, text

from app import create_app
from app.config import Config
from app.database.engine import WEB_POOL
from app.extensions import db
from app.ids import new_id
from app.queues import PUBLISH_QUEUES, QUEUE_NAMES, RunQueue, connect_redis
from app.queues.connection import SHARED_MOST
from app.queues.names import ADVANCE
from app.queues.run import new_run
from sandbox.development.redis_server import RedisServer
from tests.databases import ON_POSTGRES
from tests.processes import Process, wait_until

#: As many as a web process has.
THREADS = 32
NAME = "plans"
#: One pending pop per queue, and one for everything else.
LISTENING = len(QUEUE_NAMES) + 1


@pytest.fixture
def named(config: Config) -> Config:
    """Settings whose connections the servers can tell from others."""
    return replace(
        config,
        database_url=f"{config.database_url}&application_name={NAME}",
        redis_url=f"{config.redis_url}?client_name={NAME}",
    )


@pytest.fixture
def web(named: Config) -> Iterator[Flask]:
    """A web process's application."""
    app = create_app(named)
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def of_database(postgres: Engine) -> int:
    """Count the connections to PostgreSQL."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    with postgres.connect() as connection:
        return int(connection.scalar(query, {"name": NAME}) or 0)


def of_redis(redis: Redis) -> int:
    """Count the connections to Redis."""
    clients = redis.client_list()
    return sum(client["name"] == NAME for client in clients)


@ON_POSTGRES
def test_threads_of_a_web_process_share_few_connections(
    web: Flask, redis: Redis, postgres: Engine, auth: Callable[..., dict[str, str]]
) -> None:
    together = Barrier(THREADS)

    def request(_: int) -> int:
        together.wait()
        client = web.test_client()
        client.get("/readyz")
        return client.get("/api/publish", headers=auth()).status_code

    with ThreadPoolExecutor(THREADS) as threads:
        assert [*threads.map(request, range(THREADS))] == [200] * THREADS
    assert 0 < of_database(postgres) <= WEB_POOL.most
    assert 0 < of_redis(redis) <= SHARED_MOST


def test_thread_waits_for_a_free_connection_to_redis_only_so_long(
    redis_server: RedisServer,
) -> None:
    with connect_redis(redis_server.url, response_seconds=0.2, most=1) as client:
        taken = client.connection_pool.get_connection()
        with pytest.raises(RedisConnectionError):
            client.ping()
        client.connection_pool.release(taken)
        assert client.ping()


@ON_POSTGRES
def test_idle_child_of_a_worker_gives_its_connections_back(
    named: Config, redis: Redis, postgres: Engine, tmp_path: Path
) -> None:
    with Process("workers.worker", named, tmp_path / "worker.log"):
        wait_until(lambda: of_database(postgres), "a heartbeat")
        queue = RunQueue(PUBLISH_QUEUES["TIKTOK"], redis)
        run = new_run(redis, ADVANCE, ("TIKTOK", new_id()), queue.name, "a test")
        run.save()
        queue.push_job_id(run.id)
        wait_until(lambda: not redis.exists(run.key), "the run")
        wait_until(lambda: not of_database(postgres), "no connection to PostgreSQL", 30)
        wait_until(lambda: of_redis(redis) == LISTENING, "the parent's connections alone", 30)
