"""A publish that the platform refused: the same container is published again, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.orm import undefer

from app.clock import utcnow
from app.extensions import db
from app.models import Account, PublishJob, Video
from app.models.gate import Gate
from app.models.ledger_entry import LedgerEntry
from app.publishing import steer
from app.publishing.errors import WrongState
from app.states import AccountState, JobState
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.rows import row
from tests.workers.conftest import connect
from workers.publishing.pipeline import advance, poll

PUBLISH = "instagram.publish"


@pytest.fixture(autouse=True)
def surroundings(context: None) -> Iterator[None]:
    """Every test runs in an application context."""
    yield


def run_now(job_id: str) -> None:
    """Run a job as if its wait, and the time in which a publish settles, were over."""
    job = db.session.get_one(
        PublishJob, job_id, options=[undefer(PublishJob.checkpoint)], populate_existing=True
    )
    if job.checkpoint is not None:
        job.checkpoint = {**job.checkpoint, "settled_at": 0.0}
    if job.due_at is not None:
        job.due_at = utcnow()
    db.session.commit()
    advance("INSTAGRAM", job_id)
    poll("INSTAGRAM", job_id)


def run_until(job_id: str, is_there: Callable[[PublishJob], bool]) -> PublishJob:
    """Run a job until its row is as wanted, and return that."""

    def look() -> PublishJob | None:
        run_now(job_id)
        found = row(job_id)
        return found if is_there(found) else None

    return wait_until(look, "the job gets there")


def failed(job: PublishJob) -> bool:
    return job.state is JobState.FAILED


@pytest.fixture
def job(platforms: Platforms, stored_film: Video) -> PublishJob:
    account = connect(platforms, "INSTAGRAM", login_type="facebook")
    return make_job("INSTAGRAM", account=account, video=stored_film)


def posts_counted() -> int:
    """Return how many posts of 24 hours are used up."""
    entries = db.session.query(LedgerEntry).filter_by(counts="posts").all()
    db.session.commit()
    return sum(entry.amount for entry in entries)


def account_state(job: PublishJob) -> AccountState:
    account = db.session.get_one(Account, job.account_id, populate_existing=True)
    db.session.commit()
    return account.state


def test_refused_post_is_published_again_by_a_retry_from_the_same_container(
    platforms: Platforms, job: PublishJob
) -> None:
    platforms.fault("INSTAGRAM", "error", call=PUBLISH, code="352/2207026")
    assert run_until(job.id, failed).error_code == "352/2207026"
    steer.retry(job.id, utcnow())
    run_until(job.id, lambda found: found.state is JobState.COMPLETED)
    assert posts_counted() == len(platforms.posts()) == 1
    assert len(platforms.journal("instagram.container")) == 1


def test_post_whose_publish_was_refused_is_neither_cancelled_nor_edited(
    platforms: Platforms, job: PublishJob
) -> None:
    """Its container may be published all the same, and another one would make a second post."""
    platforms.settings(instagram_status_lag_seconds=2.0)
    platforms.fault("INSTAGRAM", "error", call=PUBLISH, code="9/2207042", after_work=True)
    waiting = run_until(job.id, lambda found: found.error_code == "9/2207042")
    assert waiting.state is JobState.WAITING and waiting.attempts_made == 0
    assert len(platforms.posts()) == 1
    with pytest.raises(WrongState):
        steer.cancel(job.id, utcnow())
    with pytest.raises(WrongState):
        steer.edit(job.id, {"caption": "another"}, utcnow(), judged={})


def test_post_goes_on_with_its_container_after_the_daily_limit(
    platforms: Platforms, job: PublishJob
) -> None:
    platforms.fault("INSTAGRAM", "error", call=PUBLISH, code="9/2207042")
    run_until(job.id, lambda found: found.error_code == "9/2207042")
    db.session.query(Gate).filter_by(key=job.account_id).delete()  # the limit's hour is over
    db.session.commit()
    run_until(job.id, lambda found: found.state is JobState.COMPLETED)
    assert len(platforms.posts()) == len(platforms.journal("instagram.container")) == 1


def test_publish_that_keeps_failing_uses_up_the_attempts(
    platforms: Platforms, job: PublishJob
) -> None:
    platforms.fault("INSTAGRAM", "error", call=PUBLISH, code="2", times=100)
    ended = run_until(job.id, failed)
    assert (ended.error_code, ended.error_category) == ("2", "platform")
    assert ended.attempts_made == ended.max_attempts == 3
    assert len(platforms.journal(PUBLISH)) == 4 + 1 + 1
    assert len(platforms.journal("instagram.container")) == 1


def test_token_refused_at_publishing_does_not_condemn_the_next_one(
    platforms: Platforms, job: PublishJob
) -> None:
    platforms.fault("INSTAGRAM", "error", call=PUBLISH, code="190/460")
    run_until(job.id, failed)
    assert account_state(job) is AccountState.RECONNECT_REQUIRED
    db.session.query(Account).update({"state": AccountState.ACTIVE})  # the owner connects again
    db.session.commit()
    steer.retry(job.id, utcnow())
    run_until(job.id, lambda found: found.state is JobState.COMPLETED)
    assert account_state(job) is AccountState.ACTIVE
    assert len(platforms.posts()) == 1
