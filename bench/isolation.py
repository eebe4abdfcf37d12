"""What one platform's outage costs the others: their posts per minute, with it idle and hanging.

Each run has its own platforms, database and processes: a circuit opened in one run would spare
the next one the outage.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.models import Account, Gate, PublishJob
from app.platforms import PLATFORMS
from app.publishing.create import NewJob, create_jobs
from app.states import JobState
from bench.bench import Bench
from bench.figures import OURS, Figure, Goal
from bench.posts import make_video, store_video
from bench.processes import wait_until
from bench.world import World, open_world

#: The platform with the fewest concurrent uploads, and the one that could take every slot.
HANGS = ("TIKTOK", "YOUTUBE")
ALONE = "alone"
POSTS, ACCOUNTS, HANGING = 12, 3, 12
SLOTS = 5
LIMIT_SECONDS = 600.0
POLL_SECONDS = 0.05


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the throughput of two platforms while a third is idle, and while it hangs."""
    for hangs in HANGS:
        alone, beside = [], []
        for _ in range(bench.size.runs):
            alone.append(_run(bench, hangs, is_hanging=False))
            beside.append(_run(bench, hangs, is_hanging=True))
        name = PLATFORMS[hangs].name
        yield Figure(f"posts to the other platforms, {name} idle", "/min", {OURS: alone}, (), True)
        yield Figure(
            f"posts to the other platforms, {name} hanging",
            "/min",
            {OURS: beside, ALONE: alone},
            (Goal(0.9, ALONE, at_least=True),),
            True,
        )


def _run(bench: Bench, hangs: str, *, is_hanging: bool) -> float:
    """Return the posts per minute of the platforms that do not hang."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    others = [name for name in PLATFORMS if name != hangs]
    with open_world(folder) as world:
        key = store_video(world, 0)
        with bench.stage(world.platforms_url, **world.store_settings) as stage:
            video_id = make_video(key)
            accounts = {name: _accounts(world, name, ACCOUNTS) for name in others}
            with stage.leading_scheduler(), stage.worker(WORKER_CONCURRENCY=str(SLOTS)):
                # Warm-up: one post each.
                _await([job for name in others for job in _post(name, accounts[name], video_id, 1)])
                if is_hanging:
                    _hang(world, hangs, video_id)
                return _rate(accounts, video_id, hangs)


def _hang(world: World, platform: str, video_id: str) -> None:
    """Make a platform hang, with waiting posts of many accounts, one each."""
    world.fault(platform=platform, kind="hang", times=10_000)
    _post(platform, _accounts(world, platform, HANGING), video_id, HANGING)
    wait_until(lambda: _at_work(platform), "uploads that hang")
    time.sleep(1)  # the others follow the first at once


def _rate(accounts: dict[str, Sequence[str]], video_id: str, hangs: str) -> float:
    started = time.monotonic()
    jobs = [job for name, own in accounts.items() for job in _post(name, own, video_id, POSTS)]
    _await(jobs)
    seconds = time.monotonic() - started
    with transaction() as session:
        gate = session.get(Gate, hangs)
        if gate is not None and gate.probe_at is not None:
            raise RuntimeError("the circuit has opened, so the platform did not hang to the end")
    return len(jobs) / seconds * 60


def _post(platform: str, accounts: Sequence[str], video_id: str, count: int) -> Sequence[str]:
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


def _at_work(platform: str) -> int:
    query = select(func.count()).where(PublishJob.platform == platform, PublishJob.is_leased)
    with transaction() as session:
        return session.scalar(query) or 0


def _await(job_ids: Sequence[str]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    query = select(func.count()).where(
        PublishJob.id.in_(job_ids), PublishJob.state == JobState.COMPLETED
    )
    while time.monotonic() < deadline:
        with transaction() as session:
            if session.scalar(query) == len(job_ids):
                return
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"not live within {LIMIT_SECONDS:.0f} s")


def _accounts(world: World, platform: str, count: int) -> Sequence[str]:
    ids = []
    for _ in range(count):
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
