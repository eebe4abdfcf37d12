"""What one platform's outage costs the others: their posts a minute, before and while it hangs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select

from app.clock import utcnow
from app.ids import new_id
from app.models import Account, PublishJob
from app.publishing.create import NewJob, create_jobs
from app.publishing.transaction import transaction
from app.states import JobState
from bench.bench import Bench
from bench.figures import OURS, Figure
from bench.posts import make_video, store_film
from bench.stage import Stage
from bench.world import World, open_world

HANGS, OTHERS = "TIKTOK", ("INSTAGRAM", "YOUTUBE")
POSTS, ACCOUNTS = 12, 3
LIMIT_SECONDS = 600.0
LOOK_SECONDS = 0.05


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the throughput of two platforms, alone and beside a third that hangs."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    with open_world(folder) as world:
        key = store_film(world, 0)
        with bench.stage(world.platforms_url, **world.store_settings) as stage:
            video_id = make_video(key)
            accounts = {name: _accounts(world, name) for name in (HANGS, *OTHERS)}
            with stage.leading_scheduler():
                alone = [_rate(stage, accounts, video_id) for _ in range(bench.size.runs)]
                world.fault(platform=HANGS, kind="hang", times=10_000)
                _post(HANGS, accounts[HANGS], video_id)
                beside = [_rate(stage, accounts, video_id) for _ in range(bench.size.runs)]
    names = ("the third idle", "the third hanging")
    for name, rates in zip(names, (alone, beside)):
        yield Figure(f"posts of two platforms, {name}", "/min", {OURS: rates}, (), True)


def _rate(stage: Stage, accounts: dict[str, Sequence[str]], video_id: str) -> float:
    with stage.worker(WORKER_CONCURRENCY="5"):
        # One post each first, so that everything is loaded.
        _await([job for name in OTHERS for job in _post(name, accounts[name][:1], video_id, 1)])
        started = time.monotonic()
        jobs = [job for name in OTHERS for job in _post(name, accounts[name], video_id)]
        _await(jobs)
        return len(jobs) / (time.monotonic() - started) * 60


def _post(
    platform: str, accounts: Sequence[str], video_id: str, count: int = POSTS
) -> Sequence[str]:
    now = utcnow()
    new = [
        NewJob(
            user_id="bench",
            account_id=accounts[number % len(accounts)],
            video_id=video_id,
            platform=platform,
            caption="Measured",
            privacy_level="public",
            priority=5,
            due_at=now,
        )
        for number in range(count)
    ]
    return [job.id for job in create_jobs(new, now)]


def _await(job_ids: Sequence[str]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    query = select(func.count()).where(
        PublishJob.id.in_(job_ids), PublishJob.state == JobState.COMPLETED
    )
    while time.monotonic() < deadline:
        with transaction() as session:
            if session.scalar(query) == len(job_ids):
                return
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"not live within {LIMIT_SECONDS:.0f} s")


def _accounts(world: World, platform: str) -> Sequence[str]:
    ids = []
    for _ in range(ACCOUNTS):
        given = world.account(platform)
        account = Account(
            id=new_id(),
            user_id="bench",
            platform=platform,
            platform_user_id=given["platformUserId"],
            login_type=given.get("loginType") or "",
            access_token=given["accessToken"],
            refresh_token=given.get("refreshToken"),
            scopes=given["scopes"],
        )
        with transaction() as session:
            session.add(account)
        ids.append(account.id)
    return ids
