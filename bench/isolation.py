"""What one platform's outage costs the others: their posts a minute, before and while it hangs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from sqlalchemy import func, select

from app.clock import utcnow
from app.ids import new_id
from app.models import Account, PublishJob, Video
from app.publishing.create import NewJob, create_jobs
from app.publishing.transaction import transaction
from app.states import JobState, VideoState
from app.videos.examine import describe, examine
from bench.figures import Figure
from bench.processes import process
from sandbox.films import make_film

HANGS, OTHERS = "TIKTOK", ("INSTAGRAM", "YOUTUBE")
POSTS, ACCOUNTS = 12, 3
LIMIT_SECONDS = 600.0
LOOK_SECONDS = 0.05


def measure_isolation(app: Flask, sandbox_url: str, video_dir: Path) -> list[Figure]:
    """Return the throughput of two platforms, alone and beside a third that hangs."""
    make_film(video_dir / "isolation.mp4", seconds=4, hue=90)
    os.environ.update(WORKER_CONCURRENCY="5")
    with app.app_context():
        video_id = _registered("isolation.mp4")
        accounts = {name: _accounts(sandbox_url, name) for name in (HANGS, *OTHERS)}
        alone = _rate(accounts, video_id)
        fault = {"platform": HANGS, "kind": "hang", "times": 10_000}
        requests.post(f"{sandbox_url}/_sandbox/faults", json=fault, timeout=10)
        _post(HANGS, accounts[HANGS], video_id)
        beside = _rate(accounts, video_id)
        requests.delete(f"{sandbox_url}/_sandbox/faults", timeout=10)
    return [
        Figure("two platforms, the third idle: posts a minute", "", (alone,)),
        Figure("two platforms, the third hanging: posts a minute", "", (beside,)),
    ]


def _rate(accounts: dict[str, Sequence[str]], video_id: str) -> float:
    with process("workers.worker"):
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


def _accounts(sandbox_url: str, platform: str) -> Sequence[str]:
    ids = []
    for _ in range(ACCOUNTS):
        body = {"platform": platform}
        answer = requests.post(f"{sandbox_url}/_sandbox/accounts", json=body, timeout=10)
        given: dict[str, Any] = answer.json()
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


def _registered(key: str) -> str:
    stored, facts = examine(key)
    video = Video(id=new_id(), user_id="bench", r2_key=key, state=VideoState.READY)
    describe(video, stored, facts)
    with transaction() as session:
        session.add(video)
    return video.id
