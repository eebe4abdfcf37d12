"""Retention: what is kept, for how long, and what stays for ever."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import event, insert, text

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.failures import Category, Failure
from app.ids import new_id
from app.models import IdempotencyKey, Notification, PublishedPost, PublishJob, TimelineEntry, Video
from app.publishing import outcomes, steer
from app.publishing.claims import claim_next
from app.publishing.errors import WrongState
from app.publishing.redeliver import redeliver_dead
from app.queues import PUBLISH_QUEUES, RunQueue, connect_redis
from app.states import JobState, NotificationState, VideoState
from app.videos.settle import NEVER_ARRIVED
from tests.app.clips import clip_bytes
from tests.databases import ON_POSTGRES
from tests.factories import make_job, make_video
from workers.maintenance.retention import BATCH, prune
from workers.publishing.kept_runs import trim_all

pytestmark = pytest.mark.usefixtures("context")
QUEUE = PUBLISH_QUEUES["TIKTOK"]


def complete_one(job: PublishJob) -> None:
    """Complete a job."""
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None and claim.job_id == job.id
    outcomes.complete(claim, utcnow(), platform_post_id=job.id, url=None)


def fail_one(job: PublishJob) -> None:
    """Let a job fail."""
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None and claim.job_id == job.id
    outcomes.fail(claim, Failure("file_format", Category.VIDEO, "it is broken"), utcnow())


def count(kind: type) -> int:
    """Count the rows of a table."""
    found = db.session.query(kind).count()
    db.session.commit()
    return found


def test_jobs_and_what_tells_of_them_go_after_their_time_and_posts_stay() -> None:
    """Undelivered notifications too: there is no receiver here."""
    complete_one(make_job())
    unfinished = make_job()
    prune(utcnow() + timedelta(days=89))
    assert (count(PublishJob), count(Notification)) == (2, 1)
    prune(utcnow() + timedelta(days=91))
    assert [job.id for job in db.session.query(PublishJob)] == [unfinished.id]
    assert (count(Notification), count(PublishedPost)) == (0, 1)
    assert count(TimelineEntry) == 2


def test_oldest_runs_are_dropped_with_all_their_keys(redis: Redis) -> None:
    queue = RunQueue(QUEUE, redis)
    registry = queue.finished_job_registry
    for number in range(3):
        run = queue.enqueue("builtins.print", job_id=f"run-{number}")
        registry.add(run, 1000 + number)
        redis.xadd(f"rq:results:{run.id}", {"type": "1"})
    trim_all(keep_completed=1)
    assert registry.get_job_ids(cleanup=False) == ["run-2"]
    assert not redis.exists("rq:job:run-0", "rq:results:run-0")


def test_leftovers_of_uploads_that_a_crash_broke_off_go(config: Config) -> None:
    """A web process killed during a write cannot delete its file itself."""
    partials = config.video_dir / ".partial"
    partials.mkdir(parents=True)
    for name, age_seconds in (("old", 3700), ("at work", 10)):
        (partials / name).write_bytes(b"half a video")
        moment = utcnow().timestamp() - age_seconds
        os.utime(partials / name, (moment, moment))
    prune(utcnow())
    assert [path.name for path in partials.iterdir()] == ["at work"]


def upload(expired_for: timedelta, **columns: Any) -> str:
    """Store a video whose signed link expired so long ago."""
    video_id = new_id()
    expired_at = utcnow() - expired_for
    awaited: dict[str, Any] = {"state": VideoState.UPLOADING, "etag": "", "is_upload": True}
    key = f"uploads/{video_id}.mp4"
    fields = {**awaited, "upload_expires_at": expired_at, **columns}
    return make_video(id=video_id, r2_key=key, **fields).id


def test_uploads_that_never_came_go_a_day_after_their_links(config: Config) -> None:
    over, day = timedelta(minutes=1), timedelta(days=1)
    lost = upload(day + over)
    found_lost = upload(day + over, state=VideoState.INVALID, state_reason=NEVER_ARRIVED)
    deleted = upload(day + over, deleted_at=utcnow())
    kept = [
        upload(day - over),
        upload(day + over, state=VideoState.INVALID, state_reason="The file is no video."),
        upload(day + over, state=VideoState.READY, etag="etag"),
        upload(day + over),  # arrived, and never read since
    ]
    (config.video_dir / "uploads").mkdir(parents=True)
    (config.video_dir / f"uploads/{kept[-1]}.mp4").write_bytes(clip_bytes())
    prune(utcnow())
    left = {video.id: video.state for video in db.session.query(Video)}
    assert sorted(left) == sorted(kept)
    assert not {lost, found_lost, deleted} & set(left)
    assert left[kept[-1]] is VideoState.READY


def test_upload_that_cannot_be_looked_for_is_kept(config: Config) -> None:
    lost = upload(timedelta(days=2))
    config.video_dir.write_text("no folder any more")
    prune(utcnow())
    assert [video.id for video in db.session.query(Video)] == [lost]


def many_rows(count_: int, created_at: datetime) -> None:
    """Store notifications and idempotency keys of one age."""
    notification = {"user_id": "alice", "type": "t", "body": "{}", "created_at": created_at}
    ended = {"state": NotificationState.DELIVERED, "deliveries": 1, "due_at": created_at}
    rows = [
        {"id": new_id(), "subject_id": new_id(), "give_up_at": created_at, **notification, **ended}
        for _ in range(count_)
    ]
    keys = [
        {"user_id": "alice", "key": new_id(), "request_hash": "h", "made_id": new_id()}
        for _ in range(count_)
    ]
    with transaction() as session:
        session.execute(insert(Notification), rows)
        session.execute(insert(IdempotencyKey), [{**one, "created_at": created_at} for one in keys])


def test_many_old_rows_go_a_few_at_a_time_and_young_ones_stay() -> None:
    now = utcnow()
    many_rows(2 * BATCH + 1, now - timedelta(days=91))
    many_rows(3, now - timedelta(hours=1))
    deleted: list[int] = []

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(("DELETE FROM notifications", "DELETE FROM idempotency_keys")):
            deleted.append(cursor.rowcount)

    event.listen(db.engine, "after_cursor_execute", listen)
    try:
        prune(now)
    finally:
        event.remove(db.engine, "after_cursor_execute", listen)
    assert deleted == [BATCH, BATCH, 1] * 2
    assert (count(Notification), count(IdempotencyKey)) == (3, 3)


@ON_POSTGRES
def test_old_notifications_are_found_by_an_index() -> None:
    many_rows(2000, utcnow())
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE notifications"))
        query = "SELECT id FROM notifications WHERE created_at < '2020-01-01' LIMIT 500"
        plan = "\n".join(connection.execute(text(f"EXPLAIN {query}")).scalars())
    assert "ix_notifications_created_at" in plan


def test_notification_that_is_still_tried_is_kept_however_short_the_retention(
    app: Flask, config: Config
) -> None:
    app.config["SETTINGS"] = replace(config, retention_days=1)
    complete_one(make_job())
    prune(utcnow() + timedelta(days=2))
    assert (count(PublishJob), count(Notification)) == (0, 1)
    prune(utcnow() + timedelta(days=4))
    assert count(Notification) == 0


def test_part_that_fails_leaves_the_others_to_go_on(
    app: Flask, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    """Without Redis and with a table missing, the other parts still run."""
    complete_one(make_job())
    partials = config.video_dir / ".partial"
    partials.mkdir(parents=True)
    (partials / "old").write_bytes(b"half a video")
    os.utime(partials / "old", (time.time() - 7200,) * 2)
    app.extensions["redis"] = connect_redis("redis://127.0.0.1:9")
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE timeline RENAME TO timeline_away"))
    try:
        with caplog.at_level(logging.WARNING):
            prune(utcnow() + timedelta(days=91))
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE timeline_away RENAME TO timeline"))
    said = [line for line in caplog.messages if line.startswith("pruning of")]
    assert [line.split(" put off")[0] for line in said] == ["pruning of jobs", "pruning of runs"]
    assert (count(PublishJob), count(Notification)) == (1, 0)
    assert list(partials.iterdir()) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_job_that_is_retried_at_this_moment_is_kept(app: Flask) -> None:
    """The other database lets one transaction write at a time."""
    failed = make_job()
    fail_one(failed)
    retried: list[JobState] = []

    def retry() -> None:
        with app.app_context(), suppress(WrongState):
            retried.append(steer.retry(failed.id, utcnow()).state)

    thread = threading.Thread(target=retry)

    def start(*execution: Any) -> None:
        if execution[2].startswith("DELETE FROM timeline") and thread.ident is None:
            thread.start()

    with transaction() as session:
        session.get_one(PublishJob, failed.id).finished_at = utcnow() - timedelta(days=91)
    event.listen(db.engine, "before_cursor_execute", start)
    try:
        prune(utcnow())
    finally:
        event.remove(db.engine, "before_cursor_execute", start)
        thread.join()
    assert count(PublishJob) == len(retried)  # whichever came first: what was accepted is there


def test_notification_that_is_delivered_again_is_kept_as_long_as_it_is_tried(app: Flask) -> None:
    fail_one(make_job())
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], retention_days=7)
    with transaction() as session:
        session.query(Notification).one().state = NotificationState.DEAD
    now = utcnow()
    assert redeliver_dead(now + timedelta(days=6)) == 1
    prune(now + timedelta(days=7, hours=1))
    assert count(Notification) == 1
    prune(now + timedelta(days=10))
    assert count(Notification) == 0
