"""A day near the limits: the platforms enforce theirs, and never have to refuse."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from redis import Redis

from app.config import Config
from app.database.transaction import transaction
from app.models import Account, PublishJob, Video
from app.platforms import PLATFORMS
from app.states import JobState
from tests import IS_THOROUGH
from tests.databases import ON_SQLITE
from tests.factories import make_job
from tests.limits.day import Day, refusals
from tests.platforms import Platforms
from tests.workers.conftest import connect

# One database is enough: what is counted is counted alike on both.
pytestmark = [
    ON_SQLITE,
    pytest.mark.usefixtures("context"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(not IS_THOROUGH, reason="takes minutes: `make thorough` runs it"),
]
#: 20:00 in Los Angeles: midnight there, and the end of YouTube's day, is four hours ahead.
BEGIN = datetime(2026, 11, 26, 4, 0, tzinfo=timezone.utc)
HOURS = 30
UPLOADS_A_DAY = 100
UNITS_A_DAY = 10_000
INSTAGRAM_POSTS = 120
INSTAGRAM_CALLS = 200


@pytest.fixture
def config(config: Config) -> Config:
    """The default limits, with YouTube's as the sandbox has them."""
    limits = {limit.setting: limit.default for one in PLATFORMS.values() for limit in one.limits}
    limits["LIMIT_YOUTUBE_UPLOADS_PER_DAY"] = UPLOADS_A_DAY
    limits["LIMIT_YOUTUBE_UNITS_PER_DAY"] = UNITS_A_DAY
    limits["LIMIT_INSTAGRAM_CALLS_PER_HOUR"] = INSTAGRAM_CALLS
    return replace(
        config,
        limits=limits,
        tiktok_poll_seconds=10,
        instagram_poll_seconds=15,
        youtube_poll_seconds=30,
    )


def strict(platforms: Platforms) -> None:
    """Let the platforms enforce their limits, and take their time."""
    platforms.settings(
        processing_seconds=100,
        instagram_calls_per_hour=INSTAGRAM_CALLS,
        instagram_posts_per_day=INSTAGRAM_POSTS * 2 // 3,
        youtube_uploads_per_day=UPLOADS_A_DAY,
        youtube_channel_uploads_per_day=UPLOADS_A_DAY,
        youtube_units_per_day=UNITS_A_DAY,
    )


def jobs_of(accounts: list[Account]) -> list[PublishJob]:
    """Return every job of some accounts."""
    ids = [account.id for account in accounts]
    with transaction() as session:
        return session.query(PublishJob).filter(PublishJob.account_id.in_(ids)).all()


def test_no_platform_ever_refuses_for_a_limit(
    platforms: Platforms, stored_film: Video, redis: Redis
) -> None:
    strict(platforms)
    with time_machine.travel(BEGIN, tick=True) as traveller:
        accounts = [
            *(connect(platforms, "TIKTOK") for _ in range(2)),
            connect(platforms, "INSTAGRAM"),
            *(connect(platforms, "YOUTUBE") for _ in range(2)),
        ]
        counts = [17, 6, INSTAGRAM_POSTS, UPLOADS_A_DAY, UPLOADS_A_DAY // 4]
        for account, count in zip(accounts, counts, strict=True):
            for _ in range(count):
                make_job(account.platform, account=account, video=stored_film)
        day = Day(traveller, BEGIN + timedelta(hours=HOURS))
        # Redis loses everything when the windows are nearly full.
        for minutes in (5, 20, 60, 150):
            day.events[BEGIN + timedelta(minutes=minutes)] = redis.flushall
        day.work()
    assert refusals(platforms) == []
    jobs = jobs_of(accounts)
    ends = Counter((job.platform, job.state) for job in jobs)
    assert not any(state is JobState.FAILED for _, state in ends), ends
    assert all(job.attempts_made == 1 for job in jobs if job.state is JobState.COMPLETED)
    midnight = datetime(2026, 11, 26, 8, 0, tzinfo=timezone.utc)
    first_day = [job for job in jobs if job.platform == "YOUTUBE" and job.started_at < midnight]
    assert len(first_day) == UPLOADS_A_DAY
    # All that fits has gone out: the days of TikTok and Instagram roll, YouTube's ended once.
    assert ends[("TIKTOK", JobState.COMPLETED)] == 17 + 6
    assert ends[("YOUTUBE", JobState.COMPLETED)] == UPLOADS_A_DAY + UPLOADS_A_DAY // 4
    assert ends[("INSTAGRAM", JobState.COMPLETED)] == INSTAGRAM_POSTS
