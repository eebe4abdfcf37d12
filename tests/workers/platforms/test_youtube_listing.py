"""Searching for a video in the channel's list once its session is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.workers.platforms.support import Job, Sandbox
from tests.workers.platforms.youtube_job import (
    CHANNELS,
    DRAFT,
    LIST,
    QUERY,
    UPLOAD,
    VIDEOS,
    checkpoint,
    delete_video,
    make_job,
)
from workers.errors import Ambiguous, OutcomeUnknown, RateLimited, TokenExpired, Transient
from workers.platforms.results import Processing
from workers.platforms.youtube.judging import DETAILS_LIMIT_SECONDS
from workers.platforms.youtube.listing import PAGE_VIDEOS


@pytest.fixture
def account(control: Sandbox) -> dict[str, Any]:
    """A channel whose tokens outlast every test."""
    return control.account("YOUTUBE", token_seconds=500_000)


@pytest.fixture
def job(control: Sandbox, video: bytes, account: dict[str, Any]) -> Job:
    """A job that lost the response to its final request, and then its session."""
    job = make_job(control, video, account=account)
    lose_session(control, job)
    return job


def lose_session(control: Sandbox, job: Job) -> None:
    """Publish without the handler learning it, and drop the session."""
    control.fault("YOUTUBE", UPLOAD, "lost_answer", account=job.access.platform_user_id)
    with pytest.raises(OutcomeUnknown):
        job.run()
    owner = job.access.platform_user_id
    control.fault("YOUTUBE", QUERY, "error", code="sessionGone", times=50, account=owner)
    control.advance(10)


def show(control: Sandbox, *videos: dict[str, Any], times: int = 1) -> None:
    """Have YouTube describe the listed videos like this."""
    control.fault("YOUTUBE", VIDEOS, "error", status=200, body={"items": videos}, times=times)


def described(video_id: str, *, title: str = "A title", **details: Any) -> dict[str, Any]:
    """Return a video as YouTube lists it."""
    return {"id": video_id, "snippet": {"title": title}, "fileDetails": details}


def live_id(control: Sandbox) -> str:
    """Return the id of the only live post."""
    [post] = control.posts()
    found: str = post["id"]
    return found


def assert_ambiguous(job: Job) -> None:
    """Assert that the run leaves the outcome to a person."""
    with pytest.raises(Ambiguous) as raised:
        job.run()
    assert raised.value.hint


def test_video_is_found_by_its_file_name(control: Sandbox, job: Job) -> None:
    published = job.carry_through()
    assert published.post_id == live_id(control)
    assert job.errors == []
    assert control.call_names()[-5:] == [QUERY, CHANNELS, LIST, VIDEOS, VIDEOS]


def test_same_video_of_another_job_does_not_match(
    control: Sandbox, job: Job, account: dict[str, Any]
) -> None:
    ours = live_id(control)
    other = make_job(
        control, job.source.data, draft=replace(DRAFT, marker="01OTHER"), account=account
    )
    other.run()
    assert len(control.posts()) == 2
    control.advance(10)
    assert job.carry_through().post_id == ours


def test_video_is_found_under_another_title(control: Sandbox, job: Job) -> None:
    video_id = live_id(control)
    show(control, described(video_id, title="Edited since", fileName="01JOB.mp4"))
    assert isinstance(job.run(), Processing)
    assert checkpoint(job).video_id == video_id


def test_video_that_is_not_listed_is_looked_for_twice(control: Sandbox, job: Job) -> None:
    delete_video(control, job, live_id(control))
    assert job.run() == Processing(300.0)
    control.advance(100)
    again = job.run()
    assert isinstance(again, Processing) and 190 < again.next_poll_seconds <= 200
    control.advance(again.next_poll_seconds + 1)
    assert_ambiguous(job)


def test_video_that_is_listed_late_is_found(control: Sandbox, job: Job) -> None:
    control.fault("YOUTUBE", LIST, "error", status=200, body={"items": []})
    assert job.run() == Processing(300.0)
    control.advance(300)
    assert job.carry_through().post_id == live_id(control)


def test_channel_without_any_list_counts_as_not_listed(control: Sandbox, job: Job) -> None:
    control.fault("YOUTUBE", LIST, "error", code="playlistNotFound")
    assert job.run() == Processing(300.0)


def test_post_owned_by_another_job_never_matches(control: Sandbox, job: Job) -> None:
    job.is_known_post = {live_id(control)}.__contains__
    assert job.run() == Processing(300.0)
    control.advance(301)
    assert_ambiguous(job)
    assert VIDEOS not in control.call_names()


def test_older_video_never_matches(control: Sandbox, job: Job) -> None:
    upload = checkpoint(job)
    job.journal.save(replace(upload, opened_at=upload.opened_at + 3600))
    assert job.run() == Processing(300.0)
    assert VIDEOS not in control.call_names()


def test_nameless_video_is_found_by_title_and_size(control: Sandbox, job: Job) -> None:
    video_id = live_id(control)
    show(control, described(video_id, fileSize=str(len(job.source.data))))
    assert isinstance(job.run(), Processing)
    assert checkpoint(job).video_id == video_id


@pytest.mark.parametrize(
    "details", [{"fileSize": "1"}, {"fileSize": 1}, {"fileName": "other.mp4", "fileSize": "1"}]
)
def test_nameless_video_of_another_size_does_not_match(
    control: Sandbox, job: Job, details: dict[str, Any]
) -> None:
    show(control, described(live_id(control), **details))
    assert job.run() == Processing(300.0)
    assert checkpoint(job).video_id is None


def test_two_matching_videos_are_left_to_a_person(
    control: Sandbox, job: Job, account: dict[str, Any]
) -> None:
    make_job(control, job.source.data, account=account).run()
    ids = [post["id"] for post in control.posts()]
    assert len(ids) == 2
    size = str(len(job.source.data))
    show(control, *(described(video_id, fileSize=size) for video_id in ids))
    assert_ambiguous(job)


def test_video_without_details_is_waited_for_but_not_forever(control: Sandbox, job: Job) -> None:
    show(control, described(live_id(control)), times=2)
    assert job.run() == Processing(300.0)
    control.advance(DETAILS_LIMIT_SECONDS)
    assert_ambiguous(job)


def test_list_is_read_page_by_page_back_to_the_upload(
    control: Sandbox, job: Job, account: dict[str, Any]
) -> None:
    ours = live_id(control)
    for number in range(PAGE_VIDEOS):
        draft = replace(DRAFT, marker=f"01OTHER{number}", title=f"Other {number}")
        make_job(control, b"not a video", draft=draft, account=account).run()
    control.advance(10)
    assert isinstance(job.run(), Processing)
    assert checkpoint(job).video_id == ours
    assert len(control.calls(LIST)) == 2


@pytest.mark.parametrize("call", [CHANNELS, LIST, VIDEOS])
@pytest.mark.parametrize("code", ["insufficientPermissions", "forbidden", "badRequest"])
def test_refused_search_leaves_it_to_a_person(
    control: Sandbox, job: Job, call: str, code: str
) -> None:
    control.fault("YOUTUBE", call, "error", code=code)
    assert_ambiguous(job)


def test_channel_that_is_gone_leaves_it_to_a_person(control: Sandbox, job: Job) -> None:
    control.fault("YOUTUBE", CHANNELS, "error", status=200, body={"items": []})
    assert_ambiguous(job)


@pytest.mark.parametrize("call", [CHANNELS, LIST, VIDEOS])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("authError", TokenExpired),
        ("quotaExceeded", RateLimited),
        ("backendError", Transient),
    ],
)
def test_refused_search_that_may_pass_is_repeated(
    control: Sandbox, job: Job, call: str, code: str, error: type[Exception]
) -> None:
    control.fault("YOUTUBE", call, "error", code=code)
    with pytest.raises(error):
        job.run()
    assert job.carry_through().post_id == live_id(control)


@pytest.mark.parametrize("kind", ["lost_answer", "garbage", "empty"])
@pytest.mark.parametrize("call", [CHANNELS, LIST, VIDEOS])
def test_failed_search_is_repeated(control: Sandbox, job: Job, call: str, kind: str) -> None:
    control.fault("YOUTUBE", call, kind)
    assert job.carry_through().post_id == live_id(control)
    assert len(job.errors) == 1


@pytest.mark.parametrize("code", ["badRequest", "sessionRange", "sessionNotFound"])
def test_session_that_refuses_its_status_is_reconciled(
    control: Sandbox, video: bytes, account: dict[str, Any], code: str
) -> None:
    job = make_job(control, video, account=account)
    control.fault("YOUTUBE", UPLOAD, "lost_answer")
    with pytest.raises(OutcomeUnknown):
        job.run()
    control.fault("YOUTUBE", QUERY, "error", code=code)
    control.advance(10)
    assert job.carry_through().post_id == live_id(control)
    assert LIST in control.call_names()
