"""The database goes away during a run, and comes back: that costs the post nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.limits import lanes
from app.models import PublishJob, Video
from app.publishing import outcomes
from app.publishing.claims import claim_next
from app.states import JobState
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.platforms import Platforms
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import use_handler
from workers.platforms.base import Context
from workers.platforms.youtube import YouTubeHandler
from workers.publishing.endings import DATABASE_AWAY
from workers.publishing.pipeline import advance, poll
from workers.publishing.retry import DATABASE_PAUSE, OUTAGE_LIMIT

pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]
AWAY_SECONDS = 1.5


@pytest.fixture
def go_away() -> Iterator[Callable[[], None]]:
    """Close the database to all for a moment."""
    url = db.engine.url
    elsewhere = url.set(drivername="postgresql", database="postgres")
    address = elsewhere.render_as_string(hide_password=False)
    timers: list[threading.Timer] = []

    def allow(word: str) -> None:
        with psycopg.connect(address, autocommit=True) as server:
            server.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS {word}".encode())
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [url.database],
            )

    def close() -> None:
        allow("false")
        timers.append(threading.Timer(AWAY_SECONDS, allow, ["true"]))
        timers[-1].start()

    yield close
    for timer in timers:
        timer.join()


class LosesIt(YouTubeHandler):
    """Calls `go_away` at one point of the run."""

    go_away: ClassVar[Callable[[], None]]


class LosesItBeforeTheUpload(LosesIt):
    def open(self, context: Context) -> Any:
        type(self).go_away()
        with transaction() as session:
            session.execute(text("SELECT 1"))


class LosesItAfterTheUpload(LosesIt):
    def after_upload(self, context: Context, upload: Any) -> None:
        super().after_upload(context, upload)
        type(self).go_away()


@pytest.fixture
def begun(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    go_away: Callable[[], None],
    platforms: Platforms,
    stored_film: Video,
) -> PublishJob:
    """A job whose handler, the test's parameter, loses the database."""
    monkeypatch.setattr(request.param, "go_away", staticmethod(go_away), raising=False)
    use_handler(monkeypatch, "YOUTUBE", request.param)
    return make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)


@pytest.mark.parametrize("begun", [LosesItAfterTheUpload], indirect=True)
def test_outcome_is_held_until_it_is_back(begun: PublishJob) -> None:
    advance("YOUTUBE", begun.id)
    found = row(begun.id)
    assert (found.state, found.is_at_platform) == (JobState.ACTIVE, True)
    assert (found.is_leased, found.lost_runs) == (False, 0)


@pytest.mark.parametrize("begun", [LosesItBeforeTheUpload], indirect=True)
def test_run_that_cannot_go_on_hands_the_job_back(begun: PublishJob) -> None:
    with pytest.raises(OperationalError):
        advance("YOUTUBE", begun.id)
    found = row(begun.id)
    assert (found.state, found.is_leased, found.lost_runs) == (JobState.ACTIVE, False, 0)
    assert found.due_at is not None and found.due_at <= utcnow() + DATABASE_PAUSE
    assert (found.attempts_made, found.error_code) == (1, DATABASE_AWAY.code)


class MeetsAnErrorOfItsOwn(YouTubeHandler):
    """Runs a statement that always takes too long."""

    def open(self, context: Context) -> Any:
        with transaction() as session:
            session.execute(text("SET LOCAL statement_timeout = '10ms'"))
            session.execute(text("SELECT pg_sleep(5)"))


def test_job_that_the_database_alone_refuses_waits_longer_each_time_and_fails_after_a_day(
    monkeypatch: pytest.MonkeyPatch, platforms: Platforms, stored_film: Video
) -> None:
    use_handler(monkeypatch, "YOUTUBE", MeetsAnErrorOfItsOwn)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    for waited, state in (
        (timedelta(), JobState.ACTIVE),
        (timedelta(minutes=2), JobState.ACTIVE),
        (OUTAGE_LIMIT + timedelta(minutes=1), JobState.FAILED),
    ):
        with transaction() as session:
            found = session.get_one(PublishJob, job.id, populate_existing=True)
            found.due_at = utcnow()
            found.error_since = found.error_since and utcnow() - waited
            lanes.refresh(session, found)
        with pytest.raises(OperationalError):
            advance("YOUTUBE", job.id)
        found = row(job.id)
        assert (found.state, found.error_code) == (state, DATABASE_AWAY.code)
        goes_on = found.error_hint == DATABASE_AWAY.hint
        assert goes_on is (state is JobState.ACTIVE)
        if state is JobState.ACTIVE:
            assert found.due_at is not None
            assert found.due_at >= utcnow() + waited - timedelta(seconds=1)


class KnowsAnotherSchema(YouTubeHandler):
    """Runs a statement of a version to which the tables are not migrated yet."""

    def open(self, context: Context) -> Any:
        with transaction() as session:
            session.execute(text("SELECT of_the_next_version FROM publish_jobs"))


def test_run_that_the_tables_do_not_fit_hands_the_job_back(
    monkeypatch: pytest.MonkeyPatch, platforms: Platforms, stored_film: Video
) -> None:
    use_handler(monkeypatch, "YOUTUBE", KnowsAnotherSchema)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    with pytest.raises(ProgrammingError):
        advance("YOUTUBE", job.id)
    found = row(job.id)
    assert (found.state, found.is_leased, found.lost_runs) == (JobState.ACTIVE, False, 0)
    assert (found.attempts_made, found.error_code) == (1, DATABASE_AWAY.code)


class MeetsAnErrorOnceUploaded(YouTubeHandler):
    """Uploads the video, and can then never be polled."""

    def poll(self, context: Context, upload: Any) -> Any:
        with transaction() as session:
            session.execute(text("SET LOCAL statement_timeout = '10ms'"))
            session.execute(text("SELECT pg_sleep(5)"))


def test_post_that_is_known_ends_completed_where_the_database_refuses_its_job_for_a_day(
    monkeypatch: pytest.MonkeyPatch, platforms: Platforms, stored_film: Video
) -> None:
    use_handler(monkeypatch, "YOUTUBE", MeetsAnErrorOnceUploaded)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    advance("YOUTUBE", job.id)
    for waited, state in (
        (timedelta(), JobState.ACTIVE),
        (OUTAGE_LIMIT + timedelta(minutes=1), JobState.COMPLETED),
    ):
        with transaction() as session:
            found = session.get_one(PublishJob, job.id, populate_existing=True)
            found.due_at = utcnow()
            found.error_since = found.error_since and utcnow() - waited
        with pytest.raises(OperationalError):
            poll("YOUTUBE", job.id)
        assert row(job.id).state is state


@pytest.mark.parametrize("begun", [LosesItBeforeTheUpload], indirect=True)
def test_absence_is_counted_anew_after_a_run_that_went_on(begun: PublishJob) -> None:
    with pytest.raises(OperationalError):
        advance("YOUTUBE", begun.id)
    with transaction() as session:
        found = session.get_one(PublishJob, begun.id, populate_existing=True)
        found.due_at, found.error_since = utcnow(), utcnow() - OUTAGE_LIMIT - timedelta(hours=1)
        lanes.refresh(session, found)
    claim = claim_next("YOUTUBE", utcnow())
    assert claim is not None
    outcomes.hand_back(claim, utcnow())
    assert row(begun.id).error_code is None
    with pytest.raises(OperationalError):
        advance("YOUTUBE", begun.id)
    assert row(begun.id).state is JobState.ACTIVE
