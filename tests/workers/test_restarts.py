"""What restarts must not cost: a response just received, an upload, an attempt."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.models import Account, PublishJob, Rendition, TimelineEntry, Video
from app.states import JobState, RenditionState
from sandbox.development.postgres_server import PostgresServer
from tests.conftest import migrate_database
from tests.factories import make_job
from tests.media.ffmpegs import ffmpegs, frozen_ffmpeg
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from tests.rows import row
from tests.workers.conftest import Store, connect
from tests.workers.support import (
    MB,
    big_film,
    bytes_received,
    checkpoint_of,
    end_lease,
    ended,
)

pytestmark = pytest.mark.usefixtures("context")
AWAY_SECONDS = 3.0


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be stopped: no other tests share it."""
    server = PostgresServer(outlives_power=False)
    yield server
    server.remove()


@pytest.fixture
def database_url(own_postgres: PostgresServer, base_config: Config) -> str:
    """An empty migrated database on it."""
    url = own_postgres.create_database(f"restarts{time.monotonic_ns()}")
    url = url.replace("postgresql://", "postgresql+psycopg://")
    migrate_database(replace(base_config, database_url=url))
    return url


@pytest.fixture
def config(config: Config) -> Config:
    """Settings for one worker process, so that it is known which one has the job."""
    return replace(config, worker_concurrency=1)


@pytest.fixture
def scheduler(config: Config, tmp_path: Path) -> Iterator[Process]:
    """A running scheduler."""
    with Process("workers.scheduler", config, tmp_path / "scheduler.log") as process:
        yield process


@pytest.fixture
def worker(config: Config, tmp_path: Path, scheduler: Process) -> Iterator[Process]:
    """A running worker, and a scheduler that wakes it for each poll."""
    with Process("workers.worker", config, tmp_path / "worker.log") as process:
        yield process


def has_rendition() -> bool:
    """Tell whether a rendition is ready."""
    with transaction() as session:
        return bool(session.query(Rendition).filter_by(state=RenditionState.READY).count())


def outcomes_of(job: PublishJob) -> list[str | None]:
    """Return how the entries of a job's timeline ended."""
    return [entry.outcome for entry in db.session.query(TimelineEntry).filter_by(job_id=job.id)]


def stop_then_release(worker: Process, platforms: Platforms, held: dict[str, Any]) -> int:
    """Tell a worker to stop, release the call of its child after that; return its exit status."""
    worker.tell_to_stop()
    # The parent tells every child to stop before it ends the idle ones.
    wait_until(lambda: len(worker.children()) == 1, "the end of the idle children")
    platforms.release(held)
    return worker.wait()


def test_post_id_that_arrives_while_the_worker_stops_is_kept(
    platforms: Platforms, stored_film: Video, worker: Process
) -> None:
    """Instagram reveals the id once in the answer to the publish; a list can only guess at it."""
    held = platforms.fault("INSTAGRAM", "hold", call="instagram.publish")
    job = make_job("INSTAGRAM", account=connect(platforms, "INSTAGRAM"), video=stored_film)
    wait_until(platforms.struck, "the publish")
    assert stop_then_release(worker, platforms, held) == 0
    [post] = platforms.posts()
    assert checkpoint_of(job)["media_id"] == post["id"]
    worker.start()
    assert ended(job).state is JobState.COMPLETED


def test_upload_opened_while_the_worker_stops_is_kept(
    platforms: Platforms, stored_film: Video, worker: Process
) -> None:
    """Each session that YouTube opens counts as one of the day's uploads, used or not."""
    held = platforms.fault("YOUTUBE", "hold", call="youtube.session")
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    wait_until(platforms.struck, "the session's request")
    assert stop_then_release(worker, platforms, held) == 0
    assert checkpoint_of(job)["session_uri"]
    worker.start()
    done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert len(platforms.journal("youtube.session")) == 1


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_upload_goes_on_while_the_database_restarts(
    mode: str,
    app: Flask,
    own_postgres: PostgresServer,
    platforms: Platforms,
    film: Path,
    scheduler: Process,
    worker: Process,
) -> None:
    video = big_film(app, film, 60 * MB)
    platforms.fault("YOUTUBE", "slow", call="youtube.upload", bytes_per_second=2 * MB, times=1000)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=video)
    wait_until(lambda: row(job.id).progress > 40, "progress of the upload")
    scheduler.kill()  # it would give the job to another, should the lease end meanwhile
    own_postgres.stop(mode)
    time.sleep(AWAY_SECONDS)
    own_postgres.start()
    lease = row(job.id).due_at
    wait_until(lambda: row(job.id).due_at != lease, "the lease to be renewed")
    platforms.clear_faults()
    scheduler.start()
    done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert "lost" not in outcomes_of(job)
    assert bytes_received(platforms, "youtube.upload") == 60 * MB


def test_conversion_goes_on_while_the_database_restarts(
    config: Config,
    own_postgres: PostgresServer,
    platforms: Platforms,
    stored: Store,
    long_clip: Path,
    tmp_path: Path,
    scheduler: Process,
) -> None:
    """The outage lasts from before the first progress until after the end."""
    folder = tmp_path / "encode"
    encode = {"ENCODE_DIR": str(folder)}
    with Process("workers.worker", config, tmp_path / "worker.log", **encode):
        job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(long_clip))
        frozen = frozen_ffmpeg(folder)
        scheduler.kill()  # it would give the conversion to another, should the lease end meanwhile
        own_postgres.stop("fast")
        os.kill(frozen, signal.SIGCONT)
        wait_until(lambda: not ffmpegs(folder), "ffmpeg's end")
        time.sleep(AWAY_SECONDS)
        own_postgres.start()
        wait_until(has_rendition, "the rendition")
        scheduler.start()
        done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    [made] = db.session.query(Rendition).all()
    assert (made.state, made.run_number) == (RenditionState.READY, 1)
    assert (made.failures, made.lost_runs) == (0, 0)


def test_killed_refresh_costs_the_account_no_attempt(
    app: Flask, platforms: Platforms, stored_film: Video, worker: Process
) -> None:
    """The refresh lease of a dead worker outlives its job lease; others only wait for it."""
    account = connect(platforms, "TIKTOK")
    account.expires_at = utcnow() + timedelta(minutes=1)
    db.session.merge(account)
    db.session.commit()
    platforms.fault("TIKTOK", "hang", call="tiktok.token", seconds=60)
    job = make_job("TIKTOK", account=account, video=stored_film)
    wait_until(lambda: platforms.active_faults() == [], "the refresh")
    worker.kill()
    worker.start()
    end_lease(job)
    wait_until(lambda: row(job.id).error_code == "token_refresh_busy", "a run that waits")
    db.session.get_one(Account, account.id, populate_existing=True).refreshing_until = None
    db.session.commit()
    done = ended(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
