"""The cost of the operator's pages in rows read, among many more than are shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import text

from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.queries.depths import read_depths
from app.queries.search import Search, find_story, list_ambiguous, search_jobs
from tests.databases import ON_POSTGRES
from tests.factories import make_account, make_video
from tests.rows_read import rows_read

# PostgreSQL, which tells how many rows it has read.
pytestmark = ON_POSTGRES

JOBS = 60_000
WAITING = 1_000
#: Of so many jobs, what a page of 25 may read: itself and its like, not the table.
READ_MAX = 1_500
#: All but the first are old and ended, one in a hundred of them badly.
_FILL = text("""
    INSERT INTO publish_jobs (id, user_id, account_id, video_id, platform, caption, hashtags,
      privacy_level, share_to_feed, platform_options, priority, max_attempts, backoff_type,
      backoff_delay_ms, remove_on_complete, remove_on_fail, state, progress, due_at,
      attempts_made, lost_runs, reopened, is_at_platform, run_number, is_leased, wake_number,
      cancel_requested, risks_told, created_at, error_category)
    SELECT '01' || lpad(upper(to_hex(i)), 24, '0'), 'user-' || i % 10, :account, :video,
      (ARRAY['TIKTOK', 'INSTAGRAM', 'YOUTUBE'])[1 + i % 3], '', '[]', 'public', true, '{}', 5, 3,
      'fixed', 5000, 'false', 'false', state, 0,
      CASE WHEN state = 'waiting' THEN now() + i * interval '1 minute' END,
      1, 0, 0, false, 1, false, 1, false, '[]', now(),
      CASE WHEN state = 'failed' THEN 'ambiguous' END
    FROM generate_series(1, :jobs) i, LATERAL (SELECT CASE WHEN i <= :waiting THEN 'waiting'
      WHEN i % 100 = 0 THEN 'failed' ELSE 'completed' END AS state) s
    """)


@pytest.fixture
def many(context: Flask) -> Iterator[None]:
    """A table that nobody wants to read whole."""
    account, video = make_account(username="famous"), make_video()
    given = {"account": account.id, "video": video.id, "jobs": JOBS, "waiting": WAITING}
    with transaction() as session:
        session.execute(_FILL, given)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE publish_jobs")
    yield


@pytest.mark.usefixtures("many")
def test_a_look_reads_little_of_a_large_table() -> None:
    now = utcnow()
    newest = "01" + format(JOBS, "X").rjust(24, "0")
    middle = "01" + format(JOBS // 2, "X").rjust(24, "0")
    for search in _searches(newest):
        for cursor in (None, middle):
            read = rows_read(lambda: _search(search, now, cursor))
            assert read <= READ_MAX, (search, cursor)
    assert rows_read(lambda: list_ambiguous(limit=20, cursor=None)) <= READ_MAX
    assert rows_read(lambda: find_story(newest)) <= READ_MAX
    assert rows_read(lambda: read_depths(now, 10)) <= READ_MAX
    assert [depth.delayed for depth in read_depths(now, 10)] == [10, 10, 10]


def _search(search: Search, now: datetime, cursor: str | None) -> None:
    search_jobs(search, now, limit=25, cursor=cursor)


def _searches(newest: str) -> list[Search]:
    states = ("delayed", "waiting", "active", "completed", "failed", "cancelled")
    return [
        Search(),
        Search(platform="YOUTUBE"),
        *(Search(state=state) for state in states),
        *(Search(state=state, platform="YOUTUBE") for state in states),
        Search("nobody"),
        Search(newest),
        Search("user-3"),
        Search("user-3", platform="YOUTUBE"),
    ]
