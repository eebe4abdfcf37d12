"""A retried post that finds its window full is put off, and does not block others."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Account, PublishJob
from app.publishing import outcomes
from app.publishing.claims import Claim, claim_next
from app.publishing.missing_wakes import queue_missing_wakes
from tests.factories import make_account, make_job, make_video
from tests.limits import without_limits

pytestmark = pytest.mark.usefixtures("context")
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
HUNG = Failure("read_timeout", Category.NETWORK, "the connection to the platform broke")


@pytest.fixture
def config(config: Config) -> Config:
    """Two posts of a TikTok account a minute, and five a day."""
    limits = without_limits(
        LIMIT_TIKTOK_POSTS_PER_MINUTE=2,
        LIMIT_TIKTOK_POSTS_PER_DAY=5,
        LIMIT_TIKTOK_CONCURRENT_PER_ACCOUNT=1,
    )
    return replace(config, limits=limits)


def due_at(job: PublishJob) -> datetime:
    """Return when a job is due."""
    with transaction() as session:
        found = session.get_one(PublishJob, job.id, populate_existing=True).due_at
    assert found is not None
    return found


def take(now: datetime) -> Claim:
    """Claim a row, which must exist."""
    claim = claim_next("TIKTOK", now)
    assert claim is not None
    return claim


def publish(now: datetime) -> str:
    """Publish the next post; return its job's id."""
    claim = take(now)
    outcomes.complete(claim, now, platform_post_id=claim.job_id, url=None)
    return claim.job_id


def hang_and_let_two_go_first(now: datetime, jobs: list[PublishJob]) -> datetime:
    """Fail the first post's attempt, and publish the next two during its backoff.

    Return when the first is due again: it has left the minute's window, and they fill it.
    """
    first = take(now)
    assert first.job_id == jobs[0].id
    failed_at = now + 65 * SECOND
    again_at = failed_at + 5 * SECOND
    outcomes.try_again(first, HUNG, again_at, failed_at)
    for number in (1, 2):
        assert publish(failed_at + number * SECOND) == jobs[number].id
    return again_at


def several(account: Account, count: int, now: datetime) -> list[PublishJob]:
    """Accept posts of one account, each due a moment after the other."""
    video = make_video()
    return [
        make_job(account=account, video=video, due_at=now + timedelta(milliseconds=number))
        for number in range(count)
    ]


def test_retried_post_is_put_off_where_others_filled_its_minute(redis: Redis) -> None:
    begun = utcnow()
    jobs = several(make_account(), 3, begun)
    now = hang_and_let_two_go_first(begun, jobs)
    # Of lower priority, so that a lane that is not put off would stay ahead of it.
    other = make_job(priority=1, due_at=now)
    assert publish(now) == other.id
    room_at = begun + 66 * SECOND + MINUTE
    assert due_at(jobs[0]) == room_at
    assert claim_next("TIKTOK", now) is None
    redis.flushall()
    assert queue_missing_wakes("TIKTOK", now) == 0
    assert publish(room_at) == jobs[0].id


def test_retried_post_keeps_its_daily_quota_ahead_of_those_that_wait() -> None:
    begun = utcnow()
    account = make_account()
    jobs = several(account, 5, begun)
    now = hang_and_let_two_go_first(begun, jobs)
    for number in (3, 4):  # with these, the day is full, and the minute again
        assert publish(now + MINUTE) == jobs[number].id
    late = make_job(account=account, due_at=now + MINUTE)
    assert claim_next("TIKTOK", now + MINUTE) is None
    assert due_at(late) >= begun + DAY
    assert publish(now + 2 * MINUTE) == jobs[0].id
