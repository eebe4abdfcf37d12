"""Response times of the operator's pages and the metrics with a million jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from sqlalchemy import text

from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.metrics.rollup import needs_roll_up, roll_up
from app.platforms import PLATFORMS
from bench.bench import Bench
from bench.figures import OURS, Figure, Goal
from bench.posts import make_accounts, probed_video
from bench.stage import API_KEY
from sandbox.loopback import loopback_session

LOOKS = 20
GOAL_MS = 200
ACCOUNTS_EACH = 100
OPERATOR = ("operator", "bench-password")
#: Half of them are scheduled over a year, half have ended over the last 90 days, the last ones a
#: moment ago. One in twenty of those failed, a few of them with an unknown outcome.
_JOBS = text("""
    INSERT INTO publish_jobs (id, user_id, account_id, video_id, platform, caption, hashtags,
      privacy_level, share_to_feed, platform_options, priority, max_attempts, backoff_type,
      backoff_delay_ms, remove_on_complete, remove_on_fail, state, progress, due_at,
      attempts_made, lost_runs, reopened, is_at_platform, run_number, is_leased, wake_number,
      cancel_requested, risks_told, error_code, error_category, error_message,
      created_at, started_at, finished_at)
    SELECT '01' || lpad(upper(to_hex(i)), 24, '0'), 'user-' || i % 1000,
      a.ids[1 + i % cardinality(a.ids)], :video, a.platforms[1 + i % cardinality(a.ids)],
      'Measured', '[]', 'public', true, '{}', 5, 3, 'fixed', 5000, 'false', 'false', s.state, 0,
      CASE WHEN s.state = 'waiting' THEN now() + i * interval '1 year' / :jobs END,
      (s.state <> 'waiting')::int, 0, 0, false, 1, false, 1, false, '[]',
      CASE WHEN s.state = 'failed' THEN 'video_missing' END,
      CASE WHEN s.state = 'failed' THEN s.category END,
      CASE WHEN s.state = 'failed' THEN 'The video is not there' END,
      e.ended_at - interval '20 seconds', e.ended_at - interval '19 seconds',
      CASE WHEN s.state <> 'waiting' THEN e.ended_at END
    FROM generate_series(1, :jobs) i,
      (SELECT array_agg(id ORDER BY id) AS ids, array_agg(platform ORDER BY id) AS platforms
        FROM accounts) a,
      LATERAL (SELECT
        CASE WHEN i % 2 = 0 THEN 'waiting' WHEN i % 20 = 1 THEN 'failed' ELSE 'completed' END
          AS state,
        CASE WHEN i % 1000 = 1 THEN 'ambiguous' ELSE 'video' END AS category) s,
      LATERAL (SELECT now() - (:jobs - i) * interval '90 days' / :jobs AS ended_at) e
    """)
_ATTEMPTS = text("""
    INSERT INTO timeline (job_id, kind, name, attempt, started_at, ended_at, outcome, error_code,
      error_category, error_message)
    SELECT id, 'attempt', 'attempt 1', 1, started_at, finished_at,
      CASE WHEN state = 'failed' THEN 'failed' ELSE 'done' END,
      error_code, error_category, error_message
    FROM publish_jobs WHERE finished_at IS NOT NULL
    """)


@dataclass(frozen=True)
class _Look:
    """A path, and its name in the table."""

    name: str
    path: str


_LOOKS = (
    _Look("/admin", "/admin"),
    _Look("/admin over 7 days", "/admin?window=7d"),
    _Look("/admin/attention", "/admin/attention"),
    _Look("/admin/jobs", "/admin/jobs"),
    _Look("/admin/jobs of a user", "/admin/jobs?q=user-7"),
    _Look("/admin/jobs that failed", "/admin/jobs?state=failed&platform=TIKTOK"),
    _Look("/admin/limits", "/admin/limits"),
    _Look("/api/metrics", "/api/metrics"),
    _Look("/api/metrics over 7 days", "/api/metrics?window=7d"),
    _Look("/metrics", "/metrics"),
)


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the milliseconds of each page and of the metrics, on one web process."""
    username, password = OPERATOR
    with bench.stage(ADMIN_USERNAME=username, ADMIN_PASSWORD=password) as stage:
        fill(bench.size.operator_jobs)
        with stage.web(1) as (_, url), loopback_session() as session:
            for look in _LOOKS:
                name = f"{look.name} with {bench.size.operator_jobs:,} jobs"
                took = list(_took(session, f"{url}{look.path}"))
                yield Figure(name, "ms", {OURS: took}, (Goal(GOAL_MS),))


def fill(jobs: int) -> None:
    """Insert `count` jobs, aggregate those that have ended, and analyze the tables."""
    for platform in PLATFORMS:
        make_accounts(None, ACCOUNTS_EACH, platform=platform)
    video_id = probed_video()
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(_JOBS, {"jobs": jobs, "video": video_id})
        session.execute(_ATTEMPTS)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("RESET statement_timeout")
    while needs_roll_up(utcnow()):
        roll_up(utcnow())


def _took(session: requests.Session, url: str) -> Iterator[float]:
    for number in range(1 + LOOKS):
        headers = {} if "/admin" in url else {"Authorization": f"Bearer {API_KEY}"}
        auth = OPERATOR if "/admin" in url else None
        started = time.perf_counter()
        answer = session.get(url, headers=headers, auth=auth, timeout=60)
        took_ms = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}")
        if number:  # the first is a warm-up
            yield took_ms
