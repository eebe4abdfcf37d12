"""A paused platform: nothing begins, what has begun goes on, and the order is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import func, select

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import pauses
from app.limits.forecast import forecast
from app.models import Gate, PublishJob, TimelineEntry
from app.publishing import outcomes, pausing, steer
from app.publishing.claims import claim_next
from app.queues import PUBLISH_QUEUES, RunQueue
from app.states import JobState
from tests.factories import make_account, make_job, make_video
from tests.limits import without_limits
from tests.rows import row
from workers.scheduling.sweeper import Sweeper

pytestmark = pytest.mark.usefixtures("context")
CUT = Failure("cut", Category.NETWORK, "The connection was cut")


@pytest.fixture
def config(config: Config) -> Config:
    """No limits, which a pause does not need."""
    return replace(config, limits=without_limits())


def several(count: int, now: datetime) -> list[PublishJob]:
    """Accept posts of one account that fell due a minute apart, the last one first."""
    account, video = make_account(), make_video()
    return [
        make_job(
            account=account,
            video=video,
            due_at=now - timedelta(minutes=number),
            scheduled_time=now - timedelta(minutes=number),
        )
        for number in range(count)
    ]


def claimed(now: datetime) -> list[str]:
    """Publish all that may be published now; return the jobs in their order."""
    order = []
    while (claim := claim_next("TIKTOK", now)) is not None:
        order.append(claim.job_id)
        outcomes.complete(claim, now, platform_post_id=claim.job_id, url=None)
    return order


def waits(job: PublishJob) -> list[tuple[str, str | None]]:
    """Return a job's waits and how they ended."""
    with transaction() as session:
        query = select(TimelineEntry).where(
            TimelineEntry.job_id == job.id, TimelineEntry.kind == "wait"
        )
        rows = session.scalars(query.order_by(TimelineEntry.id)).all()
        return [(entry.name, entry.outcome) for entry in rows]


def test_what_falls_due_is_delayed_with_the_reason_and_uses_no_attempt() -> None:
    now = utcnow()
    job, other = make_job(due_at=now), make_job("YOUTUBE", due_at=now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    held = row(job)
    assert held.state_at(now) is JobState.DELAYED and held.attempts_made == 0
    assert held.error_code == pauses.CODE and "paused" in (held.error_message or "")
    assert waits(job) == [("queue", "done"), ("pause", None)]
    # Another platform goes on.
    claim = claim_next("YOUTUBE", now)
    assert claim is not None and claim.job_id == other.id


def test_what_has_begun_goes_on_to_its_end() -> None:
    now = utcnow()
    uploading, asked, lost = make_job(due_at=now), make_job(due_at=now), make_job(due_at=now)
    claims = [claim_next("TIKTOK", now) for _ in range(3)]
    pausing.pause("TIKTOK", now)
    for claim in claims:
        assert claim is not None
        if claim.job_id == uploading.id:
            outcomes.hand_back(claim, now, has_bytes=False)
        if claim.job_id == asked.id:
            outcomes.poll_again(claim, now, now, progress=85)
    later = now + timedelta(minutes=1)  # the lease of the lost worker has expired
    going = [claim_next("TIKTOK", later) for _ in range(3)]
    assert {one.job_id for one in going if one is not None} == {uploading.id, asked.id, lost.id}


def test_a_next_attempt_waits() -> None:
    now = utcnow()
    job = make_job(due_at=now)
    claim = claim_next("TIKTOK", now)
    assert claim is not None
    pausing.pause("TIKTOK", now)
    outcomes.try_again(claim, CUT, now, now)
    assert claim_next("TIKTOK", now) is None
    assert row(job).attempts_made == 1
    pausing.resume("TIKTOK", now)
    assert claimed(now) == [job.id]
    assert row(job).attempts_made == 2


def test_resumed_they_go_at_once_in_the_order_they_were_due() -> None:
    now = utcnow()
    jobs = several(5, now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    assert all(row(job).state_at(now) is JobState.DELAYED for job in jobs)
    later = now + timedelta(hours=3)
    pausing.resume("TIKTOK", later)
    assert [row(job).due_at for job in jobs] == [job.scheduled_time for job in jobs]
    assert waits(jobs[0])[-2:] == [("pause", "done"), ("queue", None)]
    assert row(jobs[0]).error_code is None
    assert claimed(later) == [job.id for job in reversed(jobs)]


def test_a_post_scheduled_into_the_pause_is_held_when_it_is_due_and_not_before() -> None:
    now = utcnow()
    due_at = now + timedelta(minutes=5)
    job = make_job(due_at=due_at, scheduled_time=due_at)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    assert row(job).error_code is None
    assert claim_next("TIKTOK", due_at) is None
    assert row(job).error_code == pauses.CODE
    pausing.resume("TIKTOK", due_at)
    assert claimed(due_at) == [job.id]


def test_resuming_wakes_workers(redis: Redis) -> None:
    now = utcnow()
    make_job(due_at=now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    redis.flushall()
    pausing.resume("TIKTOK", now)
    assert RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).count == 1


def test_a_pause_outlives_redis(redis: Redis) -> None:
    now = utcnow()
    job = make_job(due_at=now)
    pausing.pause("TIKTOK", now)
    redis.flushall()
    Sweeper().sweep(now + timedelta(seconds=5))
    assert claim_next("TIKTOK", now) is None
    assert row(job).error_code == pauses.CODE
    redis.flushall()
    pausing.resume("TIKTOK", now)
    assert claimed(now) == [job.id]


def test_scheduler_releases_what_a_dead_process_left_held() -> None:
    now = utcnow()
    jobs = several(3, now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    with transaction() as session:  # as `resume` does, and dies
        gate = session.get_one(Gate, "TIKTOK", populate_existing=True)
        gate.paused_at, gate.is_releasing = None, True
    Sweeper().sweep(now)
    assert claimed(now) == [job.id for job in reversed(jobs)]
    with transaction() as session:
        assert not session.get_one(Gate, "TIKTOK", populate_existing=True).is_releasing


def test_many_are_released_in_batches() -> None:
    now = utcnow()
    jobs = several(7, now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    with transaction() as session:
        gate = session.get_one(Gate, "TIKTOK", populate_existing=True)
        gate.paused_at, gate.is_releasing = None, True
    assert pausing.release_after_pause("TIKTOK", now, batch=3) == 7
    assert claimed(now) == [job.id for job in reversed(jobs)]


def test_pausing_again_stops_the_release() -> None:
    now = utcnow()
    several(3, now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    with transaction() as session:
        gate = session.get_one(Gate, "TIKTOK", populate_existing=True)
        gate.paused_at, gate.is_releasing = None, True
    pausing.pause("TIKTOK", now)
    assert pausing.release_resumed(now) == 0
    assert claim_next("TIKTOK", now) is None
    pausing.resume("TIKTOK", now)
    assert len(claimed(now)) == 3


def test_held_post_may_be_cancelled_or_rescheduled() -> None:
    now = utcnow()
    first, second, third = several(3, now)
    pausing.pause("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    steer.cancel(first.id, now)
    tomorrow = now + timedelta(days=1)
    steer.edit(second.id, {"scheduled_time": tomorrow}, now, judged={})
    moved = row(second)
    assert (moved.due_at, moved.error_code) == (tomorrow, None)
    pausing.resume("TIKTOK", now)
    assert claimed(now) == [third.id]
    assert row(first).state is JobState.CANCELLED
    assert row(second).due_at == tomorrow


def test_pause_and_resume_are_idempotent() -> None:
    now = utcnow()
    pausing.resume("TIKTOK", now)
    pausing.pause("TIKTOK", now)
    pausing.pause("TIKTOK", now + timedelta(hours=1))
    with transaction() as session:
        assert session.get_one(Gate, "TIKTOK", populate_existing=True).paused_at == now
        assert session.scalar(select(func.count()).select_from(Gate)) == 1


def test_forecast_reports_a_pause() -> None:
    now = utcnow()
    account = make_account()
    pausing.pause("TIKTOK", now)
    expected = forecast("TIKTOK", account.id, 5, now + timedelta(hours=1), now)
    assert expected.begins_at is None
    assert expected.hold is not None and expected.hold.failure.code == pauses.CODE
