"""What the Instagram handler's tests share: jobs, and the names of the sandbox's calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.workers.platforms.support import Job, MemorySource, Sandbox, access_of, lengthened
from workers.platforms.base import Api, Draft
from workers.platforms.instagram import InstagramHandler
from workers.platforms.instagram.upload import InstagramUpload

QUOTA, CONTAINER, UPLOAD = "instagram.quota", "instagram.container", "instagram.upload"
STATUS, PUBLISH = "instagram.container_status", "instagram.publish"
MEDIA, LIST, COMMENTS = "instagram.media", "instagram.media_list", "instagram.comments"
TOKEN = "instagram.token"
READS = {STATUS, MEDIA, LIST}
DRAFT = Draft(text="A reel #fun", privacy="public", duration_seconds=4.0, marker="01JOB")
#: More than fits into a socket's buffer, and below 25 Mbit/s for the film's 4 seconds.
LARGE_BYTES = 8_000_003


def api_of(control: Sandbox) -> Api:
    """Return the handler's settings for the sandbox."""
    return Api(
        url=f"{control.url}/graph",
        oauth_url=f"{control.url}/instagram",
        version="v26.0",
        poll_seconds=1.0,
    )


def make_job(
    control: Sandbox,
    data: bytes,
    *,
    account: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    known: frozenset[str] = frozenset(),
    **draft: Any,
) -> Job:
    """Return a job, on an account of its own unless one is given."""
    return Job(
        handler=InstagramHandler(api_of(control)),
        sandbox=control,
        access=access_of(account or control.account("INSTAGRAM")),
        source=MemorySource(data),
        draft=replace(DRAFT, options=options or {}, **draft),
        is_known_post=known.__contains__,
    )


def large(video: bytes) -> bytes:
    """Return the video padded with noise in a box that players skip."""
    return lengthened(video, LARGE_BYTES)


def checkpoint(job: Job) -> InstagramUpload:
    """Return the job's stored upload."""
    assert isinstance(job.journal.upload, InstagramUpload)
    return job.journal.upload


def until_ready(job: Job) -> None:
    """Advance a job until its next run publishes it."""
    job.run()
    job.sandbox.advance(5)


def calls_since(control: Sandbox, count: int) -> list[str]:
    """Return the calls after the first `count`."""
    return control.call_names()[count:]
