"""Before a scheduled post, the platform is asked whether it still accepts the account's token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import gates
from app.limits.gates import Closing
from app.models import Account, LedgerEntry, PublishJob, Video
from app.publishing import steer
from app.states import AccountState
from tests.databases import ON_SQLITE
from tests.limits import without_limits
from tests.platforms import Platforms
from tests.workers.conftest import connect
from tests.workers.support import SOON, outbox_events, scheduled
from workers.maintenance.at_risk import CHECK_LEASE, check_ahead
from workers.publishing.budget import RunBudget

pytestmark = pytest.mark.usefixtures("context")
#: The read that tells, by platform, and what of the limits it uses.
READS = {
    "TIKTOK": ("tiktok.creator_info", "creator_reads"),
    "INSTAGRAM": ("instagram.quota", "calls"),
    "YOUTUBE": ("youtube.channels", "units"),
}
Step = Callable[[Platforms, Account], None]


@pytest.fixture
def config(config: Config) -> Config:
    """Settings with a receiver, to which nothing is sent here."""
    return replace(
        config, webhook_url="http://127.0.0.1:9/hook", webhook_secrets=("whsec_c2VjcmV0",)
    )


def risks() -> list[str]:
    """Return the codes of the risks told."""
    return [
        one["data"]["error"]["code"] for one in outbox_events() if one["type"] == "publish.at_risk"
    ]


def is_checked(job: PublishJob) -> bool:
    """Tell whether a job needs no further check."""
    with transaction() as session:
        return session.get_one(PublishJob, job.id, populate_existing=True).checked_at is not None


def state_of(account: Account) -> AccountState:
    """Return an account's state as it is stored."""
    with transaction() as session:
        return session.get_one(Account, account.id, populate_existing=True).state


def with_token_until(account: Account, minutes: int, **columns: Any) -> None:
    """Set when an account's token expires, as far as the service knows."""
    with transaction() as session:
        row = session.get_one(Account, account.id)
        row.expires_at = utcnow() + timedelta(minutes=minutes)
        for name, value in columns.items():
            setattr(row, name, value)


@pytest.mark.parametrize(
    ("platform", "options"),
    [
        ("TIKTOK", {}),
        ("INSTAGRAM", {"login_type": "facebook"}),
        ("INSTAGRAM", {"login_type": "instagram"}),
        ("YOUTUBE", {}),
    ],
)
def test_a_consent_taken_back_is_noticed_while_its_token_has_not_run_out(
    platform: str, options: dict[str, str], platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, platform, **options)
    job = scheduled(account, stored_film)
    platforms.revoke(account.platform_user_id)
    check_ahead()
    [risk] = [
        one
        for one in outbox_events()
        if one["type"] == "publish.at_risk" and one["data"]["error"]["category"] == "account"
    ]
    assert risk["data"]["jobId"] == job.id
    assert [one["type"] for one in outbox_events()].count("account.reconnect_required") == 1
    assert state_of(account) is AccountState.RECONNECT_REQUIRED
    assert is_checked(job)


@pytest.mark.parametrize("platform", READS)
def test_a_good_token_costs_one_read_that_is_counted(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    call, counts = READS[platform]
    account = connect(platforms, platform)
    job = scheduled(account, stored_film)
    check_ahead()
    assert [entry["call"] for entry in platforms.journal() if entry["event"] == "call"] == [call]
    with transaction() as session:
        used = [(one.counts, one.amount) for one in session.query(LedgerEntry)]
    assert used == [(counts, 1)]
    assert outbox_events() == [] and is_checked(job)


@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_a_token_that_only_the_platform_knows_to_be_over_is_renewed(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, platform)
    old_token = account.access_token
    job = scheduled(account, stored_film)
    platforms.expire_token(account.platform_user_id)
    check_ahead()
    assert outbox_events() == [] and is_checked(job)
    with transaction() as session:
        row = session.get_one(Account, account.id, populate_existing=True)
    assert row.access_token != old_token


@ON_SQLITE
@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_a_token_that_is_refused_again_right_after_it_was_renewed_is_a_risk(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    code = {"TIKTOK": "access_token_invalid", "YOUTUBE": "authError"}[platform]
    account = connect(platforms, platform)
    scheduled(account, stored_film)
    platforms.fault(platform, "error", call=READS[platform][0], code=code, times=2)
    check_ahead()
    assert risks() == [code]
    assert state_of(account) is AccountState.ACTIVE


@ON_SQLITE
@pytest.mark.parametrize("platform", READS)
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("error", {"status": 500, "body": ""}),
        ("error", {"status": 429, "body": "", "retry_after": 30}),
        ("cut", {}),
        ("garbage", {}),
    ],
)
def test_trouble_of_the_platform_is_no_risk_and_calls_for_another_look(
    platform: str, kind: str, fields: dict[str, Any], platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, platform)
    job = scheduled(account, stored_film)
    platforms.fault(platform, kind, call=READS[platform][0], **fields)
    check_ahead()
    assert risks() == [] and not is_checked(job)
    platforms.revoke(account.platform_user_id)
    with time_machine.travel(utcnow() + CHECK_LEASE, tick=True):
        check_ahead()
    assert len(risks()) == 1 and is_checked(job)


@pytest.mark.parametrize(
    ("platform", "fields", "code"),
    [
        ("TIKTOK", {"code": "spam_risk_too_many_posts"}, "spam_risk_too_many_posts"),
        ("TIKTOK", {"code": "reached_active_user_cap"}, "reached_active_user_cap"),
        ("TIKTOK", {"status": 429, "body": "", "retry_after": 3600}, "http_429"),
        ("YOUTUBE", {"code": "quotaExceeded"}, "quotaExceeded"),
    ],
)
def test_a_limit_that_lasts_beyond_the_posts_time_is_a_risk(
    platform: str,
    fields: dict[str, Any],
    code: str,
    platforms: Platforms,
    stored_film: Video,
) -> None:
    account = connect(platforms, platform)
    job = scheduled(account, stored_film)
    platforms.fault(platform, "error", call=READS[platform][0], **fields)
    check_ahead()
    [risk] = [one for one in outbox_events() if one["type"] == "publish.at_risk"]
    assert risk["data"]["error"]["code"] == code
    assert "at the earliest" in risk["data"]["message"]
    assert is_checked(job) and state_of(account) is AccountState.ACTIVE


@ON_SQLITE
def test_what_this_service_itself_may_not_ask_is_no_risk(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    """The units are used up until midnight, and a post needs none."""
    limits = without_limits(LIMIT_YOUTUBE_UNITS_PER_DAY=1)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], limits=limits)
    account = connect(platforms, "YOUTUBE")
    RunBudget("YOUTUBE", account.id).spend("units")
    scheduled(account, stored_film)
    check_ahead()
    assert platforms.journal("youtube.channels") == [] and risks() == []


@ON_SQLITE
def test_a_refresh_that_fails_by_the_platform_is_no_risk(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "YOUTUBE")
    with_token_until(account, 1)
    scheduled(account, stored_film)
    platforms.fault("YOUTUBE", "error", call="youtube.token", status=503, body="", times=3)
    check_ahead()
    assert risks() == []


@ON_SQLITE
def test_a_token_that_another_worker_refreshes_is_no_risk(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "TIKTOK")
    with_token_until(account, 1, refreshing_until=utcnow() + timedelta(minutes=1))
    job = scheduled(account, stored_film)
    check_ahead()
    assert risks() == [] and not is_checked(job)


@ON_SQLITE
@pytest.mark.parametrize("of_all", [True, False])
def test_nothing_is_asked_where_questions_are_to_wait(
    of_all: bool, platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "TIKTOK")
    scheduled(account, stored_film)
    key = "TIKTOK" if of_all else account.id
    closing = Closing(key, utcnow() + timedelta(minutes=5), reads=True)
    with transaction() as session:
        gates.close(session, closing, Failure("slow", Category.RATE_LIMIT, "ask later"))
    check_ahead()
    assert platforms.journal("tiktok.creator_info") == []
    assert risks() == []


@ON_SQLITE
def test_a_channel_that_may_only_be_posted_to_is_not_asked(
    platforms: Platforms, stored_film: Video
) -> None:
    """Uploading does not need the permission to read, so a lack of it is no risk."""
    scope = "https://www.googleapis.com/auth/youtube.upload"
    account = connect(platforms, "YOUTUBE", scopes=[scope])
    job = scheduled(account, stored_film)
    check_ahead()
    assert platforms.journal("youtube.channels") == []
    with transaction() as session:
        session.get_one(Account, account.id).scopes = []  # the back end has named none
    steer.edit(job.id, {"scheduled_time": utcnow() + SOON}, utcnow(), judged={})
    check_ahead()
    assert len(platforms.journal("youtube.channels")) == 1
    assert outbox_events() == [] and is_checked(job)
