"""Claims: who gets a row, in which order, and that only its holder can write."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask, current_app

from app.clock import utcnow
from app.extensions import db
from app.models import PublishJob
from app.publishing import outcomes, steer
from app.publishing.claims import LEASE_SECONDS, Claim, claim_next
from app.publishing.errors import CancelRequested, Superseded, WrongState
from app.publishing.holding import (
    begin_step,
    forget_upload,
    renew,
    save_checkpoint,
    show_progress,
)
from app.publishing.timeline import Failure
from app.states import JobState, Step
from tests.factories import make_account, make_job, make_video

FAILURE = Failure("read_timeout", "network", "the connection broke")
LEASE = timedelta(seconds=LEASE_SECONDS)


def row(job_id: str) -> PublishJob:
    """Read a job afresh."""
    db.session.commit()
    job = db.session.get_one(PublishJob, job_id, populate_existing=True)
    db.session.commit()
    return job


def claimed(job: PublishJob) -> Claim:
    """Claim the only due job."""
    claim = claim_next(job.platform, utcnow())
    assert claim is not None and claim.job_id == job.id
    return claim


def test_claim_begins_an_attempt_and_holds_the_row() -> None:
    job = make_job()
    claim = claimed(job)
    held = row(job.id)
    assert (held.state, held.attempts_made, held.is_leased) == (JobState.ACTIVE, 1, True)
    assert claim.attempt == 1
    assert claim_next("TIKTOK", utcnow()) is None


def test_claim_goes_by_priority_then_by_due_time() -> None:
    now = utcnow()
    account, video = make_account(), make_video()
    made = [
        make_job(account=account, video=video, priority=priority, due_at=now - timedelta(seconds=s))
        for priority, s in [(3, 50), (10, 1), (5, 10), (5, 20), (1, 90)]
    ]
    order = []
    while (claim := claim_next("TIKTOK", now)) is not None:
        order.append([job.id for job in made].index(claim.job_id))
    assert order == [1, 3, 2, 0, 4]


def test_claim_leaves_what_is_not_due_and_other_platforms() -> None:
    now = utcnow()
    make_job("YOUTUBE")
    make_job(due_at=now + timedelta(milliseconds=1))
    assert claim_next("TIKTOK", now) is None
    assert claim_next("TIKTOK", now + timedelta(milliseconds=1)) is not None


def test_claim_of_one_row_by_many_at_once_succeeds_once() -> None:
    job = make_job()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    start, won = threading.Barrier(8), []

    def contend() -> None:
        start.wait()
        with app.app_context():
            if claim_next("TIKTOK", utcnow()) is not None:
                won.append(1)

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert row(job.id).attempts_made == 1


def test_lost_worker_is_followed_by_another_within_the_same_attempt() -> None:
    job = make_job()
    first = claimed(job)
    save_checkpoint(first, {"publish_id": "p1"}, utcnow())
    second = claim_next("TIKTOK", utcnow() + LEASE + timedelta(seconds=1))
    assert second is not None
    assert (second.job_id, second.attempt, second.lost_runs) == (job.id, 1, 1)
    assert second.checkpoint == {"publish_id": "p1"}


def test_superseded_worker_can_write_nothing() -> None:
    job = make_job()
    late = claimed(job)
    successor = claim_next("TIKTOK", utcnow() + LEASE + timedelta(seconds=1))
    assert successor is not None
    now = utcnow()
    assert not renew(late, now)
    writes = [
        lambda: save_checkpoint(late, {"publish_id": "p2"}, now),
        lambda: save_checkpoint(late, {"publish_id": "p2"}, now, commits=True),
        lambda: begin_step(late, Step.UPLOAD, now),
        lambda: show_progress(late, 50),
        lambda: forget_upload(late),
        lambda: outcomes.ask_again(late, now, progress=85),
        lambda: outcomes.try_again(late, FAILURE, now, now),
        lambda: outcomes.hold_back(late, FAILURE, now, now),
        lambda: outcomes.read_again(late, FAILURE, now),
        lambda: outcomes.hand_back(late, now),
        lambda: outcomes.cancelled(late, now),
        lambda: outcomes.fail(late, FAILURE, now),
        lambda: outcomes.complete(late, now, platform_post_id="1", url=None),
    ]
    for write in writes:
        with pytest.raises(Superseded):
            write()
    assert row(job.id).checkpoint is None
    assert renew(successor, now)


def test_renewal_keeps_the_row_from_others() -> None:
    job = make_job()
    claim = claimed(job)
    later = utcnow() + LEASE - timedelta(seconds=1)
    assert renew(claim, later)
    assert claim_next("TIKTOK", later + timedelta(seconds=5)) is None


def test_cancellation_of_a_running_job_is_honoured_until_it_commits() -> None:
    job = make_job()
    claim = claimed(job)
    steer.cancel(job.id, utcnow())
    with pytest.raises(CancelRequested):
        save_checkpoint(claim, {"publish_id": "p1"}, utcnow(), commits=True)
    assert not row(job.id).is_committed
    outcomes.cancelled(claim, utcnow())
    assert row(job.id).state is JobState.CANCELLED


def test_cancellation_after_the_commit_is_refused() -> None:
    job = make_job()
    claim = claimed(job)
    save_checkpoint(claim, {"publish_id": "p1"}, utcnow(), commits=True)
    with pytest.raises(WrongState):
        steer.cancel(job.id, utcnow())
    save_checkpoint(claim, {"publish_id": "p1", "sent": True}, utcnow())
    assert row(job.id).state is JobState.ACTIVE


def test_cancelled_job_of_a_lost_worker_ends_at_the_next_claim() -> None:
    job = make_job()
    claimed(job)
    steer.cancel(job.id, utcnow())
    assert claim_next("TIKTOK", utcnow() + LEASE + timedelta(seconds=1)) is None
    assert row(job.id).state is JobState.CANCELLED


def test_given_back_attempt_does_not_count() -> None:
    job = make_job()
    outcomes.hold_back(claimed(job), FAILURE, utcnow(), utcnow())
    assert row(job.id).attempts_made == 0
    assert claimed(job).attempt == 1


def test_failed_attempts_count_and_polls_do_not() -> None:
    job = make_job()
    now = utcnow()
    outcomes.ask_again(claimed(job), now, progress=85)
    outcomes.ask_again(claimed(job), now, progress=85)
    outcomes.try_again(claimed(job), FAILURE, now, now)
    assert claimed(job).attempt == 2
