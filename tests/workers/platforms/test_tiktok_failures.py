"""The TikTok handler when things break: resumption to the byte, lost answers, nothing twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.workers.platforms.support import Sandbox, assert_live_once, error_of_run, lengthened
from tests.workers.platforms.tiktok_job import (
    CREATOR,
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
    NetworkFailure,
    OutcomeUnknown,
    RateLimited,
    RequestRefused,
    ResponseLost,
    TokenExpired,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.results import Incomplete, Processing, Published
from workers.platforms.tiktok.judging import PROCESSING_LIMIT_SECONDS
from workers.platforms.tiktok.upload import CHUNK_BYTES, RESEND_SECONDS, SETTLE_SECONDS


def test_cut_chunk_is_resumed_at_the_exact_byte(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, LONG_BYTES)
    control.fault("TIKTOK", UPLOAD, "cut", skip=1, after_bytes=3_000_001)
    job = make_job(control, data)
    assert type(error_of_run(job)) is NetworkFailure
    assert job.source.open_streams == 0
    kept = CHUNK_BYTES + 3_000_001
    assert job.handler.poll(job.context, checkpoint(job)) == Incomplete(kept)
    job.carry_through()
    assert ranges(control)[2] == f"bytes {kept}-{2 * CHUNK_BYTES - 1}/{LONG_BYTES}"
    assert received_bytes(control) == LONG_BYTES
    assert_live_once(control, data)


def test_cut_final_chunk_is_read_and_then_resumed(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, 8_000_003)
    control.fault("TIKTOK", UPLOAD, "cut", after_bytes=5_000_001)
    job = make_job(control, data)
    assert type(error_of_run(job)) is ResponseLost
    assert checkpoint(job).final_started_at is not None
    before = len(control.calls())
    job.carry_through()
    assert control.call_names()[before] == STATUS
    assert ranges(control)[-1] == f"bytes 5000001-{len(data) - 1}/{len(data)}"
    assert received_bytes(control) == len(data)
    assert control.call_names().count(INIT) == 1
    assert_live_once(control, data)


def test_store_that_breaks_off_is_resumed(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, 8_000_003)
    job = make_job(control, data)
    job.source.ends_at = len(data) - 1000
    assert error_of_run(job).code == "source_ended_early"
    assert job.source.open_streams == 0
    job.source.ends_at = None
    job.carry_through()
    assert_live_once(control, data)


@pytest.mark.parametrize("call", [CREATOR, INIT, UPLOAD, STATUS])
@pytest.mark.parametrize("times", [1, 3])
def test_lost_answer_is_followed_by_a_read_and_publishes_once(
    control: Sandbox, video: bytes, call: str, times: int
) -> None:
    job = make_job(control, video)
    control.fault("TIKTOK", call, "lost_answer", times=times)
    job.carry_through()
    names = control.call_names()
    lost = [entry["status"] for entry in control.calls()].index(None)
    assert names[lost + 1] in (STATUS, CREATOR)
    assert control.calls(UPLOAD)[-1]["bytes"] == received_bytes(control) == len(video)
    assert_live_once(control, video)


@pytest.mark.parametrize("skip", [1, 4])
def test_lost_answer_to_a_chunk_is_not_sent_again(
    control: Sandbox, video: bytes, skip: int
) -> None:
    data = lengthened(video, LONG_BYTES)
    control.fault("TIKTOK", UPLOAD, "lost_answer", skip=skip)
    job = make_job(control, data)
    assert type(error_of_run(job)) is NetworkFailure
    job.carry_through()
    assert received_bytes(control) == LONG_BYTES
    assert_live_once(control, data)


def test_lost_final_answer_is_settled_by_reads_alone(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", UPLOAD, "lost_answer")
    job = make_job(control, video)
    assert type(error_of_run(job)) is ResponseLost
    job.carry_through()
    assert set(control.call_names()[3:]) == {STATUS}
    assert_live_once(control, video)


@pytest.mark.parametrize("at", ["save", "commit"])
def test_worker_that_dies_after_the_last_byte_publishes_once(
    control: Sandbox, video: bytes, at: str
) -> None:
    job = make_job(control, video)
    job.run()
    fields = next(fields for kind, fields in job.journal.saved if kind == at)
    job.journal.upload = type(checkpoint(job)).load(fields)  # nothing later was stored
    job.carry_through()
    assert control.call_names().count(INIT) == 1
    assert received_bytes(control) == len(video)
    assert_live_once(control, video)


def test_live_post_that_was_not_recorded_is_read_again(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    published = job.carry_through()
    before = len(control.calls())
    assert job.run() == published  # the worker died before it could record what it saw
    assert set(control.call_names()[before:]) == {STATUS}
    assert_live_once(control, video)


def test_send_called_again_sends_nothing_that_is_there(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.run()
    job.handler.send(job.context, checkpoint(job))
    job.handler.send(job.context, replace(checkpoint(job), delivered_at=None))
    assert received_bytes(control) == len(video)
    control.advance(5)
    assert_live_once(control, video)


@pytest.mark.parametrize("kind", ["garbage", "empty"])
@pytest.mark.parametrize("after_work", [False, True])
@pytest.mark.parametrize("call", [CREATOR, INIT, UPLOAD, STATUS])
def test_useless_response_publishes_once_in_the_end(
    control: Sandbox, video: bytes, call: str, kind: str, after_work: bool
) -> None:
    job = make_job(control, video)
    control.fault("TIKTOK", call, kind, after_work=after_work)
    job.carry_through()
    assert isinstance(job.errors[0], OutcomeUnknown if call == UPLOAD else Transient)
    assert_live_once(control, video)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("after_work", [False, True])
@pytest.mark.parametrize("call", [CREATOR, INIT, UPLOAD, STATUS])
def test_server_error_is_recovered_from(
    control: Sandbox, video: bytes, call: str, after_work: bool, status: int
) -> None:
    control.fault(
        "TIKTOK", call, "error", status=status, body="upstream error", after_work=after_work
    )
    job = make_job(control, video)
    job.carry_through()
    assert [error.code for error in job.errors] == [f"http_{status}"]
    assert_live_once(control, video)


def test_expired_token_while_processing_keeps_the_publish(control: Sandbox, video: bytes) -> None:
    account = control.account("TIKTOK")
    job = make_job(control, video, account=account)
    job.run()
    control.post(f"/accounts/{account['platformUserId']}/expire-token")
    assert isinstance(error_of_run(job), TokenExpired)
    tokens = job.handler.refresh(job.access, account["refreshToken"])
    job.access = replace(job.access, token=tokens.access_token)
    job.carry_through()
    assert control.call_names().count(INIT) == 1
    assert_live_once(control, video)


@pytest.mark.parametrize("call", [CREATOR, INIT, UPLOAD, STATUS])
def test_rate_limit_obeys_retry_after(control: Sandbox, video: bytes, call: str) -> None:
    if call == UPLOAD:
        control.fault("TIKTOK", call, "error", status=429, body="", retry_after=123)
    else:
        control.fault("TIKTOK", call, "retry_after", retry_after=123)
    job = make_job(control, video)
    if call == STATUS:
        job.run()
    before = control.now()
    error = error_of_run(job)
    assert isinstance(error, RateLimited) and not error.application_wide
    assert before <= error.retry_at - timedelta(seconds=123) <= control.now()
    job.carry_through()
    assert_live_once(control, video)


def test_rate_limit_without_a_time_waits_a_minute_and_a_bit(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", INIT, "error", code="rate_limit_exceeded")
    before = control.now()
    error = error_of_run(make_job(control, video))
    assert isinstance(error, RateLimited)
    minute, jitter = timedelta(seconds=60), timedelta(seconds=15)
    assert before + minute <= error.retry_at <= control.now() + minute + jitter


@pytest.mark.parametrize("code", ["upload_url_expired", "upload_not_found"])
def test_refused_url_of_an_incomplete_upload_is_checked_and_replaced(
    control: Sandbox, video: bytes, code: str
) -> None:
    control.fault("TIKTOK", UPLOAD, "error", code=code)
    job = make_job(control, video)
    job.carry_through()
    assert [type(error) for error in job.errors] == [UploadGone]
    assert control.call_names()[:5] == [CREATOR, INIT, UPLOAD, STATUS, CREATOR]
    assert_live_once(control, video)


@pytest.mark.parametrize("code", ["upload_url_expired", "upload_not_found", "upload_bad_request"])
def test_refused_url_of_a_complete_upload_is_never_reopened(
    control: Sandbox, video: bytes, code: str
) -> None:
    control.fault("TIKTOK", UPLOAD, "error", code=code, after_work=True)
    job = make_job(control, video)
    job.carry_through()
    assert job.errors == []
    assert control.call_names()[:4] == [CREATOR, INIT, UPLOAD, STATUS]
    assert control.call_names().count(INIT) == 1
    assert_live_once(control, video)


def test_refused_url_after_an_earlier_end_waits_until_the_url_expires(
    control: Sandbox, video: bytes
) -> None:
    data = lengthened(video, 8_000_003)
    control.fault("TIKTOK", UPLOAD, "cut", after_bytes=1_000_000)
    control.fault("TIKTOK", UPLOAD, "error", code="upload_not_found")
    job = make_job(control, data)
    assert type(error_of_run(job)) is ResponseLost
    error = error_of_run(job)
    assert (type(error), error.code) == (OutcomeUnknown, "upload_url_refused")
    control.advance(3600)
    assert isinstance(job.run(), Processing)
    control.advance(SETTLE_SECONDS)
    job.carry_through()
    assert [type(error) for error in job.errors] == [UploadGone]
    assert control.call_names().count(INIT) == 2
    assert_live_once(control, data)


@pytest.mark.parametrize("code", ["upload_url_expired", "upload_not_found"])
def test_upload_url_refused_repeatedly_after_the_last_byte_waits_until_it_expires(
    control: Sandbox, video: bytes, code: str
) -> None:
    """The upload may still be completed, so no other is opened; and no wait is an error."""
    data = lengthened(video, 8_000_003)
    control.fault("TIKTOK", UPLOAD, "cut", after_bytes=1_000_000)
    control.fault("TIKTOK", UPLOAD, "error", code=code, times=3)
    job = make_job(control, data)
    assert type(error_of_run(job)) is ResponseLost
    for seconds in (10, 10, RESEND_SECONDS):
        error = error_of_run(job)
        assert (type(error), error.code) == (OutcomeUnknown, "upload_url_refused")
        control.advance(seconds)
    over_at = checkpoint(job).expires_at + SETTLE_SECONDS
    while control.now().timestamp() < over_at:
        found = job.run()
        assert isinstance(found, Processing)
        control.advance(60 * found.next_poll_seconds)
    assert control.call_names().count(INIT) == 1
    assert len(control.calls(UPLOAD)) == 4
    job.carry_through()
    assert [type(error) for error in job.errors] == [UploadGone]
    assert control.call_names().count(INIT) == 2
    assert_live_once(control, data)


def test_upload_that_was_complete_is_found_live_although_its_url_was_refused(
    control: Sandbox, video: bytes
) -> None:
    control.fault("TIKTOK", UPLOAD, "error", status=416, body="", after_work=True)
    behind = {"data": {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 1}, "error": {"code": "ok"}}
    control.fault("TIKTOK", STATUS, "error", status=200, body=behind, times=4)
    job = make_job(control, video)
    error = error_of_run(job)
    assert (type(error), error.code) == (OutcomeUnknown, "upload_url_refused")
    control.advance(RESEND_SECONDS)
    assert isinstance(job.run(), Processing)
    job.carry_through()
    assert (job.errors, len(control.calls(UPLOAD))) == ([], 2)
    assert control.call_names().count(INIT) == 1
    assert_live_once(control, video)


@pytest.mark.parametrize("first", [206, 416])
def test_refused_url_after_an_end_of_this_very_run_opens_no_second_upload(
    control: Sandbox, video: bytes, first: int
) -> None:
    """TikTok took the last chunk, does not say so, and does not count it yet."""
    data = lengthened(video, LONG_BYTES)
    control.fault("TIKTOK", UPLOAD, "error", status=first, body="", after_work=True, skip=5)
    behind = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 5 * CHUNK_BYTES}
    body = {"data": behind, "error": {"code": "ok"}}
    control.fault("TIKTOK", STATUS, "error", status=200, body=body, times=2)
    job = make_job(control, data)
    job.carry_through()
    assert [(type(one), one.code) for one in job.errors] == [(OutcomeUnknown, "upload_url_refused")]
    assert [call["status"] for call in control.calls(UPLOAD)][5:] == [first, 404]
    assert control.call_names().count(INIT) == 1
    assert_live_once(control, data)


def test_wrong_offset_is_read_and_corrected(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, LONG_BYTES)
    control.fault("TIKTOK", UPLOAD, "error", code="upload_out_of_range", skip=2)
    job = make_job(control, data)
    job.carry_through()
    assert job.errors == []
    names = control.call_names()
    assert names[4:7] == [UPLOAD, STATUS, UPLOAD]
    assert ranges(control)[3] == f"bytes 20000000-29999999/{LONG_BYTES}"
    assert_live_once(control, data)


def test_stalled_upload_ends_the_run(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", UPLOAD, "error", code="upload_out_of_range", times=4)
    job = make_job(control, video)
    error = error_of_run(job)
    assert (type(error), error.code) == (OutcomeUnknown, "upload_stalled")
    job.carry_through()
    assert_live_once(control, video)


def test_refused_part_of_a_chunk_is_resent_from_its_start(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, 8_000_003)
    control.fault("TIKTOK", UPLOAD, "cut", after_bytes=1_000_000)
    control.fault("TIKTOK", UPLOAD, "error", code="upload_bad_request")
    job = make_job(control, data)
    job.carry_through()
    assert [type(error) for error in job.errors] == [ResponseLost]
    assert ranges(control)[-1] == f"bytes 0-{len(data) - 1}/{len(data)}"
    assert_live_once(control, data)


def test_refused_chunk_is_final(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", UPLOAD, "error", code="upload_bad_request")
    error = error_of_run(make_job(control, video))
    assert (type(error), error.code) == (RequestRefused, "upload_bad_request")
    assert control.call_names()[-1] == STATUS
    assert control.posts() == []


def test_response_with_a_wrong_count_is_checked_by_a_read(control: Sandbox, video: bytes) -> None:
    data = lengthened(video, LONG_BYTES)
    # The chunk is taken, and the answer does not say how far the upload is.
    control.fault("TIKTOK", UPLOAD, "error", status=206, body="", after_work=True)
    job = make_job(control, data)
    job.carry_through()
    assert control.call_names()[2:5] == [UPLOAD, STATUS, UPLOAD]
    assert received_bytes(control) == LONG_BYTES
    assert_live_once(control, data)


def test_replaced_video_is_never_mixed_with_the_first(control: Sandbox, video: bytes) -> None:
    job = opened(make_job(control, video))
    job.source.data = video + b"more"
    error = error_of_run(job)
    assert (type(error), error.code) == (VideoRefused, "video_changed")
    assert control.calls(UPLOAD) == []


@pytest.mark.parametrize("reason", ["internal", "video_pull_failed"])
def test_failure_that_may_pass_opens_a_new_upload(
    control: Sandbox, video: bytes, reason: str
) -> None:
    control.fault("TIKTOK", None, "fail_processing", reason=reason)
    job = make_job(control, video)
    job.carry_through()
    assert [(type(error), error.code) for error in job.errors] == [(UploadGone, reason)]
    assert control.call_names().count(INIT) == 2
    assert_live_once(control, video)


def test_daily_cap_met_while_processing_is_waited_for_before_another_upload(
    control: Sandbox, video: bytes
) -> None:
    control.fault("TIKTOK", None, "fail_processing", reason="spam_risk_too_many_posts")
    job = make_job(control, video)
    job.carry_through()
    assert [type(error) for error in job.errors] == [RateLimited, UploadGone]
    assert_live_once(control, video)


def test_processing_without_end_is_left_to_a_person(control: Sandbox, video: bytes) -> None:
    control.fault("TIKTOK", None, "stuck_processing")
    job = make_job(control, video)
    job.run()
    control.advance(PROCESSING_LIMIT_SECONDS - 60)
    assert isinstance(job.run(), Processing)
    control.advance(120)
    error = error_of_run(job)
    assert (type(error), error.code) == (Ambiguous, "processing_too_long")
    assert not error.upload_is_dead
    assert control.call_names().count(INIT) == 1


def test_processing_that_ends_after_a_person_was_asked_is_still_found(
    control: Sandbox, video: bytes
) -> None:
    control.fault("TIKTOK", None, "stuck_processing", seconds=3 * 3600)
    job = make_job(control, video)
    job.run()
    control.advance(PROCESSING_LIMIT_SECONDS + 60)
    assert isinstance(error_of_run(job), Ambiguous)
    control.advance(3600)
    assert isinstance(job.run(), Published)
    assert_live_once(control, video)
