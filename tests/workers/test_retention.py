"""What is kept, for how long, and what stays for ever."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.models import Notification, PublishedPost, PublishJob, TimelineEntry
from app.publishing import outcomes
from app.publishing.claims import claim_next
from app.queues import PUBLISH_QUEUES, RunQueue
from tests.factories import make_job
from workers.kept_runs import trim_all
from workers.retention import prune

pytestmark = pytest.mark.usefixtures("context")
QUEUE = PUBLISH_QUEUES["TIKTOK"]


def complete_one(job: PublishJob) -> None:
    """Let a job end well."""
    claim = claim_next("TIKTOK", utcnow())
    assert claim is not None and claim.job_id == job.id
    outcomes.complete(claim, utcnow(), platform_post_id=job.id, url=None)


def count(kind: type) -> int:
    """Count the rows of a table."""
    found = db.session.query(kind).count()
    db.session.commit()
    return found


def test_jobs_and_what_tells_of_them_go_after_their_time_and_posts_stay() -> None:
    """Also notifications that were never sent, since there is no receiver here."""
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
    """Killed in the middle of a write, the web process cannot take its file away itself."""
    partials = config.video_dir / ".partial"
    partials.mkdir(parents=True)
    for name, age_seconds in (("old", 3700), ("at work", 10)):
        (partials / name).write_bytes(b"half a video")
        moment = utcnow().timestamp() - age_seconds
        os.utime(partials / name, (moment, moment))
    prune(utcnow())
    assert [path.name for path in partials.iterdir()] == ["at work"]
