"""Jobs whose video has to be transcoded: who waits, who works, and what is left behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.limits import lanes
from app.media.facts import Probe
from app.media.plan import Work, plan_for
from app.media.recipe import Recipe
from app.models import PublishJob, Rendition, TimelineEntry, Video
from app.publishing import steer
from app.queues import ENCODE_QUEUE, RunQueue, current_redis
from app.renditions import claims
from app.renditions.pruning import prune_renditions
from app.renditions.requesting import request_rendition
from app.states import FINAL_STATES, JobState, RenditionState, Step
from app.storage import Storage
from app.storage.errors import StorageError
from app.storage.folder import FolderStorage
from app.storage.links import LinkSigner
from app.videos import delete_video
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.media.corpus import AAC, BOTH, H264, make_film, plain, run_ffmpeg
from tests.media.ffmpegs import ffmpegs, frozen_ffmpeg
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from tests.rows import row
from tests.workers.conftest import Store, connect
from tests.workers.support import run_once, run_to_end
from workers.media.renditions import FAILURES_MAX, LOST_RUNS_MAX, transcode_due
from workers.media.workspace import SpaceNeed, workspace
from workers.scheduling.periodic import queue_periodic

# One database: transcodes take time, and rows are tested elsewhere.
pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]
#: Too little for x264 at any size, and enough for ffmpeg to begin.
LITTLE_MEMORY_MB = 300


@pytest.fixture
def config(config: Config, tmp_path: Path) -> Config:
    """Settings with an empty folder for transcodes."""
    return replace(config, encode_dir=tmp_path / "encode", worker_concurrency=1)


def renditions() -> list[Rendition]:
    """Read all renditions again."""
    found = db.session.query(Rendition).populate_existing().order_by(Rendition.id).all()
    db.session.commit()
    return found


def make_due(job: PublishJob) -> None:
    """Make a job due."""
    due = db.session.get_one(PublishJob, job.id, populate_existing=True)
    due.due_at = utcnow()
    lanes.refresh(db.session(), due)
    db.session.commit()


def run_to_end_with_conversion(job: PublishJob) -> None:
    """Let a job go live whose video has to be converted."""
    run_once(job)
    transcode_due()
    make_due(job)
    done = run_to_end(job)
    assert done.state is JobState.COMPLETED, done.error_message


def objects(app: Flask) -> list[str]:
    """Return what lies in the store beside the videos."""
    root: Path = app.config["SETTINGS"].video_dir
    return [path.name for path in (root / "renditions").glob("*")]


def test_unfit_video_is_converted_and_goes_live(
    app: Flask, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(short_clip))
    waiting = run_once(job)
    assert (waiting.state, waiting.step, waiting.progress) == (JobState.ACTIVE, Step.OPTIMIZE, 30)
    assert not waiting.is_leased and waiting.due_at is not None
    assert RunQueue(ENCODE_QUEUE, current_redis()).count == 1
    transcode_due()
    woken = row(job)
    assert woken.progress > 30 and woken.due_at is not None and woken.due_at <= utcnow()
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    [made] = renditions()
    assert made.state is RenditionState.READY and made.probe is not None
    assert plan_for("TIKTOK", Probe.load(made.probe)).work is Work.NOTHING
    [name] = objects(app)
    content = (app.config["SETTINGS"].video_dir / "renditions" / name).read_bytes()
    [post] = platforms.posts()
    assert post["sha256"] == hashlib.sha256(content).hexdigest()
    query = db.session.query(TimelineEntry).filter_by(job_id=job.id)
    entries = query.order_by(TimelineEntry.id).all()
    names = [entry.name for entry in entries if entry.kind == "step"]
    assert names == ["token", "video", "optimize", "upload", "process", "record"]
    [told] = [entry for entry in entries if entry.name == "conversion"]
    assert "mpeg4" in (told.error_message or "")
    assert list(app.config["SETTINGS"].encode_dir.iterdir()) == []


def test_video_of_exactly_the_longest_duration_goes_live(
    platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    """Though its sound, which ends with a whole frame, makes the converted file a little longer."""
    path = tmp_path / "quarter-hour.mp4"
    silence = ["-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono"]
    run_ffmpeg(*plain("64x64", "25", "900"), *silence, *H264, *AAC, "-t", "900", str(path))
    video = stored(path)
    assert video.duration_seconds == 900.0
    job = make_job("INSTAGRAM", account=connect(platforms, "INSTAGRAM"), video=video)
    run_once(job)
    transcode_due()
    [made] = renditions()
    assert made.probe is not None and made.probe["duration_seconds"] > 900
    assert run_to_end(job).state is JobState.COMPLETED


def test_three_platforms_and_a_retry_make_each_recipe_once(
    platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    video = stored(make_film("clip.mkv", tmp_path))
    jobs = [
        make_job(platform, account=connect(platforms, platform), video=video)
        for platform in ("TIKTOK", "INSTAGRAM", "YOUTUBE")
    ]
    for job in jobs:
        run_once(job)
    [shared] = renditions()  # all three need the same file
    transcode_due()
    for job in jobs:
        assert run_to_end(job).state is JobState.COMPLETED
    again = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    assert run_to_end(again).state is JobState.COMPLETED
    [same] = renditions()
    assert (same.id, same.run_number) == (shared.id, 1)
    assert len({post["sha256"] for post in platforms.posts()}) == 1


def test_video_replaced_while_a_token_is_renewed_goes_out_itself(
    app: Flask, platforms: Platforms, stored: Store, tmp_path: Path, film: Path
) -> None:
    """This run asked for the rendition of the other video, which it must not keep."""
    video = stored(make_film("clip.mkv", tmp_path))
    earlier = make_job("INSTAGRAM", account=connect(platforms, "INSTAGRAM"), video=video)
    run_once(earlier)
    transcode_due()
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    platforms.fault("TIKTOK", "error", call="tiktok.init", code="access_token_invalid", times=1)
    held = platforms.fault("TIKTOK", "hold", call="tiktok.token")

    def replace_video() -> None:
        wait_until(lambda: platforms.struck(held), "the renewal of the refused token")
        (app.config["SETTINGS"].video_dir / video.r2_key).write_bytes(film.read_bytes())
        platforms.release(held)

    with ThreadPoolExecutor(1) as pool:
        replaced = pool.submit(replace_video)
        run_once(job)
        replaced.result()
    assert row(job).rendition_id is None
    assert run_to_end(job).state is JobState.COMPLETED
    [post] = platforms.posts()
    assert post["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()


def test_waiting_job_looks_by_itself_without_a_trace(
    platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(short_clip))
    run_once(job)
    before = db.session.query(TimelineEntry).filter_by(job_id=job.id).count()
    make_due(job)
    waiting = run_once(job)
    assert (waiting.step, waiting.attempts_made) == (Step.OPTIMIZE, 1)
    assert db.session.query(TimelineEntry).filter_by(job_id=job.id).count() == before


def test_cancelled_job_leaves_nothing_to_be_made(
    platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    video = stored(short_clip)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    run_once(job)
    steer.cancel(job.id, utcnow())
    transcode_due()
    [parked] = renditions()
    assert (parked.state, parked.due_at) == (RenditionState.PENDING, None)
    another = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    run_once(another)
    transcode_due()
    assert run_to_end(another).state is JobState.COMPLETED


def test_damaged_video_stops_after_its_attempts(
    platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    path = tmp_path / "poisoned.avi"
    run_ffmpeg(*BOTH, "-c:v", "mpeg4", "-c:a", "mp3", str(path))
    content = bytearray(path.read_bytes())
    content[len(content) // 5 : -20_000] = os.urandom(len(content) - 20_000 - len(content) // 5)
    path.write_bytes(bytes(content))
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(path))
    run_once(job)
    for _ in range(FAILURES_MAX):
        transcode_due()
        db.session.query(Rendition).filter(Rendition.due_at.is_not(None)).update(
            {"due_at": utcnow()}
        )
        db.session.commit()
    failed = run_once(job)
    assert (failed.state, failed.error_category) == (JobState.FAILED, "video")
    assert platforms.posts() == []


def test_workers_lost_at_one_file_are_counted(
    app: Flask, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(short_clip))
    run_once(job)
    for lost in range(LOST_RUNS_MAX + 1):
        claim = claims.claim_next(utcnow())
        assert claim is not None and claim.lost_runs == lost
        db.session.query(Rendition).update({"due_at": utcnow()})
        db.session.commit()
    transcode_due()
    failed = run_once(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "conversion_lost")
    assert (failed.error_category, failed.attempts_made) == ("internal", 1)
    assert objects(app) == []
    steer.retry(job.id, utcnow())  # after the machine was repaired
    transcode_due()
    assert run_to_end(job).state is JobState.COMPLETED


def fail_conversions(app: Flask, config: Config) -> Rendition:
    """Transcode with other settings, as often as a rendition is tried."""
    usual = app.config["SETTINGS"]
    app.config["SETTINGS"] = config
    for _ in range(FAILURES_MAX):
        db.session.query(Rendition).filter(Rendition.due_at.is_not(None)).update(
            {"due_at": utcnow()}
        )
        db.session.commit()
        transcode_due()
    app.config["SETTINGS"] = usual
    [failed] = renditions()
    assert failed.state is RenditionState.FAILED
    return failed


def test_fault_of_the_machine_is_over_when_it_is_mended(
    app: Flask, config: Config, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(short_clip))
    run_once(job)
    failed = fail_conversions(app, replace(config, encode_memory_mb=LITTLE_MEMORY_MB))
    assert failed.error_category == "internal"
    held = run_once(job)
    assert (held.state, held.error_category) == (JobState.WAITING, "internal")
    make_due(job)
    run_once(job)
    transcode_due()
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 2)


def test_disk_that_was_too_small_bars_no_later_job(
    app: Flask, config: Config, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    video, account = stored(short_clip), connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=video)
    run_once(job)
    failed = fail_conversions(app, replace(config, encode_disk_mb=1))
    assert failed.error_code == "too_large_to_convert"
    refused = run_once(job)
    assert (refused.state, refused.error_category) == (JobState.FAILED, "internal")
    later = make_job("TIKTOK", account=account, video=video)
    run_once(later)
    transcode_due()
    assert run_to_end(later).state is JobState.COMPLETED


def test_retry_of_a_person_tries_even_what_was_put_down_to_the_video(
    platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    video, account = stored(short_clip), connect(platforms, "TIKTOK")
    job = make_job("TIKTOK", account=account, video=video)
    run_once(job)
    damaged = {"error_category": "video", "error_code": "conversion_failed", "due_at": None}
    db.session.query(Rendition).update({"state": RenditionState.FAILED, **damaged})
    make_due(job)
    assert run_once(job).state is JobState.FAILED
    another = make_job("TIKTOK", account=account, video=video)
    assert run_once(another).state is JobState.FAILED  # the same file would fail again
    steer.retry(job.id, utcnow())
    transcode_due()
    assert run_to_end(job).state is JobState.COMPLETED


def test_conversion_waits_for_disk_space_of_another(
    app: Flask, config: Config, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    allowed = config.encode_disk_mb * 10**6
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(short_clip))
    run_once(job)
    with workspace(config.encode_dir, SpaceNeed(1, allowed), allowed):
        transcode_due()
    [waiting] = renditions()
    assert (waiting.state, waiting.failures) == (RenditionState.PENDING, 0)
    db.session.query(Rendition).update({"due_at": utcnow()})
    db.session.commit()
    transcode_due()
    done = run_to_end(job)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)


def test_store_that_is_away_costs_an_attempt_and_is_asked_again(
    app: Flask, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    video = stored(short_clip)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    run_once(job)
    [asked] = renditions()
    db.session.query(Rendition).update(
        {"state": RenditionState.FAILED, "due_at": None, "error_category": "network"}
    )
    db.session.query(Rendition).update({"error_code": "store_unavailable"})
    make_due(job)
    held = run_once(job)
    assert (held.state, held.error_code) == (JobState.WAITING, "store_unavailable")
    make_due(job)
    run_once(job)
    transcode_due()
    done = run_to_end(job)
    assert (done.state, done.attempts_made, done.rendition_id) == (
        JobState.COMPLETED,
        2,
        asked.id,
    )


def test_refused_for_good_names_rule_and_figure(
    platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    video = stored(make_film("half-second.mp4", tmp_path))
    job = make_job("INSTAGRAM", account=connect(platforms, "INSTAGRAM"), video=video)
    failed = run_once(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "duration_min")
    assert failed.error_message is not None and "at least 3 s" in failed.error_message
    assert renditions() == []


def test_lost_object_is_made_again(
    app: Flask, platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    video = stored(make_film("clip.mkv", tmp_path))
    first = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    run_once(first)
    transcode_due()
    [made] = renditions()
    storage: Storage = app.extensions["storage"]
    storage.delete(made.r2_key or "")
    assert run_once(first).step is Step.OPTIMIZE
    transcode_due()
    assert run_to_end(first).state is JobState.COMPLETED


def test_unused_renditions_are_pruned_and_needed_ones_kept(
    app: Flask, platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    video = stored(make_film("clip.mkv", tmp_path))
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    run_once(job)
    transcode_due()
    assert prune_renditions(utcnow() + timedelta(days=1)) == 0
    run_to_end(job)
    assert prune_renditions(utcnow() - timedelta(days=1)) == 0
    assert len(objects(app)) == 1
    assert prune_renditions(utcnow() + timedelta(days=1)) == 1
    assert objects(app) == []
    assert prune_renditions(utcnow() + timedelta(days=1)) == 0
    db.session.query(TimelineEntry).delete()
    db.session.query(PublishJob).delete()
    db.session.commit()
    assert prune_renditions(utcnow() + timedelta(days=1)) == 1
    assert renditions() == []


def test_deleted_video_takes_its_renditions_along(
    app: Flask, platforms: Platforms, stored: Store, tmp_path: Path
) -> None:
    video = stored(make_film("clip.mkv", tmp_path))
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    run_once(job)
    transcode_due()
    run_to_end(job)
    assert delete_video("alice", video.id, utcnow())
    assert objects(app) == []


@pytest.fixture
def worker(config: Config, tmp_path: Path) -> Iterator[Process]:
    """A worker of all queues, and a scheduler."""
    encode = {"ENCODE_DIR": str(config.encode_dir)}
    with Process("workers.scheduler", config, tmp_path / "scheduler.log", **encode):
        with Process("workers.worker", config, tmp_path / "worker.log", **encode) as process:
            yield process


def test_killed_worker_leaves_nothing_and_another_takes_over(
    app: Flask,
    config: Config,
    platforms: Platforms,
    stored: Store,
    long_clip: Path,
    worker: Process,
    tmp_path: Path,
) -> None:
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(long_clip))
    folder = config.encode_dir
    frozen_ffmpeg(folder)
    worker.kill()
    wait_until(lambda: not ffmpegs(folder), "ffmpeg's end")
    assert len(list(folder.iterdir())) == 1
    # Its lease would end within 30 s; the test does not wait for that.
    db.session.query(Rendition).update({"due_at": utcnow() - timedelta(seconds=5)})
    db.session.commit()
    queue_periodic(utcnow())
    encode = {"ENCODE_DIR": str(folder)}
    with Process("workers.worker", config, tmp_path / "second.log", **encode):
        done = wait_until(lambda: _ended(job), "the end", 150)
    assert done.state is JobState.COMPLETED
    [made] = renditions()
    assert made.run_number == 2
    assert [name.split(".")[0] for name in objects(app)] == [f"{made.id}-2"]
    assert list(folder.iterdir()) == []


def _ended(job: PublishJob) -> PublishJob | None:
    found = row(job)
    return found if found.state in FINAL_STATES else None


def test_cancellation_and_sigterm_stop_ffmpeg(
    app: Flask,
    config: Config,
    platforms: Platforms,
    stored: Store,
    long_clip: Path,
    worker: Process,
) -> None:
    video, folder = stored(long_clip), config.encode_dir
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    frozen_ffmpeg(folder)
    steer.cancel(job.id, utcnow())
    wait_until(lambda: not ffmpegs(folder), "ffmpeg's end")
    wait_until(lambda: renditions()[0].due_at is None, "the rendition's rest")
    second = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    frozen_ffmpeg(folder)
    assert worker.terminate() == 0
    assert not ffmpegs(folder) and list(folder.iterdir()) == []
    [returned] = renditions()
    assert (returned.state, returned.run_number) == (RenditionState.PENDING, 2)
    assert returned.due_at is not None and returned.due_at <= utcnow()
    assert (returned.failures, returned.lost_runs) == (0, 0)
    assert row(second).state is JobState.ACTIVE


def test_starting_worker_removes_what_a_crash_has_left(config: Config, tmp_path: Path) -> None:
    orphan = config.encode_dir / "orphan"
    orphan.mkdir(parents=True)
    (orphan / "lock").write_text("11")
    (orphan / "source").write_bytes(b"left behind")
    encode = {"ENCODE_DIR": str(config.encode_dir), "ENCODE_CONCURRENCY": "0"}
    with Process("workers.worker", config, tmp_path / "worker.log", **encode):
        wait_until(lambda: not orphan.exists(), "the folder's end")


def test_ready_files_pass_by_a_conversion(
    app: Flask, platforms: Platforms, stored: Store, short_clip: Path, stored_film: Video
) -> None:
    """A job that waits for its file holds no worker, so others of its queue go on."""
    waiting = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored(short_clip))
    run_once(waiting)
    ready = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    assert run_to_end(ready).state is JobState.COMPLETED
    assert row(waiting).step is Step.OPTIMIZE


class AskedWhileItDeletes(FolderStorage):
    """Lets a job ask for its rendition at the moment when an object is deleted."""

    ask: Callable[[], Rendition]

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.answer = self.ask()
        super().delete(key)


def test_rendition_that_is_asked_for_while_it_is_pruned_is_made_again(
    app: Flask, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    video = stored(short_clip)
    account = connect(platforms, "TIKTOK")
    run_to_end_with_conversion(make_job("TIKTOK", account=account, video=video))
    [made] = renditions()
    another = make_job("TIKTOK", account=account, video=video)
    settings = app.config["SETTINGS"]
    store = AskedWhileItDeletes(settings.video_dir, settings.public_url, LinkSigner(["key"]))
    recipe = Recipe.load(made.recipe)
    store.ask = lambda: request_rendition(another.id, video, recipe, utcnow())
    app.extensions["storage"] = store
    assert prune_renditions(utcnow() + timedelta(days=1)) == 0
    assert store.answer.state is RenditionState.PENDING
    run_to_end_with_conversion(another)


class FailsOnce(FolderStorage):
    """Cannot delete the first time."""

    has_failed = False

    def delete(self, key: str) -> None:
        """Delete an object, or fail."""
        if not self.has_failed:
            self.has_failed = True
            raise StorageError("the store is away")
        super().delete(key)


def test_object_that_could_not_be_deleted_goes_with_a_later_run_s(
    app: Flask, platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    video = stored(short_clip)
    account = connect(platforms, "TIKTOK")
    run_to_end_with_conversion(make_job("TIKTOK", account=account, video=video))
    settings = app.config["SETTINGS"]
    store = FailsOnce(settings.video_dir, settings.public_url, LinkSigner(["key"]))
    app.extensions["storage"] = store
    later = utcnow() + timedelta(days=1)
    with pytest.raises(StorageError):
        prune_renditions(later)
    run_to_end_with_conversion(make_job("TIKTOK", account=account, video=video))
    assert len(objects(app)) == 2
    prune_renditions(later)
    assert objects(app) == []
