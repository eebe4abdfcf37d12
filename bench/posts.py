"""Posts to measure with: accounts, videos and jobs as the API creates them, and their outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.media.facts import Probe
from app.models import Account, PublishJob, Video
from app.publishing.create import NewJob, create_jobs
from app.states import AccountState, JobState, VideoState
from app.storage import StoredObject
from app.videos.examine import examine, set_facts
from bench.processes import wait_until
from bench.world import World
from sandbox.development.sample_videos import make_sample_video

USER = "bench"
PLATFORM = "YOUTUBE"
#: An account uploads one post at a time; enough of them that none waits for another.
ACCOUNTS = 20
#: Each poll takes CPU time from the work; with many posts, it may be late.
POLL_SECONDS, LATE_POLL_SECONDS = 0.005, 0.1
PUBLISH_SECONDS = 600.0


def make_accounts(world: World | None, count: int = ACCOUNTS, **columns: object) -> list[str]:
    """Connect accounts, of the sandbox if there is one; return their ids."""
    accounts = []
    for number in range(count):
        given = world.account() if world else {}
        fields = {
            "id": new_id(),
            "user_id": USER,
            "platform": PLATFORM,
            "platform_user_id": given.get("platformUserId", f"user-{number}"),
            "access_token": given.get("accessToken", "token"),
            "refresh_token": given.get("refreshToken", "refresh"),
            "expires_at": utcnow() + timedelta(days=60),
            "state": AccountState.ACTIVE,
            **columns,
        }
        accounts.append(Account(**fields))
    ids = [account.id for account in accounts]
    with transaction() as session:
        session.add_all(accounts)
    return ids


def make_video(key: str) -> str:
    """Register an object of the store, probed; return the video's id."""
    stored, facts = examine(key)
    video = Video(id=new_id(), user_id=USER, r2_key=key, state=VideoState.READY)
    set_facts(video, stored, facts)
    with transaction() as session:
        session.add(video)
    return video.id


def probed_video(user_id: str = USER) -> str:
    """Register a video that every platform accepts, without an object; return its id."""
    facts = Probe(
        content_type="video/mp4",
        container="mp4",
        brand="isom",
        size_bytes=1000,
        duration_seconds=10.0,
        bit_rate=800,
        video_codec="h264",
        profile="High",
        width=720,
        height=1280,
        rotation=0,
        pixel_ratio=1.0,
        frame_rate=30.0,
        is_variable_rate=False,
        is_interlaced=False,
        pixel_format="yuv420p",
        bit_depth=8,
        transfer=None,
        audio_codec="aac",
        audio_channels=2,
        audio_sample_rate=48000,
        moov_first=True,
        has_edit_list=False,
        edit_list_cuts=False,
    )
    video = Video(id=new_id(), user_id=user_id, r2_key=f"videos/{new_id()}.mp4")
    set_facts(video, StoredObject(facts.size_bytes, "etag", facts.content_type), facts)
    with transaction() as session:
        session.add(video)
    return video.id


def new_job(account_id: str, video_id: str, due_at: datetime, *, is_later: bool = False) -> NewJob:
    """Return a job as `POST /api/publish` creates it."""
    return NewJob(
        user_id=USER,
        account_id=account_id,
        video_id=video_id,
        platform=PLATFORM,
        caption="Measured",
        privacy_level="public",
        priority=5,
        due_at=due_at,
        scheduled_time=due_at if is_later else None,
        hashtags=("one", "two"),
    )


def publish(account_ids: Sequence[str], video_id: str, count: int) -> None:
    """Publish a video `count` times, and wait until all are live; raises `RuntimeError`."""
    now = utcnow()
    accounts = [account_ids[number % len(account_ids)] for number in range(count)]
    before = ended(JobState.COMPLETED)
    create_jobs([new_job(account_id, video_id, now) for account_id in accounts], now)
    wait_until(
        lambda: _completed_or_fails() >= before + count,
        "all are live",
        PUBLISH_SECONDS,
        pause=pause_for(count),
    )


def ended(*states: JobState) -> int:
    """Return how many jobs have ended in one of these states."""
    with transaction() as session:
        query = select(func.count()).select_from(PublishJob).where(PublishJob.state.in_(states))
        return session.scalar(query) or 0


def _completed_or_fails() -> int:
    with transaction() as session:
        failed = session.scalar(
            select(PublishJob.error_message).where(PublishJob.state == JobState.FAILED).limit(1)
        )
    if failed is not None:
        raise RuntimeError(f"a post failed: {failed}")
    return ended(JobState.COMPLETED)


def store_video(world: World, size_bytes: int) -> str:
    """Put a video of at least this size into the store; return its key."""
    video = make_sample_video(world.store_folder / "video.mp4", seconds=4, hue=0)
    padding = size_bytes - video.stat().st_size
    if padding <= 0:
        return video.name
    padded = world.store_folder / f"video-{size_bytes}.mp4"
    write_padded(video, padded, size_bytes)
    return padded.name


def write_padded(video: Path, target: Path, size_bytes: int) -> None:
    """Write the video padded to this size with a box that players skip."""
    content = video.read_bytes()
    padding = size_bytes - len(content)
    with target.open("wb") as file:
        # ISO/IEC 14496-12: a `free` box; a size of 1 says that 64 bits of size follow.
        file.write(content + (1).to_bytes(4, "big") + b"free" + padding.to_bytes(8, "big"))
        file.truncate(size_bytes)


def pause_for(count: int) -> float:
    """Return how long to wait between two polls for this many posts."""
    return POLL_SECONDS if count == 1 else LATE_POLL_SECONDS


def published_seconds(account_id: str, video_id: str) -> float:
    """Publish one video and return the seconds until it is live; raises `RuntimeError`."""
    started = time.monotonic()
    publish([account_id], video_id, 1)
    return time.monotonic() - started
