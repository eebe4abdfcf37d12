"""Background work avoids a platform that does not respond, and nothing queues up behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import time_machine

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.ids import new_id
from app.limits import circuits
from app.limits.circuits import Evidence
from app.limits.unresponsive import UNRESPONSIVE_FOR, unresponsive_platforms
from app.models import Account, Gate, PublishedPost, PublishJob, Video
from tests.databases import ON_SQLITE
from tests.platforms import Platforms
from tests.workers.conftest import connect
from tests.workers.support import scheduled, with_ending_token
from workers import transport
from workers.errors import NetworkFailure
from workers.maintenance.at_risk import CHECK_LEASE, check_ahead, is_any_to_check
from workers.maintenance.counts import count_due
from workers.unresponsive import UNRESPONSIVE_MAX, UnresponsivePlatforms

# One database is enough: other tests cover the queries on both.
pytestmark = ON_SQLITE


@pytest.fixture
def config(config: Config) -> Config:
    """Two jobs that fail open the circuit."""
    return replace(config, circuit_failures=2)


@pytest.fixture(autouse=True)
def surroundings(context: None) -> Iterator[None]:
    """Every test runs in an application context."""
    yield


def silent() -> set[str]:
    """Return the platforms that are left alone now."""
    with transaction() as session:
        return unresponsive_platforms(session, utcnow())


def counted(account: Account, video: Video) -> None:
    """Store a post that is due to be counted."""
    post = PublishedPost(
        job_id=new_id(),
        user_id=account.user_id,
        account_id=account.id,
        video_id=video.id,
        platform=account.platform,
        platform_post_id=f"7{new_id()}",
        caption="",
        count_at=utcnow(),
    )
    db.session.add(post)
    db.session.commit()


def test_counting_stops_asking_a_platform_that_does_not_answer(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "cut", call="tiktok.video_query", times=100)
    for _ in range(4):
        counted(connect(platforms, "TIKTOK"), stored_film)
    counted(connect(platforms, "YOUTUBE"), stored_film)
    count_due()
    assert platforms.struck() == UNRESPONSIVE_MAX
    assert len(platforms.journal("youtube.videos")) == 1
    count_due()  # no other run goes on either
    assert platforms.struck() == UNRESPONSIVE_MAX
    assert silent() == {"TIKTOK"}


def test_an_answer_in_between_resets_the_count(platforms: Platforms, stored_film: Video) -> None:
    unresponsive = UnresponsivePlatforms()
    for fails in (True, False, True):
        if fails:
            platforms.fault("TIKTOK", "cut", times=1)
        with unresponsive.watch("TIKTOK"):
            try:
                transport.call("GET", f"{platforms.url}/tiktok/v2/user/info/")
            except NetworkFailure:
                assert fails
    assert unresponsive.to_avoid() == set()


def test_posts_are_looked_at_ahead_of_time_once_their_platform_answers_again(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "cut", times=100)
    jobs = [with_ending_token(platforms, stored_film) for _ in range(4)]
    other = scheduled(connect(platforms, "YOUTUBE"), stored_film)
    check_ahead()
    assert platforms.struck() == UNRESPONSIVE_MAX
    assert not any(checked(job) for job in jobs) and checked(other)
    assert not is_any_to_check(utcnow())  # so no worker is woken in vain
    platforms.clear_faults()
    forget_unresponsiveness()
    assert is_any_to_check(utcnow())
    check_ahead()
    assert [checked(job) for job in jobs] == [False, False, True, True]
    with time_machine.travel(utcnow() + CHECK_LEASE, tick=True):  # those whose checks failed
        check_ahead()
    assert all(checked(job) for job in jobs)


def test_an_open_circuit_is_heeded_until_it_is_time_for_a_probe() -> None:
    now = utcnow()
    with transaction() as session:
        for job_id in ("a", "b"):
            circuits.record_evidence(session, "TIKTOK", job_id, Evidence(False), now)
        assert unresponsive_platforms(session, now) == {"TIKTOK"}
        assert unresponsive_platforms(session, now + UNRESPONSIVE_FOR) == set()


def checked(job: PublishJob) -> bool:
    """Tell whether a job was checked."""
    with transaction() as session:
        row = session.get_one(PublishJob, job.id, populate_existing=True)
        return row.checked_at is not None


def forget_unresponsiveness() -> None:
    """Stop avoiding the platform."""
    with transaction() as session:
        session.get_one(Gate, "TIKTOK").silent_until = utcnow()
