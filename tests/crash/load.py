"""The posts that a campaign has accepted, all the time, on all three platforms."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask
from sqlalchemy import func, select

from app.clock import utcnow
from app.extensions import db
from app.models import Account, PublishJob, Video
from app.platforms import PLATFORMS
from app.publishing.create import NewJob, create_jobs
from app.states import OPEN_STATES
from app.storage import Storage
from app.videos.examine import describe, examine
from tests.crash.stage import Stage
from tests.factories import make_video
from tests.workers.conftest import connect

#: Accounts per platform of each sort.
ACCOUNTS = 4
#: More than the faults that can strike one post; no attempt may be used up by anything else.
ATTEMPTS = 10
BACKOFF_MS = 300


class Load:
    """Keeps a number of posts open. Each has a caption that no other post has.

    Platforms' faults strike the `rough` accounts only: on the calm ones, kills are all there is,
    so a post of theirs takes exactly one attempt.
    """

    def __init__(self, stage: Stage, seed: int) -> None:
        self._seed = seed
        self._video = _store_film(stage.app, stage)
        self.calm = self._connect(stage)
        self.rough = self._connect(stage)
        self.calm_ids = {account.id for account in self.calm}
        self.video_bytes = stage.film.stat().st_size
        self.markers: dict[str, str] = {}

    @staticmethod
    def _connect(stage: Stage) -> list[Account]:
        return [
            connect(stage.platforms, platform) for _ in range(ACCOUNTS) for platform in PLATFORMS
        ]

    def top_up(self, wanted: int) -> None:
        """Accept posts, on one account after the other, until this many are open."""
        accounts = self.calm + self.rough
        missing = range(wanted - open_posts())
        first = len(self.markers)
        new = [self._post(first + n, accounts[(first + n) % len(accounts)]) for n in missing]
        if new:
            for job in create_jobs(new, utcnow()):
                self.markers[job.id] = job.caption
        db.session.commit()

    def _post(self, number: int, account: Account) -> NewJob:
        return NewJob(
            user_id=account.user_id,
            account_id=account.id,
            video_id=self._video.id,
            platform=account.platform,
            caption=f"Post{self._seed}n{number:06d}",
            privacy_level="public",
            priority=5,
            due_at=utcnow(),
            max_attempts=ATTEMPTS,
            backoff_type="fixed",
            backoff_delay_ms=BACKOFF_MS,
        )


def open_posts() -> int:
    """Count the posts that have not ended."""
    query = select(func.count()).where(PublishJob.state.in_(OPEN_STATES))
    count = db.session.scalar(query) or 0
    db.session.commit()
    return count


def rows(job_ids: Sequence[str]) -> list[PublishJob]:
    """Read these jobs afresh."""
    query = select(PublishJob).execution_options(populate_existing=True)
    found = [
        job
        for first in range(0, len(job_ids), 500)
        for job in db.session.scalars(query.where(PublishJob.id.in_(job_ids[first : first + 500])))
    ]
    db.session.commit()
    return found


def _store_film(app: Flask, stage: Stage) -> Video:
    storage: Storage = app.extensions["storage"]
    key = "videos/film.mp4"
    with stage.film.open("rb") as body:
        storage.write(key, body, stage.film.stat().st_size)
    video = Video(user_id="alice", r2_key=key)
    describe(video, *examine(key))
    columns = {name: value for name, value in vars(video).items() if not name.startswith("_")}
    return make_video(**columns)
