"""Every end is counted exactly once, whenever and however often the roll-up runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.clock import utcnow
from app.failures import Category, Failure
from app.metrics.rollup import LAG, needs_roll_up, roll_up
from app.models import PublishJob
from app.publishing import claims, leased, outcomes, steer
from app.publishing.claims import Claim
from app.queries.metrics import read_totals, read_window
from app.states import Step
from tests.factories import make_account, make_job

TIMEOUT = Failure("read_timeout", Category.NETWORK, "no answer")
REFUSED = Failure("caption_too_long", Category.REQUEST, "too long")


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def now() -> datetime:
    """A quarter past an hour that has passed, so that spans are where a test expects them."""
    return (utcnow() - timedelta(days=1)).replace(minute=15, second=0, microsecond=0)


def begin(at: datetime, platform: str = "TIKTOK", late: float = 0.0, **fields: object) -> Claim:
    make_job(platform, now=at, **fields)
    claim = claims.claim_next(platform, at + timedelta(seconds=late))
    assert claim is not None
    return claim


def complete(
    at: datetime, platform: str = "TIKTOK", seconds: float = 10.0, late: float = 0
) -> None:
    claim = begin(at, platform, late)
    outcomes.complete(claim, at + timedelta(seconds=late + seconds), platform_post_id="1", url=None)


def fail(at: datetime) -> PublishJob:
    claim = begin(at)
    outcomes.fail(claim, REFUSED, at)
    with_id = PublishJob(id=claim.job_id)
    return with_id


def test_ends_are_counted_once(context: None, now: datetime) -> None:
    complete(now)
    fail(now)
    later = now + timedelta(minutes=5)
    assert needs_roll_up(later)
    for _ in range(3):
        roll_up(later)
    assert not needs_roll_up(later)
    ever = read_totals()["TIKTOK"]
    assert (ever.completed, ever.failed, ever.attempts, ever.first_try) == (1, 1, 2, 1)
    assert ever.errors == {"request": {"caption_too_long": 1}}


def test_counters_never_fall(context: None, now: datetime) -> None:
    """A failed job that is retried has no end any more; what was counted stays."""
    job = fail(now)
    roll_up(now + timedelta(minutes=5))
    steer.retry(job.id, now + timedelta(minutes=6))
    claim = claims.claim_next("TIKTOK", now + timedelta(minutes=6))
    assert claim is not None
    outcomes.complete(claim, now + timedelta(minutes=7), platform_post_id="1", url=None)
    roll_up(now + timedelta(minutes=10))
    ever = read_totals()["TIKTOK"]
    assert (ever.completed, ever.failed) == (1, 1)


@pytest.mark.parametrize("is_first", [True, False])
def test_failure_that_is_retried_at_once_is_counted(
    context: None, now: datetime, is_first: bool
) -> None:
    """It was told to its user: it is not to vanish from the figures because of what came next."""
    if not is_first:
        complete(now - timedelta(hours=2))
        roll_up(now)
    job = fail(now)
    steer.retry(job.id, now + timedelta(seconds=10))
    pending = read_window("1h", now + timedelta(seconds=20)).total
    assert (pending.failed, pending.attempts) == (1, 1)
    claim = claims.claim_next("TIKTOK", now + timedelta(seconds=20))
    assert claim is not None
    outcomes.complete(claim, now + timedelta(seconds=30), platform_post_id="1", url=None)
    for later in (timedelta(minutes=1), timedelta(minutes=10)):
        roll_up(now + later)
        window = read_window("1h", now + later).total
        assert (window.completed, window.failed, window.attempts) == (1, 1, 2)
    assert read_totals()["TIKTOK"].failed == 1


def test_failure_that_is_retried_later_is_counted_once(context: None, now: datetime) -> None:
    job = fail(now)
    roll_up(now + timedelta(minutes=5))
    steer.retry(job.id, now + timedelta(minutes=6))
    roll_up(now + timedelta(minutes=10))
    assert read_totals()["TIKTOK"].failed == 1


def test_unknown_outcome_that_is_resolved_at_once_stays_a_failure(
    context: None, now: datetime
) -> None:
    claim = begin(now)
    outcomes.fail(claim, Failure("publish_outcome_unknown", Category.AMBIGUOUS, "lost"), now)
    steer.resolve(claim.job_id, now + timedelta(seconds=10), is_live=True)
    roll_up(now + timedelta(minutes=5))
    ever = read_totals()["TIKTOK"]
    assert (ever.completed, ever.failed) == (1, 1)


def test_what_ended_a_moment_ago_is_left_for_later(context: None, now: datetime) -> None:
    complete(now)
    assert roll_up(now + LAG) == 0
    assert read_totals() == {}
    # The window has it all the same.
    window = read_window("1h", now + LAG)
    assert window.total.completed == 1


@pytest.mark.parametrize("counted", [True, False])
def test_windows_hold_what_ended_within_them(context: None, now: datetime, counted: bool) -> None:
    ages = [timedelta(minutes=20), timedelta(hours=3), timedelta(hours=20), timedelta(days=3)]
    for age in ages:
        complete(now - age, "YOUTUBE")
    complete(now - timedelta(days=9), "YOUTUBE")
    if counted:
        roll_up(now)
    found = {name: read_window(name, now).platforms["YOUTUBE"].completed for name in WINDOWS}
    assert found == {"1h": 1, "24h": 3, "7d": 4}
    for name, count in found.items():
        window = read_window(name, now)
        by_point = [
            figures.completed for point in window.points for figures in point.figures.values()
        ]
        assert sum(by_point) == count == window.total.completed


WINDOWS = ("1h", "24h", "7d")


def test_times_from_due_to_start_and_from_start_to_live(context: None, now: datetime) -> None:
    complete(now, late=0.3, seconds=40)
    roll_up(now + timedelta(minutes=5))
    figures = read_window("1h", now + timedelta(minutes=5)).total
    assert figures.lateness.total == pytest.approx(0.3, abs=0.01)
    assert figures.live.total == pytest.approx(40, abs=0.01)


def test_lateness_counts_from_an_edit_that_publishes_at_once(context: None, now: datetime) -> None:
    created, edited = now - timedelta(hours=2), now
    job = make_job(
        now=created, due_at=now + timedelta(days=1), scheduled_time=now + timedelta(days=1)
    )
    steer.edit(job.id, {"scheduled_time": None}, edited, judged={})
    claim = claims.claim_next("TIKTOK", edited + timedelta(seconds=0.3))
    assert claim is not None
    outcomes.complete(claim, edited + timedelta(seconds=1), platform_post_id="1", url=None)
    roll_up(now + timedelta(minutes=5))
    found = read_window("1h", now + timedelta(minutes=5)).total.lateness
    assert (found.count, found.total) == (1, pytest.approx(0.3, abs=0.01))


@pytest.mark.parametrize("to", [None, timedelta(minutes=5)])
def test_lateness_of_a_post_that_has_begun_stays_through_an_edit(
    context: None, now: datetime, to: timedelta | None
) -> None:
    claim = begin(now, late=3.0)
    outcomes.try_again(claim, TIMEOUT, now + timedelta(seconds=60), now + timedelta(seconds=10))
    edited = now + timedelta(seconds=20)
    scheduled = None if to is None else edited + to
    steer.edit(claim.job_id, {"scheduled_time": scheduled}, edited, judged={})
    again = claims.claim_next("TIKTOK", scheduled or edited)
    assert again is not None
    outcomes.complete(again, now + timedelta(minutes=6), platform_post_id="1", url=None)
    roll_up(now + timedelta(minutes=10))
    found = read_window("1h", now + timedelta(minutes=10)).total.lateness
    assert (found.count, found.total) == (1, pytest.approx(3.0, abs=0.01))


def test_failed_attempts_are_errors_though_the_job_completes(context: None, now: datetime) -> None:
    claim = begin(now)
    outcomes.try_again(claim, TIMEOUT, now + timedelta(seconds=5), now + timedelta(seconds=1))
    again = claims.claim_next("TIKTOK", now + timedelta(seconds=5))
    assert again is not None
    outcomes.complete(again, now + timedelta(seconds=9), platform_post_id="1", url=None)
    roll_up(now + timedelta(minutes=5))
    ever = read_totals()["TIKTOK"]
    assert (ever.completed, ever.first_try, ever.attempts) == (1, 0, 2)
    assert ever.errors == {"network": {"read_timeout": 1}}


@pytest.mark.parametrize("sent_bytes", [50_000_000, None])
def test_uploads_count_what_their_workers_sent(
    context: None, now: datetime, sent_bytes: int | None
) -> None:
    """Of an upload that was resumed, what its last run sent; of one by link, nothing."""
    claim = begin(now, "YOUTUBE", account=make_account("YOUTUBE"))
    leased.begin_steps(claim, [Step.UPLOAD], now)
    outcomes.hand_back(claim, now + timedelta(seconds=1))
    resumed = claims.claim_next("YOUTUBE", now + timedelta(seconds=1))
    assert resumed is not None
    leased.begin_steps(resumed, [Step.UPLOAD], now + timedelta(seconds=1))
    sent_at = now + timedelta(seconds=11)
    outcomes.poll_again(resumed, sent_at, sent_at, progress=80, sent_bytes=sent_bytes)
    polled = claims.claim_poll(resumed.job_id, sent_at)
    assert polled is not None
    outcomes.complete(polled, now + timedelta(seconds=20), platform_post_id="1", url=None)
    roll_up(now + timedelta(minutes=5))
    ever = read_totals()["YOUTUBE"]
    assert ever.uploaded_bytes == (sent_bytes or 0)
    assert ever.throughput.count == (sent_bytes is not None)
    assert ever.throughput.total == pytest.approx((sent_bytes or 0) / 10)


def test_short_spans_are_forgotten_and_the_sum_is_not(context: None, now: datetime) -> None:
    complete(now - timedelta(days=30))
    roll_up(now)
    assert read_window("7d", now).total.completed == 0
    assert read_totals()["TIKTOK"].completed == 1
