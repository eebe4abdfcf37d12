"""Real worker processes: killed, stopped, overloaded and watched."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import imageio_ffmpeg
import pytest
from flask import Flask
from redis import Redis
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.models import Account, Notification, PublishJob, TimelineEntry, Video
from app.publishing import steer
from app.publishing.claims import DRAIN
from app.queues import PUBLISH_QUEUES, RunQueue
from app.states import FINAL_STATES, JobState
from app.videos.examine import examine, set_facts
from sandbox.development.redis_server import RedisServer
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from tests.redis_values import is_pickled, values
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import MB, big_film, bytes_received, end_lease, ended

# One database: real processes take time, and what they do to rows has its own tests.
pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]


@pytest.fixture
def config(config: Config) -> Config:
    """Settings for one worker process, so that it is known which one has the job."""
    return replace(config, worker_concurrency=1)


@pytest.fixture
def worker(config: Config, tmp_path: Path) -> Iterator[Process]:
    """A running worker, and a scheduler that wakes it for each poll."""
    with Process("workers.scheduler", config, tmp_path / "scheduler.log"):
        with Process("workers.worker", config, tmp_path / "worker.log") as process:
            yield process


@pytest.fixture(scope="session")
def long_film(film: Path) -> Path:
    """The film thirty times over: at 300 MB, its bit rate is still accepted."""
    path = film.with_name("long.mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y"]
    command += ["-stream_loop", "29", "-i", str(film), "-c", "copy", "-movflags", "+faststart"]
    subprocess.run([*command, "-use_editlist", "0", str(path)], check=True, timeout=240)
    return path


def begin_slow_upload(platforms: Platforms, video: Video) -> PublishJob:
    """Begin an upload that ends only once the faults are cleared, or after a long time."""
    platforms.fault("YOUTUBE", "slow", call="youtube.upload", bytes_per_second=2 * MB, times=1000)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=video)
    wait_until(lambda: row(job.id).progress > 40, "progress of the upload")
    return job


def tree_memory_bytes(pid: int) -> int:
    """Return the private memory of a process and its children."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    total = 0
    for one in pids:
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean", "Private_Dirty")):
                total += int(line.split()[1]) * 1024
    return total


@pytest.mark.parametrize("platform", ["TIKTOK", "INSTAGRAM", "YOUTUBE"])
def test_worker_publishes(
    platform: str, platforms: Platforms, stored_film: Video, worker: Process
) -> None:
    job = make_job(platform, account=connect(platforms, platform), video=stored_film)
    assert ended(job).state is JobState.COMPLETED
    assert len(platforms.posts()) == 1


def test_killed_worker_resumes_where_the_platform_is(
    app: Flask, platforms: Platforms, film: Path, worker: Process
) -> None:
    """A kill during an upload costs neither an attempt nor the bytes already sent."""
    size_bytes = 60 * MB
    video = big_film(app, film, size_bytes)
    job = begin_slow_upload(platforms, video)
    worker.kill()
    platforms.clear_faults()
    worker.start()
    end_lease(job)
    done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert len(platforms.posts()) == 1
    assert bytes_received(platforms, "youtube.upload") < size_bytes + 10 * MB


def test_killed_worker_s_successor_sends_no_rest_of_another_file(
    app: Flask, platforms: Platforms, film: Path, worker: Process
) -> None:
    """The video was replaced by one of the same length, and another job has probed that since."""
    video = big_film(app, film, 60 * MB)
    job = begin_slow_upload(platforms, video)
    worker.kill()
    path = Path(app.config["SETTINGS"].video_dir) / video.r2_key
    with path.open("r+b") as replaced:
        replaced.seek(-1, os.SEEK_END)
        replaced.write(b"N")
    set_facts(db.session.get_one(Video, video.id, populate_existing=True), *examine(video.r2_key))
    db.session.commit()
    platforms.clear_faults()
    worker.start()
    end_lease(job)
    done = ended(job)
    assert (done.state, done.error_code) == (JobState.FAILED, "video_changed")
    assert platforms.posts() == []


def test_told_to_stop_it_hands_the_job_back_at_once(
    app: Flask, platforms: Platforms, film: Path, worker: Process
) -> None:
    video = big_film(app, film, 60 * MB)
    job = begin_slow_upload(platforms, video)
    assert worker.terminate() == 0
    handed_back = row(job.id)
    assert not handed_back.is_leased
    assert handed_back.due_at is not None and handed_back.due_at <= utcnow()
    platforms.clear_faults()
    worker.start()
    done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    outcomes = [e.outcome for e in db.session.query(TimelineEntry).filter_by(job_id=job.id)]
    assert "given_back" in outcomes


def test_cancellation_reaches_a_running_upload(
    app: Flask, platforms: Platforms, film: Path, worker: Process
) -> None:
    video = big_film(app, film, 60 * MB)
    job = begin_slow_upload(platforms, video)
    steer.cancel(job.id, utcnow())
    assert ended(job).state is JobState.CANCELLED
    assert platforms.posts() == []


def test_killed_child_is_followed_at_once(
    app: Flask, platforms: Platforms, film: Path, worker: Process
) -> None:
    """Its parent notices, so the job need not wait for its lease to end."""
    video = big_film(app, film, 60 * MB)
    job = begin_slow_upload(platforms, video)
    held = row(job.id)
    wake_number, run_number = held.wake_number, held.run_number
    for child in worker.children():
        os.kill(child, signal.SIGKILL)
    platforms.clear_faults()

    def released() -> PublishJob | None:
        found = row(job.id)
        return found if found.wake_number > wake_number else None

    # Only its parent wakes for a run that nobody else has claimed yet.
    assert wait_until(released, "the release by its parent").run_number == run_number
    done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert len(platforms.posts()) == 1
    assert bytes_received(platforms, "youtube.upload") < 70 * MB


def test_job_of_a_child_that_outlives_the_grace_is_released(
    app: Flask, platforms: Platforms, film: Path, config: Config, tmp_path: Path
) -> None:
    """It is killed, and the next worker need not wait for its lease to end."""
    with Process("tests.workers.engine.hasty", config, tmp_path / "worker.log") as worker:
        job = begin_slow_upload(platforms, big_film(app, film, 60 * MB))
        for child in worker.children():
            os.kill(child, signal.SIGSTOP)
        held = row(job.id)
        wake_number, run_number = held.wake_number, held.run_number
        assert worker.terminate() == 0
    found = row(job.id)
    assert (found.wake_number, found.run_number) == (wake_number + 1, run_number)
    assert found.due_at is not None and found.due_at <= utcnow() + DRAIN


def registered(redis: Redis) -> bool:
    """Tell whether RQ's lists have a living worker."""
    return bool(redis.exists(*redis.smembers(WORKERS_BY_QUEUE_KEY % "publish-tiktok"), b""))


def test_children_do_not_outlive_their_parent(redis: Redis, worker: Process) -> None:
    """Nothing would stop them, and beside the next worker there would be too many."""
    wait_until(lambda: registered(redis), "a worker at work")
    orphans = worker.children()
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(_is_running, orphans)), "the end of the children")


def test_second_signal_does_not_break_a_run_off(
    platforms: Platforms, stored_film: Video, worker: Process
) -> None:
    """A terminal signals every process, then the parent signals its children again."""
    held = platforms.fault("TIKTOK", "hold", call="tiktok.creator_info")
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    wait_until(platforms.struck, "a call that takes its time")
    worker.signal(signal.SIGINT)
    time.sleep(1.2)  # RQ itself ignores a second signal within a second
    worker.signal(signal.SIGINT)
    platforms.release(held)
    assert worker.terminate() == 0
    assert not row(job.id).is_leased
    assert "SystemExit" not in worker.log.read_text()


def test_worker_is_known_again_after_redis_came_back_empty(
    redis: Redis, redis_server: RedisServer, worker: Process
) -> None:
    wait_until(lambda: registered(redis), "the worker")
    wait_until(lambda: redis.info("clients")["blocked_clients"], "its listening")
    redis_server.kill()
    redis_server.start()
    wait_until(lambda: registered(redis), "the same worker")


@pytest.mark.parametrize("platform", ["TIKTOK", "INSTAGRAM", "YOUTUBE"])
def test_memory_stays_flat_with_a_300_mb_video(
    platform: str,
    app: Flask,
    platforms: Platforms,
    long_film: Path,
    stored_film: Video,
    worker: Process,
) -> None:
    """What counts is the memory that a large video takes beyond a small one."""
    small = make_job(platform, account=connect(platforms, platform), video=stored_film)
    assert ended(small).state is JobState.COMPLETED
    platforms.reset()
    video = big_film(app, long_film, 300 * MB)
    job = make_job(platform, account=connect(platforms, platform), video=video)
    before = peak = tree_memory_bytes(worker.pid)

    def look() -> bool:
        nonlocal peak
        peak = max(peak, tree_memory_bytes(worker.pid))
        return row(job.id).state in FINAL_STATES

    wait_until(look, "the end", seconds=150)
    assert row(job.id).error_message is None
    [post] = platforms.posts()
    assert post["size_bytes"] == 300 * MB
    path = Path(app.config["SETTINGS"].video_dir) / video.r2_key
    assert post["sha256"] == _sha256(path)
    assert peak - before < 64 * MB


def test_no_token_leaves_by_a_log_by_redis_or_by_a_webhook(
    platforms: Platforms, stored_film: Video, worker: Process, redis: Redis, tmp_path: Path
) -> None:
    """The original tokens of the accounts, and the refreshed ones."""
    secrets, accounts = [], []
    for platform in ("TIKTOK", "INSTAGRAM", "YOUTUBE"):
        account = connect(platforms, platform)
        account.expires_at = utcnow() + timedelta(minutes=1) if platform != "INSTAGRAM" else None
        db.session.merge(account)
        db.session.commit()
        secrets += [secret for secret in (account.access_token, account.refresh_token) if secret]
        accounts.append(account.id)
        job = make_job(platform, account=account, video=stored_film)
        assert ended(job).state is JobState.COMPLETED
    for account_id in accounts:
        account = db.session.get_one(Account, account_id, populate_existing=True)
        secrets += [secret for secret in (account.access_token, account.refresh_token) if secret]
    assert len(set(secrets)) >= 8  # TikTok's two and Google's one were replaced
    secrets += ["upload_id=", "upload_token"]

    lines = worker.log.read_text() + (tmp_path / "scheduler.log").read_text()
    assert "published" in lines
    assert [secret for secret in secrets if secret in lines] == []

    kept = RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).finished_job_registry.get_job_ids()
    assert len(kept) == 1
    held = [*values(redis)]
    assert [value for value in held if is_pickled(value)] == []
    assert [value for value in held if any(secret.encode() in value for secret in secrets)] == []

    told = [notification.body for notification in db.session.query(Notification)]
    assert len(told) == 3
    assert [body for body in told if any(secret in body for secret in secrets)] == []


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as film:
        while piece := film.read(MB):
            digest.update(piece)
    return digest.hexdigest()
