"""A post that is known to be live does not fail because it could not be followed any further."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.accounts import disconnect_account
from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.models import Account, Gate, PublishedPost, PublishJob, TimelineEntry, Video
from app.publishing import steer
from app.states import FINAL_STATES, AccountState, JobState
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import checkpoint_of, outbox_events, run_once, run_to_end
from workers.maintenance.follow_ups import follow_up_due
from workers.publishing.pipeline import LOST_RUNS_MAX
from workers.publishing.retry import POLL_AGAIN_LIMIT

pytestmark = pytest.mark.usefixtures("context")
UNFOLLOWED = "The post is live, but could not be followed any further"
Loss = Callable[[Platforms, Account], None]


def revoke(platforms: Platforms, account: Account) -> None:
    """Take the consent back on the platform."""
    platforms.revoke(account.platform_user_id)


def disconnect(platforms: Platforms, account: Account) -> None:
    """Disconnect the account from this service."""
    assert disconnect_account(account.user_id, account.id, utcnow())


def warnings_of(job: PublishJob) -> list[str]:
    """Return the warnings in a job's timeline."""
    query = db.session.query(TimelineEntry).filter_by(job_id=job.id, name="warning")
    found = [entry.error_message or "" for entry in query]
    db.session.commit()
    return found


def post_of(job: PublishJob) -> PublishedPost:
    """Return a job's post."""
    found = db.session.query(PublishedPost).filter_by(job_id=job.id).populate_existing().one()
    db.session.commit()
    return found


def processed_later(platforms: Platforms, video: Video) -> tuple[Account, PublishJob]:
    """Upload a video to YouTube that is processed for a while."""
    platforms.settings(processing_seconds=60)
    account = connect(platforms, "YOUTUBE")
    job = make_job("YOUTUBE", account=account, video=video)
    assert run_once(job).state is JobState.ACTIVE
    return account, job


@pytest.mark.parametrize("lose", [revoke, disconnect])
def test_video_whose_account_is_lost_while_it_is_processed_is_published(
    lose: Loss, platforms: Platforms, stored_film: Video
) -> None:
    account, job = processed_later(platforms, stored_film)
    lose(platforms, account)
    done = run_to_end(job)
    assert (done.state, done.error_code) == (JobState.COMPLETED, None)
    [warning] = warnings_of(job)
    assert warning.startswith(UNFOLLOWED)
    [live] = platforms.posts()
    post = post_of(job)
    assert post.platform_post_id == live["id"] and live["id"] in (post.url or "")
    assert [one["type"] for one in outbox_events()].count("publish.completed") == 1


def test_video_of_which_youtube_says_nothing_for_a_day_is_published_and_followed_up(
    platforms: Platforms, stored_film: Video
) -> None:
    _, job = processed_later(platforms, stored_film)
    platforms.fault("YOUTUBE", "error", call="youtube.videos", code="backendError", times=2)
    wait_until(lambda: run_once(job).error_code, "a poll without an answer")
    long_ago = utcnow() - POLL_AGAIN_LIMIT - timedelta(minutes=1)
    db.session.query(PublishJob).update({"unanswered_since": long_ago, "due_at": utcnow()})
    db.session.query(Gate).delete()
    db.session.commit()
    assert run_once(job).state is JobState.COMPLETED
    assert [one.startswith(UNFOLLOWED) for one in warnings_of(job)] == [True]
    platforms.advance(120)
    db.session.query(PublishedPost).update({"follow_up_at": utcnow()})
    db.session.commit()
    follow_up_due()
    assert post_of(job).follow_up_at is None
    assert len(platforms.posts()) == 1


def test_account_lost_in_the_very_run_that_got_the_id_fails_no_post(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "YOUTUBE")
    platforms.fault("YOUTUBE", "error", call="youtube.thumbnail", code="authError")
    platforms.fault("YOUTUBE", "error", call="youtube.token", code="invalid_grant")
    options = {"title": "A film", "coverTimestampMs": 500}
    job = make_job("YOUTUBE", account=account, video=stored_film, platform_options=options)
    assert run_once(job).state is JobState.COMPLETED
    found = db.session.get_one(Account, account.id, populate_existing=True)
    assert found.state is AccountState.RECONNECT_REQUIRED


def test_video_that_youtube_could_not_process_fails(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("YOUTUBE", "fail_processing", reason="codec")
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    assert run_to_end(job).error_code == "codec"


def test_post_without_an_id_is_not_taken_to_be_live(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "YOUTUBE")
    platforms.fault("YOUTUBE", "lost_answer", call="youtube.upload")
    job = make_job("YOUTUBE", account=account, video=stored_film)
    assert run_once(job).is_committed
    disconnect(platforms, account)
    db.session.query(PublishJob).update({"due_at": utcnow()})
    db.session.commit()
    failed = run_to_end(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "account_disconnected")


def test_reel_whose_account_is_lost_before_its_link_was_read_is_published(
    platforms: Platforms, stored_film: Video
) -> None:
    """As after the worker's death between the answer to its publishing and the record of it."""
    account = connect(platforms, "INSTAGRAM")
    job = make_job("INSTAGRAM", account=account, video=stored_film)
    run_once(job)
    known = {**checkpoint_of(job), "publishing_at": 1.0, "media_id": "17900000000000000"}
    db.session.query(PublishJob).filter_by(id=job.id).update(
        {"checkpoint": known, "committed_at": utcnow()}
    )
    db.session.commit()
    disconnect(platforms, account)
    assert run_to_end(job).state is JobState.COMPLETED
    assert post_of(job).platform_post_id == "17900000000000000"
    assert [one.startswith(UNFOLLOWED) for one in warnings_of(job)] == [True]


def test_video_whose_polls_lose_their_workers_is_published(
    platforms: Platforms, stored_film: Video
) -> None:
    _, job = processed_later(platforms, stored_film)
    with transaction() as session:
        found = session.get_one(PublishJob, job.id, populate_existing=True)
        found.lost_runs, found.due_at = LOST_RUNS_MAX + 1, utcnow()
    assert run_once(job).state is JobState.COMPLETED
    [warning] = warnings_of(job)
    assert warning.startswith(UNFOLLOWED)


@pytest.mark.parametrize("lost_runs", [0, LOST_RUNS_MAX + 1])
def test_job_whose_checkpoint_cannot_be_read_ends(
    platforms: Platforms, stored_film: Video, lost_runs: int
) -> None:
    """The bug that ends it is met again by the search for a known post."""
    _, job = processed_later(platforms, stored_film)
    with transaction() as session:
        found = session.get_one(PublishJob, job.id, populate_existing=True)
        found.checkpoint = {"of": "another version"}
        found.lost_runs, found.due_at = lost_runs, utcnow()
    with suppress(TypeError):
        run_once(job)
    assert row(job.id).state is JobState.FAILED


def test_rejected_video_is_not_published_by_a_bug_in_recording_it(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("YOUTUBE", "fail_processing", reason="termsOfUse")
    _, job = processed_later(platforms, stored_film)
    platforms.advance(120)
    strikes = []

    def strike(session: Session, *_: Any) -> None:
        if not strikes and any(
            getattr(one, "state", None) is JobState.FAILED for one in session.dirty
        ):
            strikes.append(job.id)
            raise KeyError("a bug")

    event.listen(Session, "before_flush", strike)
    try:
        with pytest.raises(KeyError):
            wait_until(lambda: run_once(job).state in FINAL_STATES, "the poll")
    finally:
        event.remove(Session, "before_flush", strike)
    assert row(job.id).state is JobState.FAILED


@pytest.mark.parametrize("lost_runs", [0, LOST_RUNS_MAX + 1])
def test_job_ends_although_its_known_post_cannot_be_recorded(
    platforms: Platforms, stored_film: Video, lost_runs: int
) -> None:
    """It fails then, says that it may be live, and a retry polls it."""
    _, job = processed_later(platforms, stored_film)
    platforms.advance(120)
    with transaction() as session:
        found = session.get_one(PublishJob, job.id, populate_existing=True)
        found.lost_runs, found.due_at = lost_runs, utcnow()

    def strike(session: Session, *_: Any) -> None:
        if any(getattr(one, "state", None) is JobState.COMPLETED for one in session.dirty):
            raise KeyError("a bug")

    event.listen(Session, "before_flush", strike)
    try:
        with suppress(KeyError):
            run_once(job)
    finally:
        event.remove(Session, "before_flush", strike)
    failed = row(job.id)
    assert (failed.state, failed.is_committed) == (JobState.FAILED, True)
    assert "may be live" in (failed.error_message or "")
    steer.retry(job.id, utcnow())
    assert run_to_end(job).state is JobState.COMPLETED
    assert len(platforms.posts()) == 1
