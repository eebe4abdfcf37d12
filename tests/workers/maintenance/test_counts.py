"""Statistics of posts: read in batches, less often with their age, within the limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.extensions import db
from app.ids import new_id
from app.models import Account, PublishedPost, Video
from app.models.published_post import FIRST_COUNT_AFTER
from app.queues import BACKGROUND_QUEUE, MAINTENANCE_QUEUE, Run, RunQueue
from app.queues.names import COUNT_POSTS
from app.states import AccountState, JobState
from tests.factories import make_account, make_job, make_video
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.workers.conftest import connect
from workers.maintenance.counts import (
    LAST_AGE,
    OLD_AGE,
    OLD_PAUSE,
    PAUSE_MAX,
    PAUSE_MIN,
    count_due,
    next_count,
)
from workers.publishing.pipeline import advance
from workers.scheduling.periodic import queue_periodic

NOW = datetime.fromisoformat("2026-11-26T12:00:00+00:00")
Numbers = tuple[int | None, int | None, int | None, int | None]


@pytest.fixture(autouse=True)
def surroundings(context: None) -> Iterator[None]:
    """Every test runs in an application context."""
    yield


def publish(platform: str, account: Account, video: Video) -> PublishedPost:
    """Publish a post in the sandbox, and make its statistics due."""
    job = make_job(platform, account=account, video=video)

    def look() -> PublishedPost | None:
        advance(platform, job.id)
        db.session.expire_all()
        post = db.session.query(PublishedPost).filter_by(job_id=job.id).one_or_none()
        db.session.commit()
        return post

    post = wait_until(look, "the post goes live")
    if post.platform_post_id is None:  # TikTok reveals it a moment later
        live = db.session.get_one(PublishedPost, post.id)
        live.platform_post_id = "unknown"
        db.session.commit()
    return post


def make_due(**columns: object) -> None:
    db.session.query(PublishedPost).update({"count_at": utcnow(), **columns})
    db.session.commit()


def numbers(post_id: str) -> Numbers:
    db.session.expire_all()
    post = db.session.get_one(PublishedPost, post_id)
    db.session.commit()
    return post.views, post.likes, post.comments, post.shares


def stored_post(account: Account, video: Video, **columns: object) -> PublishedPost:
    """Store a post that the platform need not know."""
    fields = {
        "job_id": new_id(),
        "user_id": account.user_id,
        "account_id": account.id,
        "video_id": video.id,
        "platform": account.platform,
        "platform_post_id": f"7{new_id()}",
        "caption": "",
        "count_at": utcnow(),
        **columns,
    }
    post = PublishedPost(**fields)
    db.session.add(post)
    db.session.commit()
    return post


@pytest.mark.parametrize(
    ("platform", "options", "known"),
    [
        ("TIKTOK", {}, (True, True, True, True)),
        ("INSTAGRAM", {"login_type": "facebook"}, (True, True, True, True)),
        (
            "INSTAGRAM",
            {"login_type": "facebook", "hide_counts": True},
            (True, False, True, True),
        ),
        ("YOUTUBE", {}, (True, True, True, False)),
        ("YOUTUBE", {"hide_counts": True}, (True, False, False, False)),
    ],
)
def test_numbers_are_those_of_the_platform(
    platform: str,
    options: dict[str, object],
    known: tuple[bool, ...],
    platforms: Platforms,
    stored_film: Video,
) -> None:
    post = publish(platform, connect(platforms, platform, **options), stored_film)
    [live] = platforms.posts()
    make_due(platform_post_id=str(live["id"]))
    platforms.advance(3600)
    if platform != "INSTAGRAM":  # whose tokens expire within the hour that passes on the platforms
        db.session.query(Account).update({"expires_at": utcnow()})
        db.session.commit()
    count_due()
    found = numbers(post.id)
    assert tuple(number is not None for number in found) == known
    assert found[0] == 1 + 7 * 60


@pytest.mark.parametrize(("times", "is_counted"), [(0, True), (1, False)])
@pytest.mark.parametrize("platform", ["TIKTOK", "YOUTUBE"])
def test_token_that_only_the_platform_knows_to_be_over_is_renewed(
    platform: str, times: int, is_counted: bool, platforms: Platforms, stored_film: Video
) -> None:
    """The back end need not say when it expires; one refresh is enough for a read."""
    call = {"TIKTOK": "tiktok.video_query", "YOUTUBE": "youtube.videos"}[platform]
    code = {"TIKTOK": "access_token_invalid", "YOUTUBE": "authError"}[platform]
    account = connect(platforms, platform)
    db.session.get_one(Account, account.id).expires_at = None
    db.session.commit()
    post = publish(platform, account, stored_film)
    [live] = platforms.posts()
    make_due(platform_post_id=str(live["id"]))
    asked = len(platforms.journal(call))
    platforms.expire_token(account.platform_user_id)
    if times:
        platforms.fault(platform, "error", call=call, code=code, skip=1, times=times)
    count_due()
    statuses = [entry["status"] for entry in platforms.journal(call)][asked:]
    assert statuses == [401, 200 if is_counted else 401]
    assert (numbers(post.id)[0] is not None) is is_counted
    db.session.expire_all()
    assert db.session.get_one(Account, account.id).state is AccountState.ACTIVE


def test_instagram_login_is_read_by_insights(platforms: Platforms, stored_film: Video) -> None:
    """Its posts are fetched by a public link; here one is made as Facebook Login would."""
    account = connect(platforms, "INSTAGRAM", login_type="instagram")
    stored_post(account, stored_film, platform_post_id="17900000000000000")
    count_due()
    [call] = [entry for entry in platforms.journal() if entry.get("call") == "instagram.insights"]
    assert call["account"] == account.platform_user_id


def test_posts_of_an_account_are_asked_for_together(
    platforms: Platforms, stored_film: Video
) -> None:
    tiktok, youtube = connect(platforms, "TIKTOK"), connect(platforms, "YOUTUBE")
    for account, count in ((tiktok, 25), (youtube, 60)):
        for _ in range(count):
            stored_post(account, stored_film)
    for calls in (1, 2):
        count_due()
        assert len(platforms.journal("tiktok.video_query")) == calls
        assert len(platforms.journal("youtube.videos")) == calls
    count_due()  # nothing is due any more
    assert len(platforms.journal("tiktok.video_query")) == 2
    assert {entry["status"] for entry in platforms.journal("youtube.videos")} == {200}


def test_account_that_is_refused_is_left_alone_for_a_day(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "INSTAGRAM")
    platforms.fault("INSTAGRAM", "error", call="instagram.media", code="190/460")
    posts = [stored_post(account, stored_film) for _ in range(5)]
    count_due()
    db.session.expire_all()
    for post in posts[2:]:  # two are read at once, and rescheduled by their age
        assert db.session.get_one(PublishedPost, post.id).count_at > utcnow() + timedelta(hours=23)
    # Its tokens are dead, which shows before the next post would fail.
    assert db.session.get_one(Account, account.id).state is AccountState.RECONNECT_REQUIRED


@pytest.mark.parametrize(
    ("platform", "scope", "call", "status"),
    [
        ("TIKTOK", "video.publish", "tiktok.video_query", 401),
        ("YOUTUBE", "https://www.googleapis.com/auth/youtube.upload", "youtube.videos", 403),
    ],
)
def test_lacking_permission_to_read_leaves_the_account_alone(
    platform: str,
    scope: str,
    call: str,
    status: int,
    platforms: Platforms,
    stored_film: Video,
) -> None:
    """The back end need not say which scopes it has: then only the platform knows."""
    account = connect(platforms, platform, scopes=[scope])
    db.session.get_one(Account, account.id).scopes = []
    db.session.commit()
    post = stored_post(account, stored_film, views=10)
    count_due()
    assert [entry["status"] for entry in platforms.journal(call)] == [status]
    db.session.expire_all()
    assert db.session.get_one(Account, account.id).state is AccountState.ACTIVE
    assert numbers(post.id) == (10, None, None, None)


def test_deleted_reel_does_not_stop_the_statistics_of_its_account(
    platforms: Platforms, stored_film: Video
) -> None:
    """However many were deleted: each is left out, and the others are read at their time."""
    account = connect(platforms, "INSTAGRAM")
    deleted = [stored_post(account, stored_film) for _ in range(3)]
    kept = publish("INSTAGRAM", account, stored_film)
    make_due()
    platforms.advance(600)
    count_due()  # two at once
    count_due()
    assert numbers(kept.id)[0] is not None
    for post in deleted:
        assert numbers(post.id) == (None, None, None, None)
        assert db.session.get_one(PublishedPost, post.id).count_at < utcnow() + timedelta(hours=1)
    db.session.commit()


def test_permission_that_is_missing_for_one_reel_stops_no_other(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "INSTAGRAM")
    posts = [publish("INSTAGRAM", account, stored_film) for _ in range(2)]
    make_due()
    platforms.advance(600)
    platforms.fault("INSTAGRAM", "error", call="instagram.media", code="10", times=1)
    count_due()
    assert sorted(numbers(post.id)[0] is None for post in posts) == [False, True]


def test_permission_that_is_missing_for_every_reel_is_left_alone_for_a_day(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "INSTAGRAM")
    platforms.fault("INSTAGRAM", "error", call="instagram.media", code="10", times=2)
    posts = [stored_post(account, stored_film) for _ in range(5)]
    count_due()
    db.session.expire_all()
    for post in posts[2:]:  # two are read at once, and rescheduled by their age
        assert db.session.get_one(PublishedPost, post.id).count_at > utcnow() + timedelta(hours=23)
    assert db.session.get_one(Account, account.id).state is AccountState.ACTIVE
    db.session.commit()


def test_limit_of_an_account_is_obeyed(platforms: Platforms, stored_film: Video) -> None:
    account = connect(platforms, "TIKTOK")
    platforms.fault(
        "TIKTOK", "error", call="tiktok.video_query", code="rate_limit_exceeded", times=1
    )
    for _ in range(25):
        stored_post(account, stored_film)
    count_due()
    count_due()
    assert len(platforms.journal("tiktok.video_query")) == 1


def test_post_that_the_platform_does_not_show_keeps_its_numbers(
    platforms: Platforms, stored_film: Video
) -> None:
    account = connect(platforms, "TIKTOK")
    post = stored_post(account, stored_film, views=10, likes=2, comments=1, shares=0)
    count_due()
    assert numbers(post.id) == (10, 2, 1, 0)


def test_post_without_an_id_spoils_nothing(platforms: Platforms, stored_film: Video) -> None:
    account = connect(platforms, "TIKTOK")
    stored_post(account, stored_film, platform_post_id=None)
    count_due()
    assert platforms.journal("tiktok.video_query") == []


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(0), PAUSE_MIN),
        (timedelta(hours=4), timedelta(hours=1)),
        (timedelta(days=30), PAUSE_MAX),
        (OLD_AGE + timedelta(days=1), OLD_PAUSE),
        (LAST_AGE + timedelta(days=1), None),
    ],
)
def test_older_posts_are_asked_for_less(age: timedelta, pause: timedelta | None) -> None:
    expected = None if pause is None else NOW + pause
    assert next_count(NOW - age, NOW) == expected


def test_fresh_post_is_first_counted_after_a_while(stored_film: Video) -> None:
    account = make_account()
    post = PublishedPost(
        job_id=new_id(),
        user_id="alice",
        account_id=account.id,
        video_id=stored_film.id,
        platform="TIKTOK",
        caption="",
    )
    db.session.add(post)
    db.session.commit()
    assert post.count_at is not None
    assert abs(post.count_at - post.published_at - FIRST_COUNT_AFTER) < timedelta(minutes=1)


def queued(redis: Redis) -> list[str]:
    queues = [RunQueue(name, redis) for name in (MAINTENANCE_QUEUE, BACKGROUND_QUEUE)]
    ids = [run_id for queue in queues for run_id in queue.job_ids]
    return [str(Run.fetch(run_id, redis).func_name) for run_id in ids]


def test_runs_are_queued_only_when_there_is_something_to_do(app: Flask, redis: Redis) -> None:
    queue_periodic(utcnow())
    assert queued(redis) == []
    stored_post(make_account(), make_video())
    queue_periodic(utcnow())
    assert queued(redis) == [COUNT_POSTS]
    queue_periodic(utcnow())  # not again for five minutes, however many are due
    assert queued(redis) == [COUNT_POSTS]


def test_ends_are_added_up_when_there_are_any(app: Flask, redis: Redis) -> None:
    job = make_job()
    row = db.session.get_one(type(job), job.id)
    row.state, row.due_at, row.finished_at = JobState.CANCELLED, None, utcnow()
    db.session.commit()
    queue_periodic(utcnow())
    assert queued(redis) == []
    queue_periodic(utcnow() + timedelta(minutes=3))
    assert queued(redis) == ["workers.maintenance.tallies.roll_up_due"]
