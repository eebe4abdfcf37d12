"""What a measured post needs: an account, a video of the store, and a look at when it is live."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from flask import Flask

from app.ids import new_id
from app.models import Account, Video
from app.publishing.create import NewJob, create_jobs
from app.publishing.transaction import transaction
from app.queries.jobs import find_job
from app.states import FINAL_STATES, JobState, VideoState
from app.videos.examine import describe, examine

USER = "bench"
LOOK_SECONDS = 0.01


def connected() -> str:
    """Connect an account whose token never expires, and return its id."""
    account = Account(
        id=new_id(),
        user_id=USER,
        platform="YOUTUBE",
        platform_user_id="bench",
        access_token="bench",
        refresh_token="bench",
        scopes=[],
    )
    with transaction() as session:
        session.add(account)
    return account.id


def registered(key: str) -> str:
    """Register an object of the store as a video, and return its id."""
    stored, facts = examine(key)
    video = Video(id=new_id(), user_id=USER, r2_key=key, state=VideoState.READY)
    describe(video, stored, facts)
    with transaction() as session:
        session.add(video)
    return video.id


def published_seconds(app: Flask, account_id: str, video_id: str) -> float:
    """Publish and return the seconds from accepted to live; raises `RuntimeError`."""
    now = datetime.now(timezone.utc)
    began = time.monotonic()
    new = NewJob(
        user_id=USER,
        account_id=account_id,
        video_id=video_id,
        platform="YOUTUBE",
        caption="Measured",
        privacy_level="public",
        priority=5,
        due_at=now,
    )
    [job] = create_jobs([new], now)
    while True:
        with app.app_context():  # a session of its own, so that the row is read afresh
            view = find_job(USER, job.id)
        if view is not None and view.job.state in FINAL_STATES:
            break
        time.sleep(LOOK_SECONDS)
    if view.job.state is not JobState.COMPLETED:
        raise RuntimeError(f"not published: {view.job.error_message}")
    return time.monotonic() - began
