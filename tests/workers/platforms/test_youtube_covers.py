"""The cover chosen by the owner, and the channel's maximum duration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.workers.platforms.support import Sandbox
from tests.workers.platforms.youtube_job import CHANNELS, DRAFT, SESSION, checkpoint, make_job
from workers.errors import TokenExpired, VideoRefused
from workers.platforms.youtube.covers import COVER_TRIES
from workers.platforms.youtube.upload import COVER_SET

THUMBNAIL = "youtube.thumbnail"
JPEG = b"\xff\xd8\xff\xe0 a picture"
CHOSEN = replace(DRAFT, options={"coverTimestampMs": 1500})


def test_chosen_cover_is_set_once(control: Sandbox, video: bytes) -> None:
    asked: list[int] = []
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: asked.append(at_ms) or JPEG
    published = job.carry_through()
    assert (published.warnings, asked) == ((), [1500])
    [call] = control.calls(THUMBNAIL)
    assert call["status"] == 200
    assert checkpoint(job).cover == "set"


def test_no_cover_is_set_unless_one_was_chosen(control: Sandbox, video: bytes) -> None:
    make_job(control, video).carry_through()
    assert control.calls(THUMBNAIL) == []


def test_cover_of_a_run_that_died_is_set_by_the_next(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: JPEG
    job.run()
    job.journal.upload = replace(checkpoint(job), cover="")
    job.carry_through()
    assert len(control.calls(THUMBNAIL)) == 2  # the same twice, which does no harm


@pytest.mark.parametrize(
    ("account", "image", "word"),
    [({"phone_verified": False}, JPEG, "forbidden"), ({}, None, "no frame")],
)
def test_trouble_with_the_cover_is_a_warning(
    control: Sandbox, video: bytes, account: dict[str, bool], image: bytes | None, word: str
) -> None:
    job = make_job(control, video, draft=CHOSEN, account=control.account("YOUTUBE", **account))
    job.cover = lambda at_ms: image
    published = job.carry_through()
    [warning] = published.warnings
    assert word in warning
    assert len(control.posts()) == 1


PASSING: dict[str, dict[str, Any]] = {
    "server": {"kind": "error", "code": "backendError"},
    "page": {"kind": "garbage", "status": 401},
    "lost": {"kind": "lost_answer"},
    "lag": {"kind": "error", "code": "videoNotFound"},
    "limit": {"kind": "error", "code": "uploadRateLimitExceeded"},
}


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_with_the_cover_that_passes_leaves_no_trace(
    control: Sandbox, video: bytes, trouble: str
) -> None:
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: JPEG
    control.fault("YOUTUBE", THUMBNAIL, **PASSING[trouble])
    assert job.carry_through().warnings == ()
    assert len(control.calls(THUMBNAIL)) == 2
    assert checkpoint(job).cover == COVER_SET


def test_cover_is_tried_a_few_times_while_the_video_is_processed(
    control: Sandbox, video: bytes
) -> None:
    control.settings(processing_seconds=600)
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: JPEG
    control.fault("YOUTUBE", THUMBNAIL, "error", code="backendError", times=99)
    published = job.carry_through(runs=100)
    [warning] = published.warnings
    assert "backendError" in warning
    assert len(control.calls(THUMBNAIL)) == COVER_TRIES


def test_token_refused_for_the_cover_is_refreshed_once_and_then_only_a_warning(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: JPEG
    control.fault("YOUTUBE", THUMBNAIL, "error", code="authError", times=99)
    with pytest.raises(TokenExpired):
        job.run()
    published = job.carry_through(runs=100)
    [warning] = published.warnings
    assert "authError" in warning
    assert len(control.calls(THUMBNAIL)) <= COVER_TRIES
    assert len(control.posts()) == 1


def test_token_that_expired_before_the_cover_is_only_refreshed(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: JPEG
    control.fault("YOUTUBE", THUMBNAIL, "error", code="authError")
    with pytest.raises(TokenExpired):
        job.run()
    assert job.carry_through().warnings == ()
    assert checkpoint(job).cover == COVER_SET


def test_cover_that_failed_for_good_is_tried_once(control: Sandbox, video: bytes) -> None:
    account = control.account("YOUTUBE", phone_verified=False)
    job = make_job(control, video, draft=CHOSEN, account=account)
    job.cover = lambda at_ms: JPEG
    job.carry_through()
    assert len(control.calls(THUMBNAIL)) == 1


def test_chosen_cover_that_was_never_tried_is_a_warning(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, draft=CHOSEN)
    job.cover = lambda at_ms: JPEG
    job.run()
    untried = replace(checkpoint(job), cover="")
    known = job.handler.published_if_known(CHOSEN, untried)
    assert known is not None and known.warnings == ("the cover was not set",)
    assert job.handler.published_if_known(DRAFT, untried).warnings == ()


def test_long_video_is_refused_before_a_byte_is_sent(control: Sandbox, video: bytes) -> None:
    account = control.account("YOUTUBE", long_uploads=False)
    job = make_job(control, video, account=account, draft=replace(DRAFT, duration_seconds=901.0))
    with pytest.raises(VideoRefused, match="900 s"):
        job.run()
    assert control.calls(SESSION) == []
    assert job.journal.limits == [900]


def test_verified_channel_may_have_long_videos(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, draft=replace(DRAFT, duration_seconds=901.0))
    job.run()
    assert job.journal.limits == [12 * 3600]
    assert len(control.calls(CHANNELS)) == 1
