"""Redis that hangs costs one caller a moment; all others rely on the database alone."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from app import create_app
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.queues import PUBLISH_QUEUES, PostScheduler, RunQueue, current_redis, wakes
from app.queues.wakes import Wake, wake
from sandbox.development.redis_server import RedisServer
from tests.factories import make_job
from workers.scheduling.sweeper import Sweeper


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def lone_app(config: Config, server: RedisServer) -> Iterator[Flask]:
    """An application that uses it."""
    app = create_app(replace(config, redis_url=server.url))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
    app.extensions["redis"].close()


def test_only_the_first_caller_waits_for_it(
    lone_app: Flask, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                make_job()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert [one.getMessage() for one in caplog.records] == [
        "wake-ups left to the sweeper: TimeoutError: Timeout reading from socket"
    ]


def test_it_is_asked_again_after_a_while(
    lone_app: Flask, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakes, "SILENT_SECONDS", 0.0)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        job = make_job()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert job.due_at is not None
    assert wake([Wake(job.id, job.platform, job.due_at, 1)])
    assert RunQueue(PUBLISH_QUEUES[job.platform], current_redis()).count > 0


def test_what_was_kept_from_it_is_scheduled_once_it_answers(
    lone_app: Flask, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else those posts would be found only when they are overdue."""
    sweeper = Sweeper(memory_check_seconds=0.0)
    sweeper.sweep(utcnow())
    os.kill(server.pid, signal.SIGSTOP)
    try:
        make_job(due_at=utcnow() + timedelta(minutes=5))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    make_job(due_at=utcnow() + timedelta(minutes=6))  # within the silence
    lone_app.extensions[wakes.SILENT_UNTIL] = 0.0
    make_job(due_at=utcnow() + timedelta(minutes=7))
    queue = PostScheduler(PUBLISH_QUEUES["TIKTOK"], current_redis())
    assert current_redis().zcard(queue.scheduled_jobs_key) < 3
    sweeper.sweep(utcnow())
    assert current_redis().zcard(queue.scheduled_jobs_key) == 3
