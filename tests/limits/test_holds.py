"""Posts held by a limit: a due time, the reason, no attempt used, and in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import gates
from app.limits.gates import Closing
from app.models import Account, PublishJob, TimelineEntry, Video
from app.publishing import outcomes, steer
from app.publishing.claims import Claim, claim_next, claim_poll
from app.publishing.missing_wakes import queue_missing_wakes
from app.queues import PUBLISH_QUEUES, RunQueue
from app.states import JobState
from tests.factories import make_account, make_job, make_video
from tests.limits import without_limits
from tests.rows import row

pytestmark = pytest.mark.usefixtures("context")
DAY = timedelta(days=1)
REFUSED = Failure("spam_risk_too_many_posts", Category.RATE_LIMIT, "TikTok takes no more today")


@pytest.fixture
def config(config: Config) -> Config:
    """Two TikTok posts and three YouTube posts a day, and no other limit."""
    limits = without_limits(
        LIMIT_TIKTOK_POSTS_PER_DAY=2,
        LIMIT_YOUTUBE_UPLOADS_PER_DAY=3,
        LIMIT_TIKTOK_CONCURRENT_PER_ACCOUNT=1,
    )
    return replace(config, limits=limits)


def waits(job: PublishJob) -> list[TimelineEntry]:
    """Return a job's open waits."""
    with transaction() as session:
        query = session.query(TimelineEntry).filter_by(job_id=job.id, kind="wait", ended_at=None)
        return query.populate_existing().all()


def take(platform: str, now: datetime) -> Claim:
    """Claim a row, which must exist."""
    claim = claim_next(platform, now)
    assert claim is not None
    return claim


def publish(platform: str, now: datetime) -> str:
    """Publish the next post; return its job's id."""
    claim = take(platform, now)
    outcomes.complete(claim, now, platform_post_id=claim.job_id, url=None)
    return claim.job_id


def several(count: int, platform: str = "TIKTOK", **fields: Any) -> list[PublishJob]:
    """Accept some posts of one account."""
    account, video = make_account(platform), make_video()
    return [make_job(platform, account=account, video=video, **fields) for _ in range(count)]


def test_excess_posts_are_delayed_with_the_reason_and_go_out_in_order() -> None:
    jobs = several(5)
    now = utcnow()
    assert [publish("TIKTOK", now), publish("TIKTOK", now)] == [jobs[0].id, jobs[1].id]
    assert claim_next("TIKTOK", now) is None
    held = [row(job) for job in jobs[2:]]
    # Two more fit a day later, and two more a day after that.
    assert [job.due_at for job in held] == [now + DAY, now + DAY, now + 2 * DAY]
    for job in held:
        assert job.state_at(now) is JobState.DELAYED and job.attempts_made == 0
        assert job.error_code == "limit_tiktok_posts_per_day"
        assert "2 posts in 24 hours" in (job.error_message or "")
        [wait] = waits(job)
        assert (wait.name, wait.until) == ("limit", job.due_at)
        assert wait.error_message == job.error_message
    later = now + DAY
    assert [publish("TIKTOK", later), publish("TIKTOK", later)] == [jobs[2].id, jobs[3].id]
    assert claim_next("TIKTOK", later) is None


def test_another_account_goes_on() -> None:
    several(3)
    now = utcnow()
    publish("TIKTOK", now), publish("TIKTOK", now)
    other = make_job(due_at=now)
    assert publish("TIKTOK", now) == other.id


def test_whole_application_shares_youtubes_daily_quota() -> None:
    several(2, "YOUTUBE")
    others = several(3, "YOUTUBE")
    now = datetime.fromisoformat("2026-11-26T20:00:00+00:00") + DAY * 400
    for _ in range(3):
        publish("YOUTUBE", now)
    assert claim_next("YOUTUBE", now) is None
    midnight = datetime.fromisoformat("2028-01-01T08:00:00+00:00")
    assert [row(job).due_at for job in others if row(job).state is JobState.WAITING][0] == midnight


def test_youtube_post_counts_on_the_day_it_began_however_long_it_is_processed() -> None:
    before = datetime.fromisoformat("2027-12-31T07:50:00+00:00")  # ten to midnight, Pacific time
    after = before + timedelta(hours=1)
    account, video = make_account("YOUTUBE"), make_video()
    for _ in range(6):
        make_job("YOUTUBE", account=account, video=video, now=before, due_at=before)
    begun = []
    for _ in range(2):
        claim = take("YOUTUBE", before)
        outcomes.poll_again(claim, after, before, progress=80)
        begun.append(claim.job_id)
    for job_id in begun:
        polled = claim_poll(job_id, after)
        assert polled is not None
        outcomes.complete(polled, after, platform_post_id=job_id, url=None)
    for _ in range(3):
        claim = take("YOUTUBE", after)
        outcomes.complete(claim, after, platform_post_id=claim.job_id, url=None)
    assert claim_next("YOUTUBE", after) is None


@pytest.mark.parametrize("priority", [9, 10])
def test_higher_priority_takes_the_next_quota(priority: int) -> None:
    jobs = several(3)
    now = utcnow()
    publish("TIKTOK", now), publish("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    with transaction() as session:
        account = session.get_one(Account, jobs[0].account_id)
        video = session.get_one(Video, jobs[0].video_id)
    urgent = make_job(account=account, video=video, priority=priority, due_at=now)
    assert claim_next("TIKTOK", now) is None
    assert row(urgent).due_at == now + DAY
    assert publish("TIKTOK", now + DAY) == urgent.id


def test_retried_post_counts_once() -> None:
    several(3)
    now = utcnow()
    for _ in range(3):
        claim = take("TIKTOK", now)
        outcomes.try_again(claim, Failure("cut", Category.NETWORK, "cut"), now, now)
    publish("TIKTOK", now), publish("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None


def test_quota_is_released_where_the_platform_has_nothing() -> None:
    jobs = several(3)
    now = utcnow()
    outcomes.fail(take("TIKTOK", now), Failure("gone", Category.VIDEO, "gone"), now)
    steer.cancel(jobs[1].id, now)
    assert publish("TIKTOK", now) == jobs[2].id
    more = make_job(account=account_of(jobs[0]), video=make_video(), due_at=now)
    assert publish("TIKTOK", now) == more.id


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_released_quota_goes_to_the_post_that_waits_first(ending: str, redis: Redis) -> None:
    jobs = several(4)
    now, later = utcnow(), utcnow() + timedelta(minutes=1)
    publish("TIKTOK", now)
    outcomes.try_again(take("TIKTOK", now), Failure("cut", Category.NETWORK, "cut"), later, now)
    assert claim_next("TIKTOK", now) is None
    assert all(row(job).error_code == "limit_tiktok_posts_per_day" for job in jobs[2:])
    again = take("TIKTOK", later)
    assert again.job_id == jobs[1].id
    redis.flushall()
    if ending == "failed":
        outcomes.fail(again, Failure("gone", Category.VIDEO, "gone"), later)
    else:
        outcomes.hand_back(again, later)
        steer.cancel(jobs[1].id, later)
    assert RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).count >= 1
    make_job(account=account_of(jobs[0]), video=make_video(), due_at=later)
    assert publish("TIKTOK", later) == jobs[2].id
    assert claim_next("TIKTOK", later) is None
    assert row(jobs[3]).due_at == now + DAY  # and no other has moved
    assert [wait.name for wait in waits(jobs[2])] == []


def test_released_quota_is_not_for_a_post_rescheduled_meanwhile() -> None:
    jobs = several(3)
    now, later = utcnow(), utcnow() + timedelta(minutes=1)
    publish("TIKTOK", now)
    outcomes.try_again(take("TIKTOK", now), Failure("cut", Category.NETWORK, "cut"), later, now)
    assert claim_next("TIKTOK", now) is None
    assert row(jobs[2]).error_code == "limit_tiktok_posts_per_day"
    next_week = now + timedelta(days=7)
    steer.edit(jobs[2].id, {"scheduled_time": next_week}, now, judged={})
    outcomes.fail(take("TIKTOK", later), Failure("gone", Category.VIDEO, "gone"), later)
    assert (row(jobs[2]).due_at, row(jobs[2]).error_code) == (next_week, None)


def test_released_quota_of_the_application_goes_to_any_account_that_waits_first() -> None:
    [first] = several(1, "YOUTUBE")
    others = [*several(2, "YOUTUBE"), *several(2, "YOUTUBE")]
    now = utcnow()
    later = now + timedelta(minutes=1)
    outcomes.try_again(take("YOUTUBE", now), Failure("cut", Category.NETWORK, "cut"), later, now)
    for _ in range(2):
        publish("YOUTUBE", now)
    assert claim_next("YOUTUBE", now) is None
    held = [job for job in others if row(job).state is JobState.WAITING]
    steer.cancel(first.id, now)
    before = [row(job).due_at for job in held]
    assert sorted(due_at <= now for due_at in before if due_at) == [False, True]
    assert publish("YOUTUBE", now) in [job.id for job in held]
    assert claim_next("YOUTUBE", now) is None


def account_of(job: PublishJob) -> Account:
    """Return a job's account."""
    with transaction() as session:
        return session.get_one(Account, job.account_id)


@pytest.mark.parametrize("is_everyone", [False, True])
def test_refusal_by_the_platform_closes_the_gate_for_all_it_concerns(is_everyone: bool) -> None:
    jobs, other = several(2), make_job(priority=1)
    now, until = utcnow(), utcnow() + timedelta(hours=2)
    claim = take("TIKTOK", now)
    key = "TIKTOK" if is_everyone else claim.account_id
    outcomes.hold_back(claim, REFUSED, until, now, closing=Closing(key, until))
    following = claim_next("TIKTOK", now)
    if is_everyone:
        assert following is None
        jobs = [*jobs, other]
    else:
        assert following is not None and following.job_id == other.id
        assert claim_next("TIKTOK", now) is None
    for job in jobs:
        held = row(job)
        assert held.due_at is not None and held.due_at >= until
        assert (held.error_message, held.attempts_made) == (REFUSED.message, 0)
        assert [wait.name for wait in waits(job)] == ["limit"]
    # They are spread out, not due all at once.
    assert len({row(job).due_at for job in jobs}) > 1


def test_gate_for_reads_puts_polls_off_and_one_for_uploads_does_not() -> None:
    several(1)
    now = utcnow()
    claim = take("TIKTOK", now)
    outcomes.poll_again(claim, now, now, progress=85)
    with transaction() as session:
        gates.close(session, Closing(claim.account_id, now + DAY), REFUSED)
    asked = take("TIKTOK", now)
    assert asked.is_at_platform
    outcomes.poll_again(asked, now, now, progress=85)
    with transaction() as session:
        gates.close(session, Closing(claim.account_id, now + DAY, reads=True), REFUSED)
    assert claim_next("TIKTOK", now) is None
    with transaction() as session:
        due_at = session.get_one(PublishJob, claim.job_id, populate_existing=True).due_at
    assert due_at is not None and due_at >= now + DAY


def test_posts_that_are_put_off_wake_nobody_before_their_time(redis: Redis) -> None:
    several(3)
    now = utcnow()
    publish("TIKTOK", now), publish("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    redis.flushall()
    assert queue_missing_wakes("TIKTOK", now) == 0
    assert queue_missing_wakes("TIKTOK", now + DAY) == 1


def test_a_thousand_posts_of_a_closed_account_are_put_off_by_few_claims() -> None:
    account, video = make_account(), make_video()
    with transaction() as session:
        gates.close(session, Closing(account.id, utcnow() + DAY), REFUSED)
    for _ in range(3):
        make_job(account=account, video=video)
    now = utcnow()
    assert claim_next("TIKTOK", now) is None
    other = make_job()
    assert take("TIKTOK", utcnow()).job_id == other.id


def test_validate_and_platforms_say_when_a_post_would_go_out(
    app: Flask, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    jobs = several(2)
    now = utcnow()
    publish("TIKTOK", now), publish("TIKTOK", now)
    body = {"videoId": jobs[0].video_id, "platform": "TIKTOK", "caption": "Third"}
    said = client.post("/api/publish/validate", headers=auth(), json=body).get_json()
    assert said["valid"]
    [sentence] = said["warnings"]["platform"]
    assert "2 posts in 24 hours" in sentence and "wait until" in sentence
    shown = client.get("/api/platforms", headers=auth()).get_json()["platforms"][0]
    [account] = [one for one in shown["accounts"] if one["accountId"] == jobs[0].account_id]
    [day] = [
        one
        for one in account["limits"]
        if one["counts"] == "posts" and one["windowSeconds"] == 86400
    ]
    assert (day["used"], day["left"], day["max"]) == (2, 0, 2)
    begins_at = datetime.fromisoformat(account["nextPost"]["beginsAt"])
    assert abs(begins_at - (now + DAY)) < timedelta(seconds=1)
    assert day["resetsAt"] == account["nextPost"]["beginsAt"]
    assert "2 posts in 24 hours" in account["nextPost"]["reason"]


def test_status_says_why_a_post_waits_and_until_when(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    jobs = several(3)
    now = utcnow()
    publish("TIKTOK", now), publish("TIKTOK", now)
    assert claim_next("TIKTOK", now) is None
    said = client.get(f"/api/publish/{jobs[2].id}", headers=auth()).get_json()
    assert (said["state"], said["attemptsMade"]) == ("delayed", 0)
    assert (
        said["error"]["category"] == "rate_limit" and "TikTok accepts" in said["error"]["message"]
    )
    assert said["nextAttemptAt"] == said["waiting"]["until"]
    assert said["waiting"]["name"] == "limit"
