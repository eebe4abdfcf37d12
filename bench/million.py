"""A million jobs in PostgreSQL: what the operator's looks cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import flask_migrate
from flask import Flask

from app import create_app
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.metrics.rolling import count_on
from bench.figures import Figure, percentile
from tests.services import PostgresServer

ROOT = Path(__file__).resolve().parent.parent
JOBS = 1_000_000
#: Those that wait for their time; the others ended within the last 90 days.
DELAYED = 100_000
ACCOUNTS = 2_000
LOOKS = 40
KEY = "bench-key"
#: What is looked at, by its name in the table.
PATHS = {
    "/api/metrics, a day": "/api/metrics?window=24h",
    "/api/metrics, a week": "/api/metrics?window=7d",
    "/metrics": "/metrics",
}

_PLATFORM = "(ARRAY['TIKTOK','INSTAGRAM','YOUTUBE'])[1 + n % 3]"
_ENDED_AT = f"now() - (interval '90 days') * ((n - {DELAYED}) / {JOBS - DELAYED}.0)"
FILL = (
    f"""INSERT INTO accounts (id, user_id, platform, platform_user_id, username, login_type, scopes,
        state, state_reason, created_at, updated_at)
    SELECT 'A' || lpad(n::text, 25, '0'), 'user-' || n % 500, {_PLATFORM}, 'p' || n, 'name', '',
        '[]', 'active', '', now(), now() FROM generate_series(1, {ACCOUNTS}) n""",
    f"""INSERT INTO videos (id, user_id, r2_key, title, state, state_reason, is_upload, etag,
        file_size, created_at)
    SELECT 'V' || lpad(n::text, 25, '0'), 'user-' || n % 500, 'k' || n, 'film', 'ready', '', true,
        'e', 20000000, now() FROM generate_series(1, {ACCOUNTS}) n""",
    f"""INSERT INTO publish_jobs (id, user_id, account_id, video_id, platform, caption, hashtags,
        privacy_level, share_to_feed, platform_options, priority, max_attempts, backoff_type,
        backoff_delay_ms, remove_on_complete, remove_on_fail, scheduled_time, state, progress,
        due_at, attempts_made, lost_runs, reopened, run_number, is_leased, wake_number,
        cancel_requested, created_at, started_at, finished_at, error_code, error_category)
    SELECT 'J' || lpad(n::text, 25, '0'), 'user-' || n % 500,
        'A' || lpad((1 + n % {ACCOUNTS})::text, 25, '0'),
        'V' || lpad((1 + n % {ACCOUNTS})::text, 25, '0'), {_PLATFORM}, 'A caption', '[]', 'public',
        true, '{{}}', 3 + n % 3, 3, 'exponential', 5000, 'false', 'false', NULL,
        CASE WHEN n <= {DELAYED} THEN 'waiting' WHEN n % 20 = 0 THEN 'failed' ELSE 'completed' END,
        100, CASE WHEN n <= {DELAYED} THEN now() + (n || ' seconds')::interval END,
        CASE WHEN n <= {DELAYED} THEN 0 ELSE 1 + (n % 10 = 0)::int END, 0, 0, 1, false, 1, false,
        {_ENDED_AT} - interval '45 seconds',
        CASE WHEN n > {DELAYED} THEN {_ENDED_AT} - interval '40 seconds' END,
        CASE WHEN n > {DELAYED} THEN {_ENDED_AT} END,
        CASE WHEN n % 20 = 0 THEN 'read_timeout' END, CASE WHEN n % 20 = 0 THEN 'network' END
    FROM generate_series(1, {JOBS}) n""",
    """INSERT INTO published_posts (id, job_id, user_id, account_id, video_id, platform,
        platform_post_id, caption, published_at)
    SELECT 'P' || substr(id, 2), id, user_id, account_id, video_id, platform, id, 'A caption',
        finished_at FROM publish_jobs WHERE state = 'completed'""",
    """INSERT INTO timeline (job_id, kind, name, attempt, started_at, ended_at, outcome)
    SELECT id, 'step', 'upload', 1, finished_at - interval '20 seconds',
        finished_at - interval '10 seconds', 'done' FROM publish_jobs WHERE finished_at IS NOT NULL
        AND state = 'completed'""",
    """INSERT INTO timeline (job_id, kind, name, attempt, started_at, ended_at, outcome,
        error_code, error_category)
    SELECT id, 'attempt', 'attempt 1', 1, started_at, finished_at, 'failed', 'read_timeout',
        'network' FROM publish_jobs WHERE finished_at IS NOT NULL AND attempts_made > 1""",
    "VACUUM ANALYZE",
)


def measure_million(config: Config) -> list[Figure]:
    """Return how long each of `PATHS` takes, with the given settings but for the database."""
    with closing(_Postgres()) as postgres:
        app = create_app(replace(config, database_url=postgres.url, api_keys=(KEY,)))
        with app.app_context():
            flask_migrate.upgrade(str(ROOT / "migrations"))
            _fill()
            started = time.monotonic()
            while count_on(utcnow()):
                db.session.remove()
            counted = Figure(
                "a million jobs: counted for the first time", "s", (time.monotonic() - started,)
            )
        figures = [_measured(app, name, path) for name, path in PATHS.items()]
        with app.app_context():
            db.engine.dispose()
    return [counted, *figures]


class _Postgres:
    """A PostgreSQL that is gone afterwards."""

    def __init__(self) -> None:
        self._server = PostgresServer()
        url = self._server.create_database("million")
        self.url = url.replace("postgresql://", "postgresql+psycopg://")

    def close(self) -> None:
        """End it."""
        self._server.remove()


def _fill() -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("SET synchronous_commit = off")
        for statement in FILL:
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.exec_driver_sql("RESET ALL")


def _measured(app: Flask, name: str, path: str) -> Figure:
    look = _look(app, path)
    look()  # so that everything is loaded
    took = [look() for _ in range(LOOKS)]
    return Figure(f"a million jobs: {name}", "ms", (percentile(took, 0.5), percentile(took, 0.95)))


def _look(app: Flask, path: str) -> Callable[[], float]:
    client = app.test_client()

    def look() -> float:
        started = time.perf_counter()
        answer = client.get(path, headers={"Authorization": f"Bearer {KEY}"})
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return (time.perf_counter() - started) * 1000

    return look
