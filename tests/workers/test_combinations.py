"""Pairs of events in one post, each of which is harmless alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import disconnect_account
from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.failures import Category, Failure
from app.limits import gates, lanes, ledger
from app.limits.gates import Closing
from app.limits.rules import limits_on
from app.models import Account, Gate, PublishJob, Video
from app.publishing import outcomes, steer
from app.publishing.claims import claim_next
from app.publishing.errors import WrongState
from app.states import AccountState, JobState
from tests.databases import ON_SQLITE
from tests.factories import make_job
from tests.limits import without_limits
from tests.platforms import Platforms
from tests.processes import wait_until as until
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import MB, big_film, checkpoint_of
from workers.publishing import steps
from workers.publishing.budget import Purpose, RunBudget
from workers.publishing.pipeline import advance, poll

pytestmark = [ON_SQLITE, pytest.mark.usefixtures("context")]


@pytest.fixture
def config(config: Config) -> Config:
    """Settings without limits of ours, unless a test sets one."""
    return replace(config, limits=without_limits())


@pytest.fixture(autouse=True)
def without_poll_limit(platforms: Platforms) -> None:
    """Allow as many polls of TikTok as these tests need."""
    platforms.settings(tiktok_status_per_minute=1_000_000)


def run_at(job: PublishJob) -> PublishJob:
    """Run what is next for a job now; return the row."""
    now = row(job)
    now.due_at = utcnow()
    lanes.refresh(db.session(), now)
    db.session.commit()
    (poll if now.is_at_platform else advance)(job.platform, job.id)
    return row(job)


def is_done(job: PublishJob) -> bool:
    """Run what is next for a job now, and tell whether that was all."""
    return run_at(job).state is JobState.COMPLETED


def open_gate(key: str) -> None:
    """Open a gate before its time."""
    db.session.get_one(Gate, key, populate_existing=True).begins_closed_until = utcnow()
    db.session.commit()


def keep_checkpoint(job: PublishJob, fields: dict[str, Any]) -> None:
    """Replace a job's checkpoint."""
    db.session.get_one(PublishJob, job.id, populate_existing=True).checkpoint = fields
    db.session.commit()


def limit_calls(app: Flask, maximum: int) -> None:
    """Limit an Instagram account to so many calls an hour, and nothing else."""
    limits = without_limits(LIMIT_INSTAGRAM_CALLS_PER_HOUR=maximum)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], limits=limits)


def use_calls(account: Account, count: int) -> None:
    """Use an account's calls up to so many of the hour's."""
    budget = RunBudget("INSTAGRAM", account.id)
    [limit] = limits_on("INSTAGRAM", "calls")
    with transaction() as session:
        used = ledger.used_in(session, limit, account.id, utcnow())
    budget.spend("calls", count - used, Purpose.FINISH)
    budget.settle()


@pytest.mark.parametrize(("new_token_seconds", "category"), [(0.0, None), (3600.0, "token")])
def test_upload_outlives_as_many_tokens_as_it_takes(
    new_token_seconds: float,
    category: str | None,
    app: Flask,
    platforms: Platforms,
    film: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When a second token is refused within one run, its age tells whether it has expired or never
    was valid."""
    monkeypatch.setattr(steps, "NEW_TOKEN_SECONDS", new_token_seconds)
    video = big_film(app, film, 40 * MB)
    account = connect(platforms, "YOUTUBE")
    for skipped in (1, 3):
        platforms.fault("YOUTUBE", "error", call="youtube.upload", code="authError", skip=skipped)
    job = make_job("YOUTUBE", account=account, video=video)
    advance("YOUTUBE", job.id)
    assert row(job).error_category == category
    found = db.session.get_one(Account, account.id, populate_existing=True)
    assert found.state is AccountState.ACTIVE


def test_what_a_beginning_leaves_of_the_calls_is_there_to_ask_with(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    limit_calls(app, 20)
    account = connect(platforms, "INSTAGRAM")
    sent = make_job("INSTAGRAM", account=account, video=stored_film)
    run_at(sent)
    use_calls(account, 16)  # a fifth is left, which is reserved from new posts
    held = make_job("INSTAGRAM", account=account, video=stored_film)
    advance("INSTAGRAM", held.id)
    assert row(held).error_code == "limit_instagram_calls_per_hour"
    before = len(platforms.journal())
    assert run_at(sent).error_code is None
    assert len(platforms.journal()) > before


def test_post_whose_upload_has_proven_dead_can_be_cancelled_while_it_waits(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "fail_processing", reason="spam_risk_too_many_posts")
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    until(lambda: run_at(job).error_code is not None, "TikTok's refusal")
    waits = row(job)
    assert (waits.state_at(utcnow()), waits.attempts_made) == (JobState.DELAYED, 0)
    assert steer.cancel(job.id, utcnow()).state is JobState.CANCELLED


def test_post_whose_upload_has_proven_dead_goes_out_by_another(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "fail_processing", reason="spam_risk_too_many_posts")
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    until(lambda: run_at(job).error_code is not None, "TikTok's refusal")
    open_gate(job.account_id)  # the day is over
    until(partial(is_done, job), "the post's end")
    assert len(platforms.posts()) == 1
    assert len(platforms.journal("tiktok.init")) == 2


def test_publish_that_our_own_limit_holds_back_has_not_begun(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    """Nothing was sent, so the post may still be cancelled."""
    limit_calls(app, 9)
    platforms.settings(processing_seconds=0)
    account = connect(platforms, "INSTAGRAM")
    job = make_job("INSTAGRAM", account=account, video=stored_film)
    run_at(job)
    use_calls(account, 8)  # one is left: to read that the container is ready
    until(lambda: run_at(job).error_code == "limit_instagram_calls_per_hour", "our own refusal")
    assert platforms.journal("instagram.publish") == []
    assert not row(job).is_committed
    assert steer.cancel(job.id, utcnow()).state is JobState.CANCELLED


def test_account_whose_posting_was_blocked_is_left_alone_for_a_day(
    platforms: Platforms, stored_film: Video
) -> None:
    """Each further attempt would prolong the block."""
    account = connect(platforms, "INSTAGRAM")
    platforms.fault("INSTAGRAM", "error", call="instagram.container", code="368")
    blocked = make_job("INSTAGRAM", account=account, video=stored_film)
    assert run_at(blocked).state is JobState.FAILED
    held = make_job("INSTAGRAM", account=account, video=stored_film)
    calls = len(platforms.journal())
    waits = run_at(held)
    assert waits.state_at(utcnow()) is JobState.DELAYED and waits.error_code == "368"
    assert waits.due_at is not None and waits.due_at - utcnow() > timedelta(hours=23)
    assert len(platforms.journal()) == calls


def test_last_bytes_that_break_off_again_and_again_use_the_attempts(
    platforms: Platforms, stored_film: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes of a small video are the last ones, after which it may be live. A read shows that
    some are missing; they may still arrive, so the post is neither cancelled nor started over."""
    platforms.fault("TIKTOK", "cut", call="tiktok.upload", after_bytes=1000, times=100)
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film, max_attempts=2)
    until(lambda: run_at(job) and len(platforms.journal("tiktok.upload")) > 2, "three tries")
    assert row(job).attempts_made == 1  # at once, and for a while, at no cost
    monkeypatch.setattr(steps, "RESEND_LIMIT", timedelta())
    until(lambda: run_at(job).state is JobState.WAITING, "the first attempt's end")
    waits = row(job)
    assert waits.attempts_made == 1 and waits.is_committed
    with pytest.raises(WrongState):
        steer.cancel(job.id, utcnow())
    until(lambda: run_at(job).state is JobState.FAILED, "the last attempt's end")
    failed = row(job)
    assert (failed.error_category, failed.attempts_made) == ("network", 2)
    assert "may be live" in (failed.error_message or "")
    platforms.clear_faults()
    steer.retry(job.id, utcnow())
    until(partial(is_done, job), "the post's end")
    assert len(platforms.posts()) == len(platforms.journal("tiktok.init")) == 1


def test_url_refused_after_the_last_bytes_is_waited_for_at_no_cost(
    platforms: Platforms, stored_film: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it has expired, the upload might be completed; then another is opened."""
    platforms.fault("TIKTOK", "error", call="tiktok.upload", status=416)
    platforms.fault("TIKTOK", "error", call="tiktok.upload", status=404, times=100)
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film, max_attempts=1)
    until(lambda: run_at(job) and len(platforms.journal("tiktok.upload")) == 4, "three refusals")
    assert row(job).error_code == "upload_url_refused"
    monkeypatch.setattr(steps, "RESEND_LIMIT", timedelta())
    keep_checkpoint(job, {**checkpoint_of(job), "url_refused_at": utcnow().timestamp() - 60})
    for _ in range(5):
        waits = run_at(job)
        assert (waits.state, waits.attempts_made) == (JobState.ACTIVE, 1)
    assert waits.error_code is None and waits.is_committed
    assert len(platforms.journal("tiktok.upload")) == 4
    platforms.clear_faults()
    over = utcnow().timestamp() - 3600
    keep_checkpoint(job, {**checkpoint_of(job), "expires_at": over, "final_started_at": over})
    until(partial(is_done, job), "the post's end")
    assert (row(job).attempts_made, len(platforms.posts())) == (1, 1)
    assert len(platforms.journal("tiktok.init")) == 2


def test_what_failed_of_an_upload_is_forgotten_with_it(
    platforms: Platforms, stored_film: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "RESEND_LIMIT", timedelta())
    platforms.fault("TIKTOK", "lost_answer", call="tiktok.upload")
    platforms.fault("TIKTOK", "fail_processing", reason="internal")
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    until(lambda: run_at(job).reopened == 1, "the dead upload's end")
    assert row(job).unanswered_since is None
    until(partial(is_done, job), "the post's end")
    assert (row(job).attempts_made, len(platforms.posts())) == (1, 1)


def test_retry_of_what_may_be_live_looks_first_though_its_account_is_left_alone(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "INSTAGRAM")
    platforms.fault("INSTAGRAM", "error", call="instagram.publish", code="4/2207051")
    job = make_job("INSTAGRAM", account=account, video=stored_film)
    until(lambda: run_at(job) and platforms.journal("instagram.publish"), "the refused publish")
    keep_checkpoint(job, {**checkpoint_of(job), "settled_at": 0.0})  # a minute later
    until(lambda: run_at(job).state is JobState.FAILED, "the believed refusal")
    steer.retry(job.id, utcnow())
    looks = len(platforms.journal("instagram.container_status"))
    until(partial(is_done, job), "the post's end")
    assert len(platforms.journal("instagram.container_status")) > looks
    assert len(platforms.posts()) == 1


def test_our_own_client_refused_stops_the_platform_and_fails_no_post(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "error", call="tiktok.token", code="invalid_client")
    jobs = []
    for _ in range(2):
        account = connect(platforms, "TIKTOK")
        account.expires_at = utcnow()
        db.session.merge(account)
        db.session.commit()
        jobs.append(make_job("TIKTOK", account=account, video=stored_film))
        waits = run_at(jobs[-1])
        assert (waits.state_at(utcnow()), waits.attempts_made) == (JobState.DELAYED, 0)
        assert waits.error_code == "invalid_client"
    assert len(platforms.journal("tiktok.token")) == 1  # one finds out for all
    open_gate("TIKTOK")
    for job in jobs:
        until(partial(is_done, job), "the post's end")


def test_account_connected_again_outlives_what_ended_under_its_former_consent(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "TIKTOK")
    platforms.fault("TIKTOK", "fail_processing", reason="auth_removed")
    job = make_job("TIKTOK", account=account, video=stored_film)
    until(lambda: run_at(job).state is JobState.FAILED, "the post's end")
    assert row(job).error_code == "auth_removed"
    found = db.session.get_one(Account, account.id, populate_existing=True)
    assert found.state is AccountState.ACTIVE


def test_cover_is_counted_among_the_units_of_the_day(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    limits = without_limits(LIMIT_YOUTUBE_UNITS_PER_DAY=1000)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], limits=limits)
    job = make_job(
        "YOUTUBE",
        account=connect(platforms, "YOUTUBE"),
        video=stored_film,
        platform_options={"title": "A film", "coverTimestampMs": 500},
    )
    until(partial(is_done, job), "the post's end")
    assert [call["status"] for call in platforms.journal("youtube.thumbnail")] == [200]
    lists = [call for call in platforms.journal() if call.get("call") == "youtube.videos"]
    [limit] = limits_on("YOUTUBE", "units")
    with transaction() as session:
        assert ledger.used_in(session, limit, "YOUTUBE", utcnow()) == 50 + len(lists)


def test_post_that_a_limit_holds_amid_its_attempt_is_shown_as_held(
    app: Flask,
    platforms: Platforms,
    stored_film: Video,
    client: FlaskClient,
    auth: Callable[..., dict[str, str]],
) -> None:
    """As after a deploy: the post was handed back, and the day's limit was used up meanwhile."""
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film)
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None
    outcomes.hand_back(claim, utcnow())
    assert row(job).state is JobState.ACTIVE
    with transaction() as session:
        day = utcnow() + timedelta(days=1)
        full = Failure(
            "spam_risk_too_many_posts", Category.RATE_LIMIT, "TikTok takes no more today"
        )
        gates.close(session, Closing(account.id, day), full)
    run_at(job)
    shown = client.get(f"/api/publish/{job.id}/status", headers=auth()).get_json()
    assert (shown["state"], shown["attemptsMade"]) == ("delayed", 0)
    assert shown["error"]["code"] == "spam_risk_too_many_posts" and shown["nextAttemptAt"]
    open_gate(account.id)
    until(partial(is_done, job), "the post's end")
    assert row(job).attempts_made == 1


def test_post_that_may_be_live_can_be_resolved_after_its_account_was_disconnected(
    platforms: Platforms, stored_film: Video
) -> None:
    """Nobody can ask TikTok any more, and the post goes live all the same."""
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film)
    assert run_at(job).is_committed
    assert disconnect_account(account.user_id, account.id, utcnow())
    failed = run_at(job)
    assert (failed.state, failed.error_category) == (JobState.FAILED, "account")
    with pytest.raises(WrongState, match="retry it"):  # a second upload could make a second post
        steer.resolve(job.id, utcnow(), is_live=False)
    steer.resolve(job.id, utcnow(), is_live=True, url="https://www.tiktok.com/@x/video/1")
    assert row(job).state is JobState.COMPLETED
