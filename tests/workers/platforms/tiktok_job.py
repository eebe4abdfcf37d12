"""What the TikTok handler's tests share: jobs, and the names of the sandbox's calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.workers.platforms.support import Job, MemorySource, Sandbox, access_of
from workers.platforms.base import Api, Draft
from workers.platforms.tiktok import TikTokHandler
from workers.platforms.tiktok.upload import TikTokUpload

CREATOR, INIT, UPLOAD = "tiktok.creator_info", "tiktok.init", "tiktok.upload"
STATUS, LIST, TOKEN = "tiktok.status", "tiktok.video_list", "tiktok.token"
DRAFT = Draft(text="A caption #fun", privacy="public", duration_seconds=4.0, marker="01JOB")
#: Six chunks, the last of which is half a chunk longer.
LONG_BYTES = 65_000_003


def api_of(url: str) -> Api:
    """Return the settings of a handler whose platform is at `url`, as the sandbox lays it out."""
    return Api(
        url=f"{url}/tiktok",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        poll_seconds=1.0,
    )


def make_job(
    control: Sandbox,
    data: bytes,
    *,
    account: dict[str, Any] | None = None,
    url: str | None = None,
    known: frozenset[str] = frozenset(),
    **draft: Any,
) -> Job:
    """Return a job, on an account of its own unless one is given."""
    return Job(
        handler=TikTokHandler(api_of(url or control.url)),
        sandbox=control,
        access=access_of(account or control.account("TIKTOK", token_seconds=1_000_000)),
        source=MemorySource(data),
        draft=replace(DRAFT, **draft),
        is_known_post=known.__contains__,
    )


def checkpoint(job: Job) -> TikTokUpload:
    """Return the job's stored upload."""
    assert isinstance(job.journal.upload, TikTokUpload)
    return job.journal.upload


def opened(job: Job) -> Job:
    """Return the job with its upload opened and no bytes sent."""
    job.journal.save(job.handler.open(job.context))
    return job


def received_bytes(control: Sandbox) -> int:
    """Return how many bytes the platform received in all requests."""
    return sum(call["bytes"] for call in control.calls(UPLOAD))


def ranges(control: Sandbox) -> list[str]:
    """Return the ranges of the upload requests."""
    return [call["details"].get("range", "") for call in control.calls(UPLOAD)]
