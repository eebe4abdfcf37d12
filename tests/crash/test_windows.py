"""The platforms' crash windows: a worker is killed inside each, and exactly one post results.

The numbers are those of the tables in docs/reliability.md. The windows that a platform's response
opens, rather than a crash, are in the tests of the handlers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.clock import to_iso, utcnow
from app.extensions import db
from app.models import Account, PublishJob, Video
from app.publishing.create import NewJob, create_jobs
from app.states import FINAL_STATES, JobState
from sandbox.development.sample_videos import make_sample_video
from tests.crash.injector import kill_at_work
from tests.crash.leases import end_leases
from tests.crash.load import store_video
from tests.crash.plan import Plan
from tests.crash.stage import Stage
from tests.processes import wait_until
from tests.workers.conftest import connect
from workers.publishing.pipeline import LOST_RUNS_MAX

OPENING = {
    "TIKTOK": "tiktok.init",
    "INSTAGRAM": "instagram.container",
    "YOUTUBE": "youtube.session",
}
READING = {
    "TIKTOK": "tiktok.status",
    "INSTAGRAM": "instagram.container_status",
    "YOUTUBE": "youtube.status_query",
}
BEFORE: dict[str, Any] = {"kind": "slow", "seconds": 20}
AMID: dict[str, Any] = {"kind": "slow", "bytes_per_second": 10_000_000}
#: More than the connection's buffers hold, so that a killed worker leaves some of it unsent.
LARGE_BYTES = 40_000_000
#: A wake-up that died with its worker is replaced by a sweep, on a machine that may be busy.
REACH_SECONDS = 150.0
AFTER: dict[str, Any] = {"kind": "hang", "seconds": 20, "after_work": True}


@dataclass(frozen=True)
class Window:
    """Where the worker dies: in a call to the platform, or about to commit a write.

    `lie` is the code with which the publish is refused although it worked. `opened` is how many
    uploads are opened and answered. `follows` is the call that the next worker begins with: a read,
    unless the interrupted call cannot have had an effect.
    """

    id: str
    at: str
    fault: dict[str, Any] = field(default_factory=dict)
    opened: int = 1
    follows: str = "read"
    is_resumed: bool = False
    lie: str = ""

    @property
    def platform(self) -> str:
        """The platform whose window it is."""
        return self.id.partition("-")[0].upper()

    @property
    def call(self) -> str:
        """The sandbox's name of the call in which the worker dies."""
        return f"{self.platform.lower()}.{self.at}"

    @property
    def next_call(self) -> str:
        """The sandbox's name of the call that follows."""
        if self.follows == "read":
            return READING[self.platform]
        return f"{self.platform.lower()}.{self.follows}"


WINDOWS = [
    Window("tiktok-1-before-init", "creator_info", BEFORE, follows="creator_info"),
    Window("tiktok-2-init-not-answered", "init", AFTER, follows="creator_info"),
    Window("tiktok-2-init-answered-not-stored", "write of open", opened=2, follows="creator_info"),
    Window("tiktok-3-amid-the-bytes", "upload", AMID, is_resumed=True),
    Window("tiktok-4-last-chunk-not-answered", "upload", AFTER),
    Window("tiktok-4-last-chunk-answered-not-stored", "write of responded"),
    Window("tiktok-6-while-polling", "status", BEFORE),
    Window("tiktok-7-complete-not-stored", "write of completed"),
    Window("instagram-1-container-not-answered", "container", AFTER, follows="quota"),
    Window("instagram-2-amid-the-bytes", "upload", AMID, is_resumed=True),
    Window("instagram-2-bytes-not-answered", "upload", AFTER),
    Window("instagram-3-before-the-commit", "write of commit"),
    Window("instagram-4-publish-not-answered", "publish", AFTER),
    Window("instagram-5-refusal-not-stored", "write of responded", lie="4/2207051"),
    Window("instagram-6-id-answered-not-stored", "write of responded"),
    Window("instagram-6-live-not-recorded", "write of completed", follows="media"),
    Window("youtube-1-session-not-answered", "session", AFTER, follows="session"),
    Window("youtube-2-amid-the-bytes", "upload", AMID, is_resumed=True),
    Window("youtube-3-last-bytes-not-answered", "upload", AFTER),
    Window("youtube-4-id-answered-not-stored", "write of responded"),
    Window("youtube-4-live-not-recorded", "write of completed", follows="videos"),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker process and a scheduler, on PostgreSQL."""
    plan = Plan(3, (), "postgresql", trees=1, concurrency=1, schedulers=1, webs=0)
    with Stage(tmp_path_factory.mktemp("windows"), plan) as stage:
        yield stage


@pytest.fixture(scope="module")
def video(stage: Stage) -> Video:
    """A video in the store."""
    return store_video(stage)


@pytest.fixture(scope="module")
def large_video(stage: Stage) -> Video:
    """A larger one, long enough to stay below every platform's bit rate limit."""
    path = make_sample_video(stage.folder / "long.mp4", seconds=20, hue=9)
    return store_video(stage, LARGE_BYTES, path)


def order(window: Window, account: Account, video: Video) -> PublishJob:
    """Accept a post."""
    new = NewJob(
        user_id=account.user_id,
        account_id=account.id,
        video_id=video.id,
        platform=window.platform,
        caption=window.id,
        privacy_level="public",
        priority=5,
        due_at=utcnow(),
    )
    [job] = create_jobs([new], utcnow())
    return job


def open_window(window: Window, stage: Stage) -> None:
    """Make the worker wait in the window. Called before there is work for it: it may be quick."""
    if window.lie:
        call = f"{window.platform.lower()}.publish"
        stage.platforms.fault(window.platform, "error", call=call, code=window.lie, after_work=True)
    if window.fault:
        stage.platforms.fault(window.platform, call=window.call, **window.fault)
        return
    assert stage.gates is not None
    stage.gates.close(window.platform, window.at.removeprefix("write of "))


def reach(window: Window, stage: Stage) -> None:
    """Return when the worker is in the window."""
    gates, faults = stage.gates, stage.sandbox.world.faults
    assert gates is not None
    if not window.fault:
        assert gates.is_reached(REACH_SECONDS)
        return
    wait_until(lambda: not faults.active(), f"{window.call} to be called", REACH_SECONDS)
    # The call's work is done, or some of its bytes have arrived.
    time.sleep(0.5)


def let_bytes_arrive(window: Window, account: str, stage: Stage) -> None:
    """Wait for a dead worker's bytes that are still in flight.

    They outlive their sender for as long as the buffers of a connection last: here longer than a
    supervisor waits, as the sandbox reads them slowly.
    """
    if window.is_resumed:
        wait_until(lambda: any(uploads(account, stage)), "the last bytes of the dead to arrive")


def calls_of(account: str, stage: Stage) -> list[dict[str, Any]]:
    """Return the ended calls of an account; those of others may stem from an earlier window."""
    journal = stage.platforms.journal()
    return [
        entry for entry in journal if (entry["event"], entry.get("account")) == ("call", account)
    ]


def uploads(account: str, stage: Stage) -> list[dict[str, Any]]:
    """Return the uploads that ended or were cut off, the latter once no byte is in flight."""
    return [entry for entry in calls_of(account, stage) if entry["call"].endswith(".upload")]


def ended(job_id: str) -> PublishJob:
    """Wait for a job's end."""

    def look() -> PublishJob | None:
        found = db.session.get_one(PublishJob, job_id, populate_existing=True)
        db.session.commit()
        return found if found.state in FINAL_STATES else None

    return wait_until(look, f"the end of {job_id}")


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.id)
def test_worker_killed_in_the_window_publishes_once(
    window: Window, stage: Stage, video: Video, large_video: Video
) -> None:
    stage.platforms.reset()
    open_window(window, stage)
    account = connect(stage.platforms, window.platform)
    mine = account.platform_user_id
    job_id = order(window, account, large_video if window.is_resumed else video).id
    reach(window, stage)
    dead = kill_at_work(stage.workers, before_noticed=lambda: let_bytes_arrive(window, mine, stage))
    killed_at = to_iso(utcnow())
    assert [*dead] == [job_id]
    end_leases(dead)
    job = ended(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    [post] = stage.platforms.posts()
    assert window.id in (post["caption"], post["title"])
    calls = calls_of(mine, stage)
    opened = [entry for entry in calls if entry["call"] == OPENING[window.platform]]
    assert sum(entry["status"] is not None for entry in opened) == window.opened
    # In the order of their start: an interrupted call is journalled only when it breaks.
    began = sorted(calls, key=lambda entry: str(entry["time"]))
    following = next(entry["call"] for entry in began if entry["time"] > killed_at)
    assert following == window.next_call
    if window.is_resumed:
        first, *others = uploads(mine, stage)
        assert others and 0 < first["bytes"] < post["size_bytes"]
        assert sum(entry["bytes"] for entry in (first, *others)) == post["size_bytes"]


@pytest.mark.timeout(480)
def test_job_that_kills_its_worker_is_stopped_and_takes_no_other_with_it(
    stage: Stage, video: Video
) -> None:
    """As with a video that crashes the program reading it, by memory or a library's bug."""
    stage.platforms.reset()
    window = Window("tiktok-poison", "write of video")
    open_window(window, stage)
    poisoned = order(window, connect(stage.platforms, "TIKTOK"), video).id
    good = Window("youtube-neighbour", "")
    neighbour = order(good, connect(stage.platforms, "YOUTUBE"), video).id
    for lost in range(1, LOST_RUNS_MAX + 2):
        reach(window, stage)
        dead = kill_at_work(stage.workers)
        assert poisoned in dead
        if lost <= LOST_RUNS_MAX:
            open_window(window, stage)
        end_leases(dead)
    stopped = ended(poisoned)
    assert (stopped.state, stopped.error_code) == (JobState.FAILED, "worker_lost")
    assert (stopped.attempts_made, stopped.lost_runs) == (1, LOST_RUNS_MAX + 1)
    done = ended(neighbour)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert len(stage.platforms.posts()) == 1
