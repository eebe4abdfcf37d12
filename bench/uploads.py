"""The byte path: a large video through a worker to the sandbox, and the memory that takes."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import requests
from flask import Flask

from app.ids import new_id
from app.models import Account, Video
from app.publishing.create import NewJob, create_jobs
from app.publishing.transaction import transaction
from app.queries.jobs import find_job
from app.states import FINAL_STATES, JobState, VideoState
from app.videos.examine import describe, examine
from bench.figures import Figure
from bench.processes import PeakMemory, process
from sandbox.films import make_film

MB = 10**6
LARGE_BYTES = 300 * MB
RUNS = 3
USER = "bench"
LOOK_SECONDS = 0.02


def measure_uploads(app: Flask, sandbox_url: str, video_dir: Path) -> list[Figure]:
    """Return the time and the memory of a large video beyond those of a small one."""
    film = make_film(video_dir / "small.mp4", seconds=4, hue=0)
    _padded(film, video_dir / "large.mp4", LARGE_BYTES)
    with app.app_context(), process("workers.worker") as pid:
        account_id = _connect(sandbox_url)
        small, large = _registered("small.mp4"), _registered("large.mp4")
        _publish(app, account_id, small)  # so that everything is loaded
        seconds, megabytes = [], []
        for _ in range(RUNS):
            base = _publish(app, account_id, small)
            with PeakMemory(pid) as memory:
                seconds.append(_publish(app, account_id, large) - base)
            megabytes.append(memory.grown_bytes / MB)
    return [
        Figure("300 MB video beyond a small one: time until live", "s", tuple(seconds)),
        Figure("300 MB video beyond a small one: worker's memory", "MB", tuple(megabytes)),
    ]


def _publish(app: Flask, account_id: str, video_id: str) -> float:
    """Publish and return the seconds from accepted to live; raises `RuntimeError`."""
    now = datetime.now(timezone.utc)
    started = time.monotonic()
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
    return time.monotonic() - started


def _connect(sandbox_url: str) -> str:
    body = {"platform": "YOUTUBE"}
    given: dict[str, Any] = requests.post(
        f"{sandbox_url}/_sandbox/accounts", json=body, timeout=10
    ).json()
    account = Account(
        id=new_id(),
        user_id=USER,
        platform="YOUTUBE",
        platform_user_id=given["platformUserId"],
        access_token=given["accessToken"],
        refresh_token=given["refreshToken"],
        scopes=given["scopes"],
    )
    with transaction() as session:
        session.add(account)
    return account.id


def _registered(key: str) -> str:
    stored, facts = examine(key)
    video = Video(id=new_id(), user_id=USER, r2_key=key, state=VideoState.READY)
    describe(video, stored, facts)
    with transaction() as session:
        session.add(video)
    return video.id


def _padded(film: Path, target: Path, size_bytes: int) -> None:
    """Write the film with a box behind it that players skip, so that it has this size."""
    content = film.read_bytes()
    padding = size_bytes - len(content)
    with target.open("wb") as file:
        # ISO/IEC 14496-12: a `free` box; a size of 1 says that 64 bits of size follow.
        file.write(content + (1).to_bytes(4, "big") + b"free" + padding.to_bytes(8, "big"))
        file.truncate(size_bytes)
