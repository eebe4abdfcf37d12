"""TikTok uploads that cannot be completed: every wait ends, and none opens a second upload."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workers.platforms.support import Sandbox, assert_live_once, error_of_run, lengthened
from tests.workers.platforms.tiktok_job import (
    INIT,
    LONG_BYTES,
    STATUS,
    UPLOAD,
    checkpoint,
    make_job,
    opened,
    ranges,
    received_bytes,
)
from workers.errors import (
    Ambiguous,
    OutcomeUnknown,
    PublishError,
    RequestRefused,
    ResponseLost,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.results import Processing
from workers.platforms.tiktok.judging import PROCESSING_LIMIT_SECONDS
from workers.platforms.tiktok.sending import REWINDS_MAX
from workers.platforms.tiktok.upload import CHUNK_BYTES, SETTLE_SECONDS

#: What it is where the upload's end was never sent.
WITHHELD: dict[str, type[PublishError]] = {
    "invalid_publish_id": UploadGone,
    "token_not_authorized_for_specified_publish_id": RequestRefused,
}


def test_responses_without_an_offset_do_not_stop_an_upload_that_advances(
    control: Sandbox, video: bytes
) -> None:
    data = lengthened(video, LONG_BYTES)
    times = REWINDS_MAX + 2
    control.fault("TIKTOK", UPLOAD, "error", status=206, body="", after_work=True, times=times)
    job = make_job(control, data)
    job.carry_through()
    assert job.errors == []
    assert control.call_names().count(STATUS) >= times
    assert received_bytes(control) == LONG_BYTES
    assert_live_once(control, data)


def test_refused_offset_within_a_chunk_is_resent_from_its_start(
    control: Sandbox, video: bytes
) -> None:
    data = lengthened(video, LONG_BYTES)
    control.fault("TIKTOK", UPLOAD, "cut", skip=1, after_bytes=3_000_001)
    control.fault("TIKTOK", UPLOAD, "error", code="upload_out_of_range")
    job = make_job(control, data)
    error_of_run(job)
    job.carry_through()
    assert ranges(control)[3] == f"bytes {CHUNK_BYTES}-{2 * CHUNK_BYTES - 1}/{LONG_BYTES}"
    assert_live_once(control, data)


def test_upload_stalled_before_the_last_byte_may_be_retried(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, LONG_BYTES)
    control.fault("TIKTOK", UPLOAD, "error", code="upload_out_of_range", times=REWINDS_MAX + 1)
    job = make_job(control, data)
    error = error_of_run(job)
    assert (type(error), error.code) == (Transient, "upload_stalled")
    job.carry_through()
    assert_live_once(control, data)


def test_refused_headers_end_an_upload_whose_last_byte_was_never_sent(
    control: Sandbox, video: bytes
) -> None:
    control.fault("TIKTOK", UPLOAD, "error", code="upload_bad_request")
    error = error_of_run(make_job(control, lengthened(video, LONG_BYTES)))
    assert type(error) is RequestRefused and error.upload_is_dead


def test_last_chunk_refused_although_it_was_taken_is_not_sent_as_another_post(
    control: Sandbox, video: bytes
) -> None:
    """TikTok takes the bytes, answers 400, and does not count them until later."""
    behind = {"data": {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}, "error": {"code": "ok"}}
    control.fault("TIKTOK", UPLOAD, "error", code="upload_bad_request", after_work=True)
    control.fault("TIKTOK", STATUS, "error", status=200, body=behind)
    job = make_job(control, video)
    error = error_of_run(job)
    assert type(error) is RequestRefused and not error.upload_is_dead
    job.carry_through()  # a person's retry goes on from the checkpoint
    assert control.call_names().count(INIT) == 1
    assert_live_once(control, video)


def test_refused_headers_after_an_earlier_last_byte_wait_until_the_url_expires(
    control: Sandbox, video: bytes
) -> None:
    data = lengthened(video, 8_000_003)
    control.fault("TIKTOK", UPLOAD, "cut", after_bytes=1_000_000)
    control.fault("TIKTOK", UPLOAD, "error", code="upload_bad_request", times=2)
    job = make_job(control, data)
    assert type(error_of_run(job)) is ResponseLost
    error = error_of_run(job)
    assert (type(error), error.code) == (OutcomeUnknown, "upload_bad_request")
    control.advance(3600 + SETTLE_SECONDS)
    job.carry_through()
    assert [type(error) for error in job.errors] == [UploadGone]
    assert_live_once(control, data)


@pytest.mark.parametrize("code", WITHHELD)
def test_refused_status_before_the_last_byte_proves_the_upload_dead(
    control: Sandbox, video: bytes, code: str
) -> None:
    job = opened(make_job(control, video))
    control.fault("TIKTOK", STATUS, "error", code=code)
    error = error_of_run(job)
    assert (type(error), error.code, error.upload_is_dead) == (WITHHELD[code], code, True)
    job.journal.upload = None  # the next attempt, or a person's retry, opens another
    job.carry_through()
    assert_live_once(control, video)


@pytest.mark.parametrize("code", WITHHELD)
def test_refused_status_while_sending_follows_the_same_rule(
    control: Sandbox, video: bytes, code: str
) -> None:
    job = opened(make_job(control, video))
    control.fault("TIKTOK", STATUS, "error", code=code, times=2)
    begun = replace(checkpoint(job), is_fresh=False)
    with pytest.raises(WITHHELD[code]) as raised:
        job.handler.send(job.context, begun)
    assert raised.value.upload_is_dead
    ended = replace(begun, final_started_at=control.now().timestamp())
    with pytest.raises(OutcomeUnknown) as doubt:
        job.handler.send(job.context, ended)
    assert not doubt.value.upload_is_dead
    assert control.calls(UPLOAD) == []


@pytest.mark.parametrize("was_complete", [False, True])
def test_replaced_video_ends_only_an_upload_whose_last_byte_was_never_sent(
    control: Sandbox, video: bytes, was_complete: bool
) -> None:
    upload = checkpoint(opened(job := make_job(control, video)))
    if was_complete:
        upload = replace(upload, is_fresh=False, final_started_at=control.now().timestamp())
    job.source.data = video + b"more"
    with pytest.raises(VideoRefused) as raised:
        job.handler.send(job.context, upload)
    assert raised.value.upload_is_dead is not was_complete


@pytest.mark.parametrize(
    "data",
    [
        {"status": "PROCESSING_DOWNLOAD"},
        {"status": "A_NEW_STATUS"},
        {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 10**12},
    ],
)
def test_inconclusive_status_is_left_to_a_person_in_the_end(
    control: Sandbox, video: bytes, data: dict[str, object]
) -> None:
    job = opened(make_job(control, video))
    body = {"data": data, "error": {"code": "ok"}}
    control.fault("TIKTOK", STATUS, "error", status=200, body=body, times=2)
    assert isinstance(job.run(), Processing)
    control.advance(PROCESSING_LIMIT_SECONDS)
    error = error_of_run(job)
    assert (type(error), error.code) == (Ambiguous, "processing_too_long")
    assert control.call_names().count(INIT) == 1
