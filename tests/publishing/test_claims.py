"""Claims: who gets a row, in which order, and that only its holder can write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from flask import Flask, current_app

from app.clock import utcnow
from app.crypto import Cipher
from app.extensions import db
from app.failures import Category, Failure
from app.models import PublishJob, TimelineEntry
from app.publishing import outcomes, steer
from app.publishing.claims import LEASE_SECONDS, Claim, claim_next
from app.publishing.errors import WrongState
from app.publishing.leased import (
    begin_steps,
    forget_upload,
    read_current,
    renew,
    save_checkpoint,
    show_progress,
)
from app.run_stops import CancelRequested, Superseded
from app.states import JobState, Step
from tests.factories import make_account, make_job, make_video
from tests.rows import row

FAILURE = Failure("read_timeout", Category.NETWORK, "the connection broke")
LEASE = timedelta(seconds=LEASE_SECONDS)


def claimed(job: PublishJob) -> Claim:
    """Claim the only due job."""
    claim = claim_next(job.platform, utcnow())
    assert claim is not None and claim.job_id == job.id
    return claim


def test_dead_upload_is_counted_once_though_the_database_lost_its_response() -> None:
    """Then the write is repeated."""
    job = make_job()
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None
    forget_upload(claim)
    forget_upload(claim)
    assert row(job.id).reopened == 1


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


def test_claim_skips_what_is_not_due_and_other_platforms() -> None:
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


def test_lost_worker_is_replaced_within_the_same_attempt() -> None:
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
        lambda: begin_steps(late, [Step.UPLOAD], now),
        lambda: show_progress(late, 50),
        lambda: forget_upload(late),
        lambda: outcomes.poll_again(late, now, now, progress=85),
        lambda: outcomes.try_again(late, FAILURE, now, now),
        lambda: outcomes.hold_back(late, FAILURE, now, now),
        lambda: outcomes.poll_unanswered(late, FAILURE, now, now),
        lambda: outcomes.hand_back(late, now),
        lambda: outcomes.cancel(late, now),
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
    outcomes.cancel(claim, utcnow())
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
    outcomes.poll_again(claimed(job), now, now, progress=85)
    outcomes.poll_again(claimed(job), now, now, progress=85)
    outcomes.try_again(claimed(job), FAILURE, now, now)
    assert claimed(job).attempt == 2


@pytest.mark.parametrize(
    "release",
    [
        lambda claim, at: outcomes.poll_again(claim, at, utcnow(), progress=85),
        lambda claim, at: outcomes.try_again(claim, FAILURE, at, utcnow()),
        lambda claim, at: outcomes.hold_back(claim, FAILURE, at, utcnow()),
        lambda claim, at: outcomes.hand_back(claim, at),
    ],
)
def test_cancellation_of_a_running_job_does_not_wait_for_its_next_turn(
    release: Callable[[Claim, datetime], None],
) -> None:
    job = make_job()
    claim = claimed(job)
    steer.cancel(job.id, utcnow())
    with pytest.raises(CancelRequested):
        release(claim, utcnow() + timedelta(days=1))
    outcomes.cancel(claim, utcnow())
    assert row(job.id).state is JobState.CANCELLED


def test_job_whose_key_is_gone_is_claimed_and_does_not_hold_up_the_others(app: Flask) -> None:
    locked, other = make_job(priority=9), make_job(priority=1)
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None and claim.job_id == locked.id
    save_checkpoint(claim, {"publish_id": "p1"}, utcnow())
    outcomes.poll_again(claim, utcnow(), utcnow(), progress=80)
    app.extensions["cipher"] = Cipher([Fernet.generate_key().decode()])
    unreadable = claim_next("TIKTOK", utcnow())
    assert unreadable is not None and unreadable.job_id == locked.id
    assert (unreadable.is_readable, unreadable.checkpoint) == (False, None)
    outcomes.fail(unreadable, FAILURE, utcnow())
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None and claim.job_id == other.id and claim.is_readable


def test_surviving_run_resets_the_count_of_lost_workers() -> None:
    job = make_job()
    now = utcnow()
    for _ in range(3):
        claim = claim_next("TIKTOK", now)
        now += LEASE + timedelta(seconds=1)
        claim = claim_next("TIKTOK", now)
        assert claim is not None and claim.lost_runs == 1
        outcomes.poll_again(claim, now, now, progress=85)
    assert row(job.id).attempts_made == 1


def test_run_after_a_lost_one_restarts_its_step() -> None:
    job = make_job()
    begin_steps(claimed(job), [Step.PROCESS], utcnow())
    later = utcnow() + LEASE + timedelta(seconds=1)
    successor = claim_next("TIKTOK", later)
    assert successor is not None
    begin_steps(successor, [Step.PROCESS], later)
    entries = db.session.query(TimelineEntry).filter_by(job_id=job.id, kind="step").all()
    told = [(entry.name, entry.outcome) for entry in entries]
    assert told == [
        *(("token", "done"), ("process", "lost")),
        *(("token", "done"), ("process", None)),
    ]


def test_unanswered_polls_are_timed_from_the_last_answer() -> None:
    job = make_job()
    asked_at = utcnow()
    save_checkpoint(claimed(job), {"publish_id": "p1"}, asked_at, commits=True)
    claim = claim_next("TIKTOK", asked_at + LEASE + timedelta(seconds=1))
    assert claim is not None and read_current(claim).unanswered_since is None
    for seconds in (60, 90):
        now = asked_at + timedelta(seconds=seconds)
        outcomes.poll_unanswered(claim, FAILURE, now, now)
        claim = claim_next("TIKTOK", now)
        assert claim is not None
        assert read_current(claim).unanswered_since == asked_at + timedelta(seconds=60)
    outcomes.poll_again(claim, now, now, progress=85)
    assert row(job.id).unanswered_since is None
