"""What tests of workers share: large films, waiting for a job's end, reading what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import undefer

from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.models import Account, Notification, PublishJob, Video
from app.platforms import PLATFORMS
from app.queues import Wake, wake
from app.states import FINAL_STATES
from app.storage import Storage
from app.videos.examine import examine, set_facts
from tests.factories import make_job, make_video
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.rows import row
from tests.workers.conftest import connect
from workers.platforms.base import Handler
from workers.publishing.pipeline import advance

MB = 10**6
#: Within the time in which scheduled posts are checked.
SOON = timedelta(minutes=14)


def use_handler(
    monkeypatch: pytest.MonkeyPatch, platform: str, handler: type[Handler[Any]]
) -> None:
    """Have a platform's runs load another handler."""
    name = f"{handler.__module__}:{handler.__name__}"
    monkeypatch.setitem(PLATFORMS, platform, replace(PLATFORMS[platform], handler=name))


def ended(job: PublishJob) -> PublishJob:
    """Wait for a job's end."""

    def look() -> PublishJob | None:
        found = row(job.id)
        return found if found.state in FINAL_STATES else None

    return wait_until(look, f"the end of {job.id}")


def run_once(job: PublishJob) -> PublishJob:
    """Do what one wake-up does."""
    advance(job.platform, job.id)
    return row(job.id)


def run_to_end(job: PublishJob) -> PublishJob:
    """Do what wake-ups do until the job has ended; the rows' due times are kept."""

    def look() -> PublishJob | None:
        found = run_once(job)
        return found if found.state in FINAL_STATES else None

    return wait_until(look, f"the end of {job.id}")


def scheduled(account: Account, video: Video, ahead: timedelta = SOON) -> PublishJob:
    """Schedule a post for a while from now."""
    time = utcnow() + ahead
    return make_job(
        account.platform, account=account, video=video, due_at=time, scheduled_time=time
    )


def with_ending_token(platforms: Platforms, video: Video) -> PublishJob:
    """Schedule a post of an account whose token has to be refreshed first."""
    account = connect(platforms, "TIKTOK")
    with transaction() as session:
        session.get_one(Account, account.id).expires_at = utcnow() + timedelta(minutes=1)
    return scheduled(account, video)


def checkpoint_of(job: PublishJob) -> dict[str, Any]:
    """Read a job's checkpoint."""
    whole = [undefer(PublishJob.checkpoint)]
    found = db.session.get_one(PublishJob, job.id, options=whole, populate_existing=True)
    db.session.commit()
    return found.checkpoint or {}


def outbox_events() -> list[dict[str, Any]]:
    """Return what the outbox holds."""
    with transaction() as session:
        return [json.loads(one.body) for one in session.query(Notification)]


def bytes_received(platforms: Platforms, call: str) -> int:
    """Count the bytes that a platform received, over all calls of a name."""
    return sum(entry["bytes"] for entry in platforms.journal(call))


def end_lease(job: PublishJob) -> None:
    """End a lost worker's lease, rather than wait for it."""
    db.session.get_one(PublishJob, job.id, populate_existing=True).due_at = utcnow()
    db.session.commit()
    wake([Wake(job.id, job.platform, utcnow(), "after-the-lease")])


def big_film(app: Flask, film: Path, size_bytes: int) -> Video:
    """Store the film padded to a size."""
    storage: Storage = app.extensions["storage"]
    key = "videos/big.mp4"
    path = Path(app.config["SETTINGS"].video_dir) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    padding = size_bytes - film.stat().st_size
    with path.open("wb") as target:
        target.write(film.read_bytes())
        # An MP4 box of the type `free` is what players skip; 64-bit sizes begin with a 1.
        target.write((1).to_bytes(4, "big") + b"free" + padding.to_bytes(8, "big"))
        target.truncate(size_bytes)
    video = Video(user_id="alice", r2_key=key)
    set_facts(video, *examine(key))
    assert storage.stat(key).size_bytes == size_bytes
    columns = {name: value for name, value in vars(video).items() if not name.startswith("_")}
    return make_video(**columns)
