"""A refused token ends an account only if the platform says so, not if a page between us does."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask

from app.clock import utcnow
from app.extensions import db
from app.models import Account, PublishedPost, PublishJob, Video
from app.states import AccountState, JobState
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import outbox_events, run_once, run_to_end
from workers.accounts import tokens
from workers.handlers import load_handler
from workers.maintenance.follow_ups import follow_up_due
from workers.platforms.youtube.covers import COVER_TRIES

pytestmark = pytest.mark.usefixtures("context")
#: The first call for a post, by platform, and the code with which it refuses a token.
FIRST = {
    "TIKTOK": ("tiktok.creator_info", "access_token_invalid"),
    "INSTAGRAM": ("instagram.quota", ""),
    "YOUTUBE": ("youtube.session", "authError"),
}


def make_quick(account: Account, video: Video) -> PublishJob:
    """Accept a post that is soon tried again."""
    return make_job(account.platform, account=account, video=video, backoff_delay_ms=50)


def state_of(account: Account) -> AccountState:
    """Return an account's state as it is stored."""
    found = db.session.get_one(Account, account.id, populate_existing=True).state
    db.session.commit()
    return found


def assert_untouched(account: Account) -> None:
    """Assert that nobody was asked to connect the account again."""
    assert state_of(account) is AccountState.ACTIVE
    assert "account.reconnect_required" not in {one["type"] for one in outbox_events()}


@pytest.mark.parametrize("platform", FIRST)
def test_pages_of_a_gateway_that_say_401_are_an_outage(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, platform)
    platforms.fault(platform, "garbage", call=FIRST[platform][0], status=401, times=2)
    job = make_quick(account, stored_film)
    waiting = run_once(job)
    assert (waiting.error_code, waiting.error_category) == ("http_401", "platform")
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 3)
    assert_untouched(account)
    assert platforms.journal(f"{platform.lower()}.token") == []


@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_token_that_no_refresh_cures_costs_the_attempts_and_not_the_account(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    call, code = FIRST[platform]
    account = connect(platforms, platform)
    platforms.fault(platform, "error", call=call, code=code, times=6)
    job = make_quick(account, stored_film)
    waiting = run_once(job)
    assert (waiting.state, waiting.attempts_made) == (JobState.WAITING, 1)
    failed = run_to_end(job)
    assert (failed.state, failed.attempts_made) == (JobState.FAILED, 3)
    assert (failed.error_code, failed.error_category) == (code, "token")
    assert_untouched(account)
    assert len(platforms.journal(f"{platform.lower()}.token")) == 3


@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_token_refused_while_the_post_may_be_live_is_waited_for(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    read = {"TIKTOK": "tiktok.status", "YOUTUBE": "youtube.videos"}[platform]
    account = connect(platforms, platform)
    job = make_quick(account, stored_film)
    assert run_once(job).error_code is None
    platforms.fault(platform, "error", call=read, code=FIRST[platform][1], times=2)
    found = wait_until(lambda: run_once(job).error_code and row(job.id), "a refused poll")
    assert (found.error_category, found.attempts_made) == ("token", 1)
    db.session.query(PublishJob).update({"due_at": utcnow()})
    db.session.commit()
    assert run_to_end(job).state is JobState.COMPLETED
    assert_untouched(account)


def test_token_always_refused_for_the_cover_costs_the_cover_and_not_the_post(
    platforms: Platforms, stored_film: Video
) -> None:
    """Each try costs 50 units of the whole application's day, and no poll came of it."""
    account = connect(platforms, "YOUTUBE")
    options = {"coverTimestampMs": 1000}
    platforms.fault("YOUTUBE", "error", call="youtube.thumbnail", code="authError", times=99)
    job = make_job("YOUTUBE", account=account, video=stored_film, platform_options=options)
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert 2 <= len(platforms.journal("youtube.thumbnail")) <= COVER_TRIES
    assert len(platforms.journal("youtube.token")) == 1
    assert_untouched(account)


@pytest.mark.parametrize("code", ["987654", ""])
def test_early_refresh_that_says_no_more_than_401_costs_no_account(
    code: str, platforms: Platforms
) -> None:
    account = connect(platforms, "INSTAGRAM", login_type="instagram")
    db.session.query(Account).update({"expires_at": utcnow() + timedelta(days=40)})
    db.session.commit()
    body = {"error": {"message": "no", **({"code": int(code)} if code else {})}}
    platforms.fault("INSTAGRAM", "error", call="instagram.token", status=401, body=body, times=99)
    access = tokens.access_for(load_handler("INSTAGRAM"), account.id)
    assert access.token == account.access_token
    assert platforms.journal("instagram.token") != []
    assert_untouched(account)


def test_token_that_another_worker_stored_meanwhile_may_be_over_as_well(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    """Only YouTube knows; the run then gets one of its own, in the same attempt."""
    account = connect(platforms, "YOUTUBE")
    old_token = account.access_token or ""
    platforms.fault("YOUTUBE", "slow", call="youtube.session", seconds=2)

    def renew_elsewhere() -> None:
        wait_until(platforms.struck, "the request with the first token")
        with app.app_context():
            tokens.refresh(load_handler("YOUTUBE"), account.id, stale_token=old_token)
        platforms.expire_token(account.platform_user_id)

    job = make_quick(account, stored_film)
    elsewhere = threading.Thread(target=renew_elsewhere)
    elsewhere.start()
    begun = run_once(job)
    elsewhere.join()
    assert begun.error_code is None
    assert len(platforms.journal("youtube.token")) == 2
    assert [call["status"] for call in platforms.journal("youtube.session")] == [401, 401, 200]
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)


def test_follow_up_renews_a_token_that_only_the_platform_knows_to_be_over(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.settings(tiktok_post_id_seconds=600)
    account = connect(platforms, "TIKTOK")
    assert run_to_end(make_quick(account, stored_film)).state is JobState.COMPLETED
    platforms.advance(700)
    platforms.expire_token(account.platform_user_id)
    db.session.query(PublishedPost).update({"follow_up_at": utcnow()})
    db.session.commit()
    follow_up_due()
    [post] = db.session.query(PublishedPost)
    assert (post.platform_post_id, post.follow_up_at) == (platforms.posts()[0]["id"], None)


@pytest.mark.parametrize("times", [1, 2])
def test_session_that_says_no_more_than_401_wants_a_new_token(
    times: int, platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "YOUTUBE")
    platforms.fault("YOUTUBE", "empty", call="youtube.upload", status=401)
    platforms.fault("YOUTUBE", "empty", call="youtube.status_query", status=401, times=times)
    job = make_quick(account, stored_film)
    run_once(job)
    assert platforms.journal("youtube.token") != []
    db.session.query(PublishJob).update({"due_at": utcnow() - timedelta(seconds=1)})
    db.session.commit()
    assert run_to_end(job).state is JobState.COMPLETED
    assert len(platforms.posts()) == 1
    assert_untouched(account)
