"""A job's way through the pipeline, against the sandbox's platforms, on both databases."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis
from rq import Queue as StockQueue

from app.clock import utcnow
from app.crypto import Cipher
from app.extensions import db
from app.limits import lanes
from app.models import Account, Notification, PublishedPost, PublishJob, TimelineEntry, Video
from app.publishing import steer
from app.publishing.claims import LEASE_SECONDS, claim_next
from app.queues import PUBLISH_QUEUES, Run, RunQueue, current_redis
from app.states import AccountState, JobState, Step
from sandbox.development.sample_videos import make_sample_video
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.redis_values import is_pickled, values
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import run_once, run_to_end
from workers.errors import KEY_HINT
from workers.maintenance.follow_ups import follow_up_due
from workers.publishing.pipeline import LOST_RUNS_MAX
from workers.publishing.retry import OUTAGE_LIMIT

PLATFORM_NAMES = ("TIKTOK", "INSTAGRAM", "YOUTUBE")
FINAL = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


@pytest.fixture(autouse=True)
def surroundings(context: None) -> Iterator[None]:
    """Every test runs in an application context."""
    yield


def all_of(kind: type, **columns: object) -> list:  # type: ignore[type-arg]
    """Read rows again."""
    found = db.session.query(kind).filter_by(**columns).populate_existing().all()
    db.session.commit()
    return found


@pytest.mark.parametrize("platform", PLATFORM_NAMES)
def test_video_goes_live_byte_for_byte(
    platform: str, platforms: Platforms, stored_film: Video, film: Path
) -> None:
    account = connect(platforms, platform)
    job = make_job(platform, account=account, video=stored_film, hashtags=["fun"])
    done = run_to_end(job)
    assert (done.state, done.progress, done.attempts_made) == (JobState.COMPLETED, 100, 1)
    [post] = platforms.posts()
    assert post["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    [recorded] = all_of(PublishedPost, job_id=job.id)
    # TikTok reveals the id only after moderation: see the test of follow-ups.
    assert recorded.platform_post_id is not None or recorded.follow_up_at is not None
    [notification] = all_of(Notification, subject_id=job.id)
    assert notification.type == "publish.completed"


def test_late_post_id_is_followed_up(platforms: Platforms, stored_film: Video) -> None:
    platforms.settings(tiktok_post_id_seconds=600)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    run_to_end(job)
    [recorded] = all_of(PublishedPost, job_id=job.id)
    assert (recorded.platform_post_id, recorded.url) == (None, None)
    platforms.advance(601)
    db.session.query(PublishedPost).update({"follow_up_at": utcnow()})
    db.session.commit()
    follow_up_due()
    [post] = all_of(PublishedPost, job_id=job.id)
    [live] = platforms.posts()
    assert (post.platform_post_id, post.follow_up_at) == (str(live["id"]), None)
    assert post.url is not None and post.url.endswith(f"/video/{live['id']}")


@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_expired_token_is_refreshed_before_use(
    platform: str, platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, platform)
    old = account.access_token
    account.expires_at = utcnow() - timedelta(minutes=1)
    db.session.commit()
    job = make_job(platform, account=account, video=stored_film)
    done = run_to_end(job)
    assert (done.state, done.error_code, done.error_message) == (JobState.COMPLETED, None, None)
    assert all_of(Account, id=account.id)[0].access_token != old


def test_refused_refresh_asks_the_owner_to_reconnect(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "TIKTOK")
    account.expires_at = utcnow() - timedelta(minutes=1)
    account.refresh_token = "revoked"
    db.session.commit()
    job = make_job("TIKTOK", account=account, video=stored_film)
    failed = run_to_end(job)
    assert (failed.state, failed.error_category) == (JobState.FAILED, "account")
    assert all_of(Account, id=account.id)[0].state is AccountState.RECONNECT_REQUIRED
    told = [one.type for one in all_of(Notification)]
    assert sorted(told) == ["account.reconnect_required", "publish.failed"]
    assert platforms.posts() == []


def test_network_failure_is_tried_again_after_the_backoff(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "TIKTOK")
    platforms.fault("TIKTOK", "cut", call="tiktok.creator_info")
    job = make_job(
        "TIKTOK", account=account, video=stored_film, backoff_type="fixed", backoff_delay_ms=300
    )
    before = utcnow()
    waiting = run_once(job)
    assert waiting.state_at(before) is JobState.DELAYED
    assert waiting.error_category == "network"
    assert waiting.due_at is not None and waiting.due_at >= before + timedelta(milliseconds=300)
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 2)
    assert done.error_code is None


def test_attempts_run_out(platforms: Platforms, stored_film: Video) -> None:
    account = connect(platforms, "TIKTOK")
    platforms.fault("TIKTOK", "error", call="tiktok.creator_info", status=503, times=9)
    job = make_job(
        "TIKTOK", account=account, video=stored_film, max_attempts=3, backoff_delay_ms=50
    )
    failed = run_to_end(job)
    assert (failed.state, failed.attempts_made) == (JobState.FAILED, 3)
    assert failed.error_category == "platform"


def test_job_that_kills_every_worker_is_stopped_untouched() -> None:
    due = utcnow() - timedelta(hours=1)
    job = make_job("TIKTOK", now=due)
    for _ in range(LOST_RUNS_MAX + 1):
        assert claim_next("TIKTOK", due) is not None
        due += timedelta(seconds=LEASE_SECONDS + 1)
    stopped = run_once(job)
    assert (stopped.state, stopped.error_code) == (JobState.FAILED, "worker_lost")
    assert stopped.attempts_made == 1
    assert stopped.step is Step.TOKEN  # the next worker did nothing that could kill it


def test_rate_limit_costs_no_attempt(platforms: Platforms, stored_film: Video) -> None:
    account = connect(platforms, "TIKTOK")
    platforms.fault("TIKTOK", "error", call="tiktok.creator_info", code="spam_risk_too_many_posts")
    job = make_job("TIKTOK", account=account, video=stored_film)
    held = run_once(job)
    assert held.state_at(utcnow()) is JobState.DELAYED
    assert (held.attempts_made, held.error_category) == (0, "rate_limit")


def test_retry_after_failure_finds_what_is_already_live(
    platforms: Platforms, stored_film: Video
) -> None:
    """The user's retry goes on from the checkpoint: the post is found, not made again."""
    account = connect(platforms, "TIKTOK")
    platforms.fault("TIKTOK", "lost_answer", call="tiktok.upload")
    platforms.fault("TIKTOK", "error", call="tiktok.status", code="scope_not_authorized")
    job = make_job("TIKTOK", account=account, video=stored_film)
    failed = run_to_end(job)
    assert failed.state is JobState.FAILED
    assert failed.error_hint is not None and "Do not publish it again" in failed.error_hint
    assert len(platforms.posts()) == 1
    db.session.get_one(Account, account.id).state = AccountState.ACTIVE  # connected again
    db.session.commit()
    steer.retry(job.id, utcnow())
    assert run_to_end(job).state is JobState.COMPLETED
    assert len(platforms.posts()) == 1


def test_retry_after_the_video_was_replaced_sends_the_new_one(
    platforms: Platforms, stored_film: Video, app: Flask, tmp_path: Path
) -> None:
    """The rest of one file is never sent after the start of another."""
    platforms.fault("INSTAGRAM", "cut", call="instagram.upload", after_bytes=1000)
    account = connect(platforms, "INSTAGRAM")
    job = make_job("INSTAGRAM", account=account, video=stored_film, backoff_delay_ms=50)
    run_once(job)
    other = make_sample_video(tmp_path / "other.mp4", seconds=5, hue=120)
    with other.open("rb") as body:
        app.extensions["storage"].write(stored_film.r2_key, body, other.stat().st_size)
    failed = run_to_end(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "video_changed")
    steer.retry(job.id, utcnow())
    assert run_to_end(job).state is JobState.COMPLETED
    [post] = platforms.posts()
    assert post["sha256"] == hashlib.sha256(other.read_bytes()).hexdigest()


def test_replaced_video_is_noticed_though_another_job_has_probed_it_again(
    platforms: Platforms, stored_film: Video, app: Flask
) -> None:
    """Of the same length, as after a change of its tags: only its etag tells."""
    platforms.fault("YOUTUBE", "cut", call="youtube.upload", after_bytes=1000)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    run_once(job)
    storage = app.extensions["storage"]
    size = stored_film.file_size or 0
    with closing(storage.open(stored_film.r2_key, 0, size, stored_film.etag)) as stream:
        old = stream.read(size)
    other = old[:-1] + bytes([old[-1] ^ 1])
    storage.write(stored_film.r2_key, io.BytesIO(other), size)
    run_to_end(make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film))
    failed = run_to_end(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "video_changed")
    assert [post["platform"] for post in platforms.posts()] == ["TIKTOK"]


def test_missing_object_fails_at_once(platforms: Platforms, stored_film: Video, app: Flask) -> None:
    app.extensions["storage"].delete(stored_film.r2_key)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    failed = run_to_end(job)
    assert (failed.error_code, failed.error_category) == ("video_missing", "video")
    assert failed.attempts_made == 1


def test_unfit_object_is_refused_with_the_figure(platforms: Platforms, stored_film: Video) -> None:
    assert stored_film.probe is not None
    stored_film.probe = {**stored_film.probe, "duration_seconds": 2.1}
    db.session.merge(stored_film)
    db.session.commit()
    job = make_job("INSTAGRAM", account=connect(platforms, "INSTAGRAM"), video=stored_film)
    failed = run_to_end(job)
    assert failed.error_code == "duration_min"
    assert "2.1 s" in (failed.error_message or "")
    assert platforms.journal("instagram.container") == []


def test_disconnected_account_fails_as_account(platforms: Platforms, stored_film: Video) -> None:
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film)
    account.deleted_at = utcnow()
    account.access_token = account.refresh_token = None
    db.session.commit()
    assert run_to_end(job).error_code == "account_disconnected"


def test_timeline_tells_every_attempt_step_and_wait(
    platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "cut", call="tiktok.creator_info")
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film, backoff_delay_ms=50)
    run_to_end(job)
    entries = [
        (entry.kind, entry.name, entry.outcome)
        for entry in sorted(all_of(TimelineEntry, job_id=job.id), key=lambda entry: entry.id)
    ]
    assert entries == [
        ("change", "accepted", None),
        ("wait", "queue", "done"),
        ("attempt", "attempt 1", "failed"),
        ("step", "token", "done"),
        ("step", "video", "done"),
        ("step", "optimize", "done"),
        ("step", "upload", "failed"),
        ("wait", "backoff", "done"),
        ("attempt", "attempt 2", "done"),
        ("step", "token", "done"),
        ("step", "video", "done"),
        ("step", "optimize", "done"),
        ("step", "upload", "done"),
        ("step", "process", "done"),
        ("step", "record", "done"),
        ("change", "completed", None),
    ]
    assert all(entry.ended_at for entry in all_of(TimelineEntry, job_id=job.id))


def test_nothing_on_redis_is_pickled_or_secret(platforms: Platforms, stored_film: Video) -> None:
    account = connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=stored_film)
    run_once(job)
    secrets = [value.encode() for value in (account.access_token, account.refresh_token) if value]
    found = [*values(current_redis())]
    assert any(job.id.encode() in value and b"advance" in value for value in found)
    assert [value for value in found if is_pickled(value)] == []
    assert [value for value in found if any(secret in value for secret in secrets)] == []


def test_scan_of_redis_sees_what_stock_rq_would_put_there(redis: Redis) -> None:
    """So that the test before this one can fail."""
    StockQueue("stock", redis).enqueue("a.function", "a secret")
    found = [*values(redis)]
    assert any(is_pickled(value) and b"a secret" in value for value in found)


def test_what_rq_keeps_of_a_failed_job_tells_no_url_of_a_request(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    """An upload's URL is a secret."""
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(settings, instagram_graph_url="http://127.0.0.1:9")
    account = connect(platforms, "INSTAGRAM")
    job = make_job("INSTAGRAM", account=account, video=stored_film, max_attempts=1)
    assert run_once(job).error_code == "connection_lost"
    queue = RunQueue(PUBLISH_QUEUES["INSTAGRAM"], current_redis())
    assert queue.failed_job_registry.get_job_ids() == [job.id]
    result = Run.fetch(job.id, connection=current_redis()).latest_result()
    assert result is not None and "connection_lost" in str(result.exc_string)
    assert "with url" not in str(result.exc_string)


def test_retried_job_moves_from_the_failed_to_the_finished(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    platforms.fault("TIKTOK", "error", call="tiktok.init", code="spam_risk", times=1)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    queue = RunQueue(PUBLISH_QUEUES["TIKTOK"], current_redis())
    assert run_once(job).state is JobState.FAILED
    assert queue.failed_job_registry.get_job_ids() == [job.id]
    steer.retry(job.id, utcnow())
    assert run_to_end(job).state is JobState.COMPLETED
    assert queue.failed_job_registry.get_job_ids() == []
    assert queue.finished_job_registry.get_job_ids() == [job.id]
    [post] = all_of(PublishedPost, job_id=job.id)
    kept = Run.fetch(job.id, connection=current_redis()).return_value()
    assert kept == {"platformPostId": post.platform_post_id or "", "url": post.url or ""}


@pytest.mark.parametrize("keep", [True, 0, 2])
def test_as_many_completed_jobs_are_kept_as_asked_for(
    keep: bool | int, platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "YOUTUBE")
    for _ in range(3):
        job = make_job("YOUTUBE", account=account, video=stored_film, remove_on_complete=keep)
        assert run_to_end(job).state is JobState.COMPLETED
    queue = RunQueue(PUBLISH_QUEUES["YOUTUBE"], current_redis())
    assert queue.finished_job_registry.count == (0 if keep is True else keep)


def lose_key(app: Flask) -> Cipher:
    """Take the key away from the workers, and return it."""
    cipher = app.extensions["cipher"]
    assert isinstance(cipher, Cipher)
    app.extensions["cipher"] = Cipher([Fernet.generate_key().decode()])
    return cipher


def is_held(job: PublishJob) -> bool:
    """Tell whether a job waits for a key, perhaps after a poll."""
    found = run_once(job)
    return found.state is JobState.WAITING and found.error_category == "internal"


def make_due(job_id: str, **columns: object) -> None:
    """Make a job due."""
    db.session.query(PublishJob).filter_by(id=job_id).update({"due_at": utcnow(), **columns})
    lanes.refresh(db.session(), row(job_id))
    db.session.commit()


@pytest.mark.parametrize(
    ("has_begun", "code"), [(True, "checkpoint_unreadable"), (False, "tokens_unreadable")]
)
def test_job_whose_key_is_gone_waits_for_it(
    has_begun: bool, code: str, app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    """As beside a process with a newer key: it costs neither an attempt nor a post."""
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    if has_begun:
        run_once(job)
    cipher = lose_key(app)
    # It began long ago: it was held for a day by a limit, say.
    make_due(job.id, started_at=utcnow() - 2 * OUTAGE_LIMIT)
    wait_until(lambda: is_held(job), "the wait")
    held = row(job.id)
    assert (held.error_code, held.attempts_made) == (code, 0)
    assert held.due_at is not None and held.due_at > utcnow()
    assert held.error_hint == KEY_HINT
    app.extensions["cipher"] = cipher
    make_due(job.id)
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert len(platforms.posts()) == 1


def test_job_whose_key_stays_away_fails_and_can_be_retried_with_it(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    run_once(job)
    cipher = lose_key(app)
    wait_until(lambda: is_held(job), "the wait")
    make_due(job.id, error_since=utcnow() - OUTAGE_LIMIT - timedelta(minutes=1))
    wait_until(lambda: run_once(job).state is JobState.FAILED, "the failure")
    assert row(job.id).error_code == "checkpoint_unreadable"
    steer.retry(job.id, utcnow())
    wait_until(lambda: is_held(job), "the wait for another day")
    app.extensions["cipher"] = cipher
    make_due(job.id)
    assert run_to_end(job).state is JobState.COMPLETED
    assert len(platforms.posts()) == 1


def test_follow_ups_go_on_past_a_post_whose_key_is_gone(
    app: Flask, platforms: Platforms, stored_film: Video
) -> None:
    platforms.settings(tiktok_post_id_seconds=600)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    run_to_end(job)
    db.session.query(PublishedPost).update({"follow_up_at": utcnow()})
    db.session.commit()
    app.extensions["cipher"] = Cipher([Fernet.generate_key().decode()])
    follow_up_due()
    [post] = all_of(PublishedPost, job_id=job.id)
    assert post.follow_up_at is not None and post.follow_up_at > utcnow()
