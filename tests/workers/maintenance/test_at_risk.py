"""Scheduled posts are checked 15 minutes ahead, while someone can still act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from redis import Redis
from sqlalchemy import Text, type_coerce, update

from app.accounts import store_video_limit
from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import gates
from app.limits.gates import Closing
from app.models import Account, PublishJob, Video
from app.publishing import steer
from app.queues import BACKGROUND_QUEUE, RunQueue, wake_function
from app.queues.names import CHECK_AHEAD
from app.storage import Storage
from tests.databases import ON_SQLITE
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from tests.workers.conftest import Store, connect
from tests.workers.support import SOON, outbox_events, scheduled, with_ending_token
from workers.maintenance.at_risk import (
    CHECK_LEASE,
    Check,
    _record,
    _take_one,
    check_ahead,
    is_any_to_check,
)
from workers.scheduling.periodic import queue_periodic

# One database is enough: other tests cover the queries on both.
pytestmark = [ON_SQLITE, pytest.mark.usefixtures("context")]


@pytest.fixture
def config(config: Config) -> Config:
    """Settings with a receiver, to which nothing is sent here."""
    return replace(
        config, webhook_url="http://127.0.0.1:9/hook", webhook_secrets=("whsec_c2VjcmV0",)
    )


@pytest.fixture
def account(platforms: Platforms) -> Account:
    """A TikTok account with valid tokens."""
    return connect(platforms, "TIKTOK")


def lose_token(platforms: Platforms, account: Account, app: Flask) -> None:
    """Have the user revoke the consent, and let the token expire."""
    platforms.revoke(account.platform_user_id)
    with transaction() as session:
        session.get_one(Account, account.id).expires_at = utcnow() + timedelta(minutes=1)


def lose_video(platforms: Platforms, account: Account, app: Flask) -> None:
    """Delete the object from the store."""
    storage: Storage = app.extensions["storage"]
    storage.delete("videos/film.mp4")


def use_up(platforms: Platforms, account: Account, app: Flask) -> None:
    """Close the account until tomorrow."""
    closing = Closing(account.id, utcnow() + timedelta(days=1))
    with transaction() as session:
        gates.close(session, closing, Failure("full", Category.RATE_LIMIT, "no more posts today"))


def shorten(platforms: Platforms, account: Account, app: Flask) -> None:
    """Have TikTok say that the account may post no more than three seconds."""
    store_video_limit(account.id, 3, utcnow())


@pytest.mark.parametrize(
    ("endanger", "code", "words"),
    [
        (shorten, "duration_max", "at most 3 s of this account"),
        (lose_token, "invalid_grant", ""),
        (lose_video, "video_missing", "not in the store"),
        (use_up, "full", "no more posts today"),
    ],
)
def test_each_risk_of_a_scheduled_post_is_reported_once(
    platforms: Platforms,
    account: Account,
    stored_film: Video,
    app: Flask,
    endanger: Callable[[Platforms, Account, Flask], None],
    code: str,
    words: str,
) -> None:
    job = scheduled(account, stored_film)
    endanger(platforms, account, app)
    check_ahead()
    [risk] = [one for one in outbox_events() if one["type"] == "publish.at_risk"]
    data = risk["data"]
    assert (data["jobId"], data["userId"], data["platform"]) == (job.id, "alice", "TIKTOK")
    assert data["title"] == "Publishing At Risk" and data["scheduledTime"]
    assert data["error"]["code"] == code
    assert words in data["message"]
    # A second check notifies of new risks only.
    with transaction() as session:
        session.get_one(PublishJob, job.id).checked_at = None
    check_ahead()
    assert [one["type"] for one in outbox_events()].count("publish.at_risk") == 1


def test_risk_is_reported_again_for_a_rescheduled_post(
    platforms: Platforms, account: Account, stored_film: Video, app: Flask
) -> None:
    """A user who has moved a post assumes that all is well now."""
    job = scheduled(account, stored_film)
    lose_video(platforms, account, app)
    check_ahead()
    for time in (utcnow() + SOON, utcnow() + SOON - timedelta(minutes=1)):
        steer.edit(job.id, {"scheduled_time": time}, utcnow(), judged={})
        check_ahead()
    times = [
        one["data"]["scheduledTime"] for one in outbox_events() if one["type"] == "publish.at_risk"
    ]
    assert len(times) == len(set(times)) == 3


def test_a_post_that_is_in_order_is_told_of_nothing(account: Account, stored_film: Video) -> None:
    scheduled(account, stored_film)
    check_ahead()
    assert outbox_events() == []


def test_a_token_near_its_end_is_refreshed(account: Account, stored_film: Video) -> None:
    with transaction() as session:
        row = session.get_one(Account, account.id)
        row.expires_at = utcnow() + timedelta(minutes=1)
    scheduled(account, stored_film)
    check_ahead()
    with transaction() as session:
        row = session.get_one(Account, account.id, populate_existing=True)
    assert row.expires_at is not None and row.expires_at > utcnow() + timedelta(hours=1)
    assert outbox_events() == []


def test_what_is_near_is_looked_at_once(account: Account, stored_film: Video) -> None:
    now = utcnow()
    scheduled(account, stored_film, timedelta(minutes=20))
    assert not is_any_to_check(now)
    assert is_any_to_check(now + timedelta(minutes=6))
    scheduled(account, stored_film)
    assert is_any_to_check(now)
    check_ahead()
    assert not is_any_to_check(utcnow())


def test_post_due_within_a_minute_is_not_checked_ahead(
    account: Account, stored_film: Video
) -> None:
    scheduled(account, stored_film, timedelta(seconds=50))
    assert not is_any_to_check(utcnow())
    check_ahead()
    assert unchecked()


def test_delayed_post_is_not_checked_ahead(account: Account, stored_film: Video) -> None:
    """Its user knows already, and a check ahead of any time but the user's own makes no sense."""
    job = scheduled(account, stored_film, timedelta(seconds=50))
    with transaction() as session:
        session.get_one(PublishJob, job.id).due_at = utcnow() + timedelta(minutes=10)
    assert not is_any_to_check(utcnow())


def unchecked() -> list[str]:
    """Return the jobs that were not looked at."""
    with transaction() as session:
        rows = session.query(PublishJob).filter_by(checked_at=None).populate_existing()
        return [row.id for row in rows]


def test_a_look_that_fails_by_a_fault_of_ours_costs_no_other_its_own(
    account: Account, stored: Store, film: Path, stored_film: Video
) -> None:
    """A bug ends the run; the next one goes on with the rest."""
    odd = stored(film)
    with transaction() as session:
        session.get_one(Video, odd.id).probe = {}
    broken = scheduled(account, odd, timedelta(minutes=10))
    for _ in range(3):
        scheduled(account, stored_film)
    with pytest.raises(TypeError):
        check_ahead()
    assert len(unchecked()) == 4
    assert is_any_to_check(utcnow())
    check_ahead()
    assert unchecked() == [broken.id]
    assert not is_any_to_check(utcnow())
    assert is_any_to_check(utcnow() + CHECK_LEASE)  # it is checked again


def test_user_is_told_of_a_token_that_no_key_opens(account: Account, stored_film: Video) -> None:
    job = scheduled(account, stored_film)
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account.id)
            .values(access_token=type_coerce("no cipher of ours", Text()))
        )
    check_ahead()
    assert unchecked() == []
    [risk] = outbox_events()
    assert (risk["type"], risk["data"]["jobId"]) == ("publish.at_risk", job.id)
    assert risk["data"]["error"]["code"] == "tokens_unreadable"


def test_killed_worker_is_followed_by_another(
    platforms: Platforms, stored_film: Video, config: Config, redis: Redis, tmp_path: Path
) -> None:
    platforms.fault("TIKTOK", "hang", times=1)
    hanging = with_ending_token(platforms, stored_film)
    others = [with_ending_token(platforms, stored_film) for _ in range(2)]
    with Process("workers.worker", config, tmp_path / "worker.log") as worker:
        wake_function(CHECK_AHEAD)
        wait_until(platforms.struck, "a look under way")
        worker.kill()
    assert sorted(unchecked()) == sorted(job.id for job in [hanging, *others])
    check_ahead()
    assert unchecked() == [hanging.id]
    with time_machine.travel(utcnow() + CHECK_LEASE, tick=True):
        check_ahead()
    assert unchecked() == []


def test_moved_during_a_look_it_is_looked_at_again(account: Account, stored_film: Video) -> None:
    job = scheduled(account, stored_film)
    taken = _take_one(utcnow(), ())
    assert taken is not None
    steer.edit(job.id, {"scheduled_time": utcnow() + SOON}, utcnow(), judged={})
    _record(taken, Check({"limits": Failure("full", Category.RATE_LIMIT, "full")}), utcnow())
    assert unchecked() == [job.id] and outbox_events() == []
    assert is_any_to_check(utcnow())


def test_a_sweep_wakes_a_worker_for_it(account: Account, stored_film: Video, redis: Redis) -> None:
    scheduled(account, stored_film)
    queue_periodic(utcnow())
    assert RunQueue(BACKGROUND_QUEUE, redis).count == 1
