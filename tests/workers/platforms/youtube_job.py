"""What the YouTube handler's tests share: jobs, and the names of the sandbox's calls."""

from __future__ import annotations

from typing import Any

from tests.workers.platforms.support import Job, MemorySource, Sandbox, access_of
from workers.platforms.base import Api, Draft
from workers.platforms.youtube import YouTubeHandler
from workers.platforms.youtube.upload import YouTubeUpload

DRAFT = Draft(
    text="A description #shorts",
    title="A title",
    privacy="public",
    duration_seconds=4.0,
    marker="01JOB",
)
SESSION, UPLOAD, QUERY = "youtube.session", "youtube.upload", "youtube.status_query"
CHANNELS, LIST, VIDEOS = "youtube.channels", "youtube.playlist_items", "youtube.videos"
READS = frozenset({QUERY, CHANNELS, LIST, VIDEOS})


def handler_of(url: str) -> YouTubeHandler:
    """Return a handler whose platform is at `url`, as the sandbox lays it out."""
    return YouTubeHandler(
        Api(
            url=f"{url}/youtube",
            oauth_url=f"{url}/google",
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            poll_seconds=1.0,
        )
    )


def make_job(
    control: Sandbox,
    data: bytes,
    *,
    draft: Draft = DRAFT,
    account: dict[str, Any] | None = None,
    url: str | None = None,
) -> Job:
    """Return a job, on an account of its own unless one is given."""
    return Job(
        handler=handler_of(url or control.url),
        sandbox=control,
        access=access_of(account or control.account("YOUTUBE")),
        source=MemorySource(data),
        draft=draft,
    )


def checkpoint(job: Job) -> YouTubeUpload:
    """Return the job's stored upload."""
    assert isinstance(job.journal.upload, YouTubeUpload)
    return job.journal.upload


def received_bytes(control: Sandbox) -> int:
    """Return how many bytes the platform received in all requests."""
    return sum(call["bytes"] for call in control.calls(UPLOAD))


def ranges(control: Sandbox) -> list[str]:
    """Return the ranges of the upload requests."""
    return [call["details"]["range"] for call in control.calls(UPLOAD)]


def read_video(control: Sandbox, job: Job, video_id: str, part: str) -> dict[str, Any]:
    """Return one part of a video resource, as its owner sees it."""
    answer = control.session.get(
        f"{control.url}/youtube/youtube/v3/videos",
        params={"part": part, "id": video_id},
        headers={"Authorization": f"Bearer {job.access.token}"},
        timeout=60,
    )
    found: dict[str, Any] = answer.json()["items"][0][part]
    return found


def delete_video(control: Sandbox, job: Job, video_id: str) -> None:
    """Delete a video as its owner."""
    answer = control.session.delete(
        f"{control.url}/youtube/youtube/v3/videos",
        params={"id": video_id},
        headers={"Authorization": f"Bearer {job.access.token}"},
        timeout=60,
    )
    assert answer.status_code == 204
