"""Real worker processes side by side; the sandbox's journal shows what was in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.limits import pauses
from app.models import Account, PublishJob, Video
from app.publishing import pausing
from app.states import JobState
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.limits import without_limits
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from tests.workers.conftest import connect

# One database: real processes are slow, and their writes have tests of their own.
pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context", "redis"), pytest.mark.timeout(600)]
PATIENCE_SECONDS = 300.0
WORKERS = 4
UPLOADS = {
    "TIKTOK": "tiktok.upload",
    "INSTAGRAM": "instagram.upload",
    "YOUTUBE": "youtube.upload",
}


@pytest.fixture
def config(config: Config) -> Config:
    """Two upload slots per platform, one per account, and no other limit."""
    at_once = {f"LIMIT_{platform}_CONCURRENT_UPLOADS": 2 for platform in UPLOADS}
    accounts = {f"LIMIT_{platform}_CONCURRENT_PER_ACCOUNT": 1 for platform in UPLOADS}
    limits = without_limits(**at_once, **accounts)
    return replace(config, limits=limits, worker_concurrency=2)


@pytest.fixture
def start(config: Config, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start a scheduler and a number of workers, stopped after the test."""
    with ExitStack() as stack:

        def start(workers: int, **more: str) -> None:
            settings = {name: str(value) for name, value in config.limits.items()}
            names = ["scheduler", *["worker"] * workers]
            for number, name in enumerate(names):
                log = tmp_path / f"{name}-{number}.log"
                process = Process(f"workers.{name}", config, log, **{**settings, **more})
                stack.enter_context(process)

        yield start


def states(job_ids: list[str]) -> list[JobState]:
    """Read the states of jobs."""
    with transaction() as session:
        rows = session.query(PublishJob.state).filter(PublishJob.id.in_(job_ids)).all()
    return [state for (state,) in rows]


def all_live(job_ids: list[str]) -> bool:
    """Tell whether every job is completed."""
    return set(states(job_ids)) == {JobState.COMPLETED}


def spans(platforms: Platforms, call: str) -> list[tuple[datetime, datetime, str]]:
    """Return when each call of a name began and ended, and its account."""
    return [
        (
            datetime.fromisoformat(entry["time"]),
            datetime.fromisoformat(entry["ended_at"]),
            entry["account"],
        )
        for entry in platforms.journal(call)
    ]


def most_at_once(found: list[tuple[datetime, datetime, str]]) -> int:
    """Return how many spans overlap at most."""
    moments = [(begun, 1) for begun, _, _ in found] + [(ended, -1) for _, ended, _ in found]
    count = most = 0
    for _, change in sorted(moments):
        count += change
        most = max(most, count)
    return most


def test_four_workers_together_never_exceed_a_limit(
    platforms: Platforms, stored_film: Video, start: Callable[..., None], redis: Redis
) -> None:
    jobs: list[str] = []
    for platform, call in UPLOADS.items():
        accounts = [connect(platforms, platform) for _ in range(3)]
        platforms.fault(platform, "slow", call=call, seconds=0.3, times=100)
        for number in range(9):
            account = accounts[number % 3]
            jobs.append(make_job(platform, account=account, video=stored_film).id)
    start(WORKERS)
    wait_until(lambda: all_live(jobs), "all posts live", PATIENCE_SECONDS)
    for call in UPLOADS.values():
        found = spans(platforms, call)
        assert len(found) >= 9
        assert most_at_once(found) <= 2
        for account in {account for _, _, account in found}:
            assert most_at_once([span for span in found if span[2] == account]) == 1


def test_a_platform_that_hangs_leaves_the_others_their_workers(
    platforms: Platforms, stored_film: Video, start: Callable[..., None], redis: Redis
) -> None:
    def posts(platform: str, count: int, accounts: list[Account]) -> list[str]:
        return [
            make_job(platform, account=accounts[n % len(accounts)], video=stored_film).id
            for n in range(count)
        ]

    platforms.fault("TIKTOK", "hang", times=1000)
    hanging = posts("TIKTOK", 6, [connect(platforms, "TIKTOK") for _ in range(6)])
    others: list[str] = []
    # One tree of four slots, all three platforms in it: TikTok's calls hang for a minute each.
    start(1, WORKER_CONCURRENCY="4")
    wait_until(platforms.struck, "a hanging call", PATIENCE_SECONDS)
    for platform in ("INSTAGRAM", "YOUTUBE"):
        others += posts(platform, 4, [connect(platforms, platform) for _ in range(2)])
    wait_until(lambda: all_live(others), "the others' posts live", PATIENCE_SECONDS)
    assert JobState.COMPLETED not in states(hanging)


def test_a_platform_that_hangs_on_every_slot_leaves_the_others_two(
    platforms: Platforms, stored_film: Video, start: Callable[..., None], redis: Redis
) -> None:
    platforms.fault("YOUTUBE", "hang", times=1000)
    for _ in range(8):
        make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    # One tree, all slots of which YouTube may have, and takes: its calls hang for a minute each.
    start(1, WORKER_CONCURRENCY="5", LIMIT_YOUTUBE_CONCURRENT_UPLOADS="10")
    wait_until(lambda: platforms.struck() >= 5, "every slot hanging", PATIENCE_SECONDS)
    held = platforms.fault("TIKTOK", "hold", call="tiktok.upload", times=2)
    accounts = [connect(platforms, "TIKTOK") for _ in range(2)]
    others = [make_job("TIKTOK", account=account, video=stored_film).id for account in accounts]
    wait_until(lambda: platforms.struck(held) == 2, "two uploads at once", PATIENCE_SECONDS)
    platforms.release(held)
    wait_until(lambda: all_live(others), "the others' posts live", PATIENCE_SECONDS)
    assert most_at_once(spans(platforms, "tiktok.upload")) == 2


def test_a_pause_holds_new_posts_of_all_workers_and_resuming_lets_them_go(
    platforms: Platforms, stored_film: Video, start: Callable[..., None], redis: Redis
) -> None:
    accounts = [connect(platforms, "TIKTOK") for _ in range(2)]
    # What is in flight when the pause begins runs to its end.
    held_call = platforms.fault("TIKTOK", "hold", call="tiktok.upload")
    under_way = make_job("TIKTOK", account=accounts[0], video=stored_film).id
    start(2)
    wait_until(platforms.struck, "an upload under way", PATIENCE_SECONDS)
    pausing.pause("TIKTOK", utcnow())
    held = [make_job("TIKTOK", account=accounts[n % 2], video=stored_film).id for n in range(4)]
    other = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film).id
    platforms.release(held_call)
    wait_until(lambda: all_live([under_way, other]), "what may go on", PATIENCE_SECONDS)
    wait_until(lambda: all(map(is_held, held)), "the others held", PATIENCE_SECONDS)
    redis.flushall()  # the pause and what it holds are in the database
    assert len(platforms.posts()) == 2
    pausing.resume("TIKTOK", utcnow())
    wait_until(lambda: all_live(held), "all posts live", PATIENCE_SECONDS)
    assert len(platforms.posts()) == 6


def is_held(job_id: str) -> bool:
    """Tell whether a job is held by a pause, with no attempt used."""
    with transaction() as session:
        job = session.get_one(PublishJob, job_id, populate_existing=True)
        return job.error_code == pauses.CODE and job.attempts_made == 0
