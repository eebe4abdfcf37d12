"""The contract of every platform's handler: one suite for all of them.

A fourth platform joins by an entry in `CALLS`. The sandbox's list of live posts is the judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module

import pytest

from app.platforms import PLATFORMS
from sandbox.core.errors import ErrorSpec
from tests.workers.platforms.support import Job, MemorySource, Sandbox, access_of
from workers.errors import (
    AccountRefused,
    Ambiguous,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    TokenExpired,
    Transient,
)
from workers.platforms.base import Api, Draft, Handler, Upload
from workers.platforms.counting import ReadContext
from workers.platforms.results import Published

#: The calls that publish a video on each platform, in order.
CALLS: dict[str, tuple[str, ...]] = {
    "TIKTOK": ("tiktok.creator_info", "tiktok.init", "tiktok.upload", "tiktok.status"),
    "INSTAGRAM": (
        "instagram.quota",
        "instagram.container",
        "instagram.upload",
        "instagram.container_status",
        "instagram.publish",
        "instagram.media",
    ),
    "YOUTUBE": ("youtube.session", "youtube.upload", "youtube.videos"),
}
#: The calls that change nothing on a platform.
READS = frozenset(
    {
        "tiktok.status",
        "instagram.container_status",
        "instagram.media",
        "youtube.status_query",
        "youtube.videos",
    }
)
PLATFORM_CALLS = [(platform, call) for platform, calls in CALLS.items() for call in calls]
#: The faults that any call may meet.
FAULTS: dict[str, tuple[str, dict[str, object]]] = {
    "cut before it is read": ("cut", {}),
    "answer lost": ("lost_answer", {}),
    "garbage": ("garbage", {}),
    "empty": ("empty", {}),
    "HTTP 500": ("error", {"status": 500, "body": ""}),
    "HTTP 503 as HTML": ("error", {"status": 503, "body": "<html>busy</html>"}),
    "HTTP 429": ("error", {"status": 429, "body": "", "retry_after": 30}),
}


def codes() -> Iterator[tuple[str, str, str]]:
    """Yield every error code of each platform, with each call that may return it."""
    for platform, calls in CALLS.items():
        errors: dict[str, ErrorSpec]
        errors = import_module(f"sandbox.{platform.lower()}.errors").ERRORS
        for code, error in errors.items():
            for call in calls:
                if call in error.calls:
                    yield platform, call, code


def handler_of(platform: str, url: str) -> Handler[Upload]:
    """Return a platform's handler with the sandbox as its hosts."""
    module, _, name = PLATFORMS[platform].handler.partition(":")
    hosts = {
        "TIKTOK": (f"{url}/tiktok", ""),
        "INSTAGRAM": (f"{url}/graph", f"{url}/instagram"),
        "YOUTUBE": (f"{url}/youtube", f"{url}/google"),
    }
    api_url, oauth_url = hosts[platform]
    handler: Handler[Upload] = getattr(import_module(module), name)(
        Api(
            url=api_url,
            oauth_url=oauth_url,
            version="v26.0",
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            poll_seconds=5.0,
        )
    )
    return handler


def job_on(platform: str, control: Sandbox, data: bytes) -> Job:
    """Return a job for a new account."""
    return Job(
        handler=handler_of(platform, control.url),
        sandbox=control,
        access=access_of(control.account(platform)),
        source=MemorySource(data),
        draft=Draft(
            text="A film #fun",
            title="A film" if platform == "YOUTUBE" else "",
            privacy="public",
            duration_seconds=4.0,
            marker="01JOB",
        ),
    )


def check_live_once(control: Sandbox, data: bytes) -> None:
    """Assert that exactly one whole video is live."""
    assert [post["sha256"] for post in control.posts()] == [hashlib.sha256(data).hexdigest()]


def outcome(job: Job) -> Published | PublishError:
    """Run a job as far as it goes by itself; return its post or its error."""
    try:
        return job.carry_through()
    except PublishError as error:
        return error


@pytest.mark.parametrize("platform", CALLS)
def test_video_goes_live_whole_by_the_calls_named(
    platform: str, control: Sandbox, video: bytes
) -> None:
    job = job_on(platform, control, video)
    job.carry_through()
    check_live_once(control, video)
    assert list(dict.fromkeys(control.call_names())) == list(CALLS[platform])
    assert job.source.open_streams == 0
    assert job.journal.commits >= 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("platform", "call"), PLATFORM_CALLS)
def test_fault_of_any_call_costs_neither_the_post_nor_a_second_one(
    platform: str, call: str, fault: str, control: Sandbox, video: bytes
) -> None:
    kind, fields = FAULTS[fault]
    control.fault(platform, call, kind, **fields)
    job = job_on(platform, control, video)
    assert isinstance(outcome(job), Published)
    check_live_once(control, video)
    assert job.source.open_streams == 0


@pytest.mark.parametrize("platform", CALLS)
def test_connection_cut_amid_the_bytes_is_resumed(
    platform: str, control: Sandbox, video: bytes
) -> None:
    half = len(video) // 2
    control.fault(platform, _upload(platform), "cut", after_bytes=half)
    job_on(platform, control, video).carry_through()
    check_live_once(control, video)
    uploads = control.calls(_upload(platform))
    assert sum(call["bytes"] for call in uploads) == len(video)


@pytest.mark.parametrize("platform", CALLS)
def test_poll_only_reads(platform: str, control: Sandbox, video: bytes) -> None:
    job = job_on(platform, control, video)
    job.draft = replace(job.draft, options={"coverTimestampMs": 1500})
    job.cover = lambda at_ms: b"\xff\xd8\xff\xe0 a picture"
    control.fault(platform, _upload(platform), "lost_answer")
    with pytest.raises((Transient, OutcomeUnknown)):
        job.run()
    made = len(control.call_names())
    for _ in range(3):
        assert job.journal.upload is not None
        job.handler.poll(job.context, job.journal.upload)
        control.advance(60)
    polled = control.call_names()[made:]
    assert polled and set(polled) <= READS


@pytest.mark.parametrize(("platform", "call", "code"), list(codes()))
def test_listed_error_is_classified_and_never_doubles_a_post(
    platform: str, call: str, code: str, control: Sandbox, video: bytes
) -> None:
    control.fault(platform, call, "error", code=code)
    job = job_on(platform, control, video)
    found = outcome(job)
    if isinstance(found, TokenExpired):
        found = outcome(job)  # the pipeline refreshes the token and goes on
    if isinstance(found, Published):
        check_live_once(control, video)
        return
    assert found.code and found.category and found.detail
    if not isinstance(found, Ambiguous) and job.journal.commits == 0:
        assert control.posts() == []
    assert len(control.posts()) <= 1


def _upload(platform: str) -> str:
    return next(call for call in CALLS[platform] if call.endswith(".upload"))


def read_context_of(control: Sandbox, account: Mapping[str, object]) -> ReadContext:
    """Return the context for reads with a sandbox account."""
    return ReadContext(access_of(account), control.now)


@pytest.mark.parametrize("platform", CALLS)
def test_access_check_is_one_read_and_detects_a_revoked_token(
    platform: str, control: Sandbox
) -> None:
    handler, account = handler_of(platform, control.url), control.account(platform)
    handler.check_access(read_context_of(control, account))
    assert len(control.call_names()) == 1
    control.post(f"/accounts/{account['platformUserId']}/revoke")
    with pytest.raises((TokenExpired, AccountRefused)):
        handler.check_access(read_context_of(control, account))
    assert control.posts() == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("platform", CALLS)
def test_failed_access_check_proves_nothing_about_the_account(
    platform: str, fault: str, control: Sandbox
) -> None:
    kind, fields = FAULTS[fault]
    account = control.account(platform)
    control.fault(platform, None, kind, **fields)
    with pytest.raises((Transient, RateLimited)):
        handler_of(platform, control.url).check_access(read_context_of(control, account))
