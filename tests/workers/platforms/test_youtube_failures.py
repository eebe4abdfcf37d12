"""The YouTube handler under faults: exact resumption, lost responses, no second video."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sandbox.youtube.errors import FAIL_REASONS, FAILURES, REJECTIONS
from tests.workers.platforms.support import Sandbox, assert_live_once, error_of_run
from tests.workers.platforms.youtube_job import (
    CHANNELS,
    LIST,
    QUERY,
    READS,
    SESSION,
    UPLOAD,
    VIDEOS,
    checkpoint,
    make_job,
    ranges,
    received_bytes,
)
from workers.errors import (
    NetworkFailure,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    ResponseLost,
    TokenExpired,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.results import Incomplete, Processing
from workers.platforms.youtube import codes
from workers.platforms.youtube.refusals import quota_resets_at
from workers.platforms.youtube.upload import CHUNK_BYTES, SESSION_LIMIT_SECONDS


def test_cut_chunk_is_resumed_at_the_exact_byte(control: Sandbox, long_video: bytes) -> None:
    control.fault("YOUTUBE", UPLOAD, "cut", skip=1, after_bytes=3_000_001)
    job = make_job(control, long_video)
    assert type(error_of_run(job)) is NetworkFailure
    assert job.source.open_streams == 0
    kept = CHUNK_BYTES + 3_000_001
    found = job.handler.poll(job.context, checkpoint(job))
    assert found == Incomplete(kept)
    job.carry_through()
    assert ranges(control)[2] == f"bytes {kept}-{kept + CHUNK_BYTES - 1}/{len(long_video)}"
    assert received_bytes(control) == len(long_video)
    assert_live_once(control, long_video)


def test_cut_final_chunk_is_read_and_then_resumed(control: Sandbox, long_video: bytes) -> None:
    control.fault("YOUTUBE", UPLOAD, "cut", skip=2, after_bytes=1000)
    job = make_job(control, long_video)
    assert type(error_of_run(job)) is ResponseLost
    assert checkpoint(job).final_started_at is not None
    before = len(control.calls())
    job.carry_through()
    assert control.call_names()[before] == QUERY
    first = 2 * CHUNK_BYTES + 1000
    assert ranges(control)[-1] == f"bytes {first}-{len(long_video) - 1}/{len(long_video)}"
    assert received_bytes(control) == len(long_video)
    assert_live_once(control, long_video)


def test_store_that_breaks_off_is_resumed(control: Sandbox, long_video: bytes) -> None:
    job = make_job(control, long_video)
    job.source.ends_at = len(long_video) - 1000
    assert error_of_run(job).code == "source_ended_early"
    assert job.source.open_streams == 0
    job.source.ends_at = None
    job.carry_through()
    assert_live_once(control, long_video)


@pytest.mark.parametrize(
    ("call", "skip"),
    [(SESSION, 0), (UPLOAD, 0), (UPLOAD, 1), (UPLOAD, 2), (QUERY, 0), (VIDEOS, 0)],
)
def test_lost_answer_is_followed_by_a_read_and_publishes_once(
    control: Sandbox, long_video: bytes, call: str, skip: int
) -> None:
    job = make_job(control, long_video)
    if call == QUERY:
        control.fault("YOUTUBE", UPLOAD, "lost_answer", skip=2)
        error_of_run(job)
    control.fault("YOUTUBE", call, "lost_answer", skip=skip)
    job.carry_through()
    names = control.call_names()
    lost = [entry["status"] for entry in control.calls()].index(None)
    following = names[lost + 1]
    assert following in READS or (names[lost], following) == (SESSION, SESSION)
    assert_live_once(control, long_video)
    assert received_bytes(control) == len(long_video)


def test_lost_final_answer_is_repeated_by_the_session(control: Sandbox, video: bytes) -> None:
    control.fault("YOUTUBE", UPLOAD, "lost_answer")
    job = make_job(control, video)
    assert type(error_of_run(job)) is ResponseLost
    found = job.run()
    assert isinstance(found, Processing)
    assert checkpoint(job).video_id == control.posts()[0]["id"]
    assert control.call_names() == [SESSION, UPLOAD, QUERY]


def test_id_that_was_not_stored_is_read_again(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.run()
    committed = dict(job.journal.saved)["commit"]
    job.journal.upload = type(checkpoint(job)).load(committed)  # the worker died before the save
    assert job.carry_through().post_id == control.posts()[0]["id"]
    assert_live_once(control, video)


@pytest.mark.parametrize("kind", ["garbage", "empty"])
@pytest.mark.parametrize("after_work", [False, True])
@pytest.mark.parametrize("call", [SESSION, UPLOAD, QUERY, VIDEOS])
def test_useless_response_publishes_once_in_the_end(
    control: Sandbox, video: bytes, call: str, kind: str, after_work: bool
) -> None:
    job = make_job(control, video)
    if call == QUERY:
        control.fault("YOUTUBE", UPLOAD, "lost_answer")
    control.fault("YOUTUBE", call, kind, after_work=after_work)
    job.carry_through()
    wanted = OutcomeUnknown if call in (UPLOAD, QUERY) else Transient
    assert isinstance(job.errors[-1], wanted)
    assert_live_once(control, video)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("call", [SESSION, UPLOAD, VIDEOS])
def test_server_error_is_recovered_from(
    control: Sandbox, video: bytes, call: str, status: int
) -> None:
    control.fault("YOUTUBE", call, "error", status=status, body="upstream error", times=2)
    job = make_job(control, video)
    job.carry_through()
    assert {error.code for error in job.errors} == {f"http_{status}"}
    assert_live_once(control, video)


def test_already_exists_at_the_opening_is_retried(control: Sandbox, video: bytes) -> None:
    control.fault("YOUTUBE", SESSION, "error", code="ALREADY_EXISTS")
    job = make_job(control, video)
    job.carry_through()
    assert [type(error) for error in job.errors] == [Transient]
    assert_live_once(control, video)


def test_expired_token_during_the_upload_keeps_the_session(
    control: Sandbox, long_video: bytes
) -> None:
    account = control.account("YOUTUBE")
    job = make_job(control, long_video, account=account)
    control.fault("YOUTUBE", UPLOAD, "error", skip=1, code="authError")
    assert isinstance(error_of_run(job), TokenExpired)
    control.post(f"/accounts/{account['platformUserId']}/expire-token")
    assert isinstance(error_of_run(job), TokenExpired)
    tokens = job.handler.refresh(job.access, account["refreshToken"])
    job.access = replace(job.access, token=tokens.access_token)
    job.carry_through()
    assert control.call_names().count(SESSION) == 1
    assert_live_once(control, long_video)


@pytest.mark.parametrize("call", [SESSION, UPLOAD, QUERY, VIDEOS])
def test_rate_limit_obeys_retry_after(control: Sandbox, video: bytes, call: str) -> None:
    job = make_job(control, video)
    if call == QUERY:
        control.fault("YOUTUBE", UPLOAD, "lost_answer")
        error_of_run(job)
    if call == VIDEOS:
        job.run()
    control.fault("YOUTUBE", call, "retry_after", retry_after=123)
    before = control.now()
    error = error_of_run(job)
    assert isinstance(error, RateLimited) and not error.application_wide
    assert before <= error.retry_at - timedelta(seconds=123) <= control.now()
    job.carry_through()
    assert_live_once(control, video)


@pytest.mark.parametrize("code", ["quotaExceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED"])
def test_daily_quota_pauses_everyone_until_midnight_pacific(
    control: Sandbox, video: bytes, code: str
) -> None:
    control.fault("YOUTUBE", SESSION, "error", code=code)
    error = error_of_run(make_job(control, video))
    assert isinstance(error, RateLimited)
    assert error.application_wide
    assert abs(error.retry_at - quota_resets_at(control.now())) < timedelta(minutes=1)


def test_used_up_daily_uploads_are_waited_for(control: Sandbox, video: bytes) -> None:
    control.settings(youtube_uploads_per_day=1)
    make_job(control, video).carry_through()
    job = make_job(control, video, account=control.account("YOUTUBE", token_seconds=200_000))
    job.carry_through()
    assert {error.code for error in job.errors} == {"quotaExceeded"}
    assert len(control.posts()) == 2


def test_channel_cap_pauses_this_account_alone_for_a_day(control: Sandbox, video: bytes) -> None:
    control.fault("YOUTUBE", SESSION, "error", code="uploadLimitExceeded")
    error = error_of_run(make_job(control, video))
    assert isinstance(error, RateLimited) and not error.application_wide
    assert timedelta(hours=23, minutes=59) < error.retry_at - control.now() <= timedelta(days=1)


@pytest.mark.parametrize("code", ["sessionNotFound", "sessionGone"])
def test_session_that_died_unfinished_is_reopened(
    control: Sandbox, long_video: bytes, code: str
) -> None:
    control.fault("YOUTUBE", UPLOAD, "error", skip=1, code=code)
    job = make_job(control, long_video)
    job.carry_through()
    assert [type(error) for error in job.errors] == [UploadGone]
    assert control.call_names().count(SESSION) == 2
    assert_live_once(control, long_video)


def test_unfinished_session_of_another_day_is_replaced(control: Sandbox, long_video: bytes) -> None:
    job = make_job(control, long_video, account=control.account("YOUTUBE", token_seconds=200_000))
    control.fault("YOUTUBE", UPLOAD, "cut", skip=1)
    error_of_run(job)
    control.advance(SESSION_LIMIT_SECONDS + 1)
    job.carry_through()
    assert [error.code for error in job.errors] == ["upload_session_old"]
    assert_live_once(control, long_video)


def test_session_that_moves_is_followed_and_stored(control: Sandbox, long_video: bytes) -> None:
    job = make_job(control, long_video)
    job.journal.save(job.handler.open(job.context))
    first_uri = checkpoint(job).session_uri
    control.fault("YOUTUBE", UPLOAD, "moved")
    job.journal.save(job.handler.send(job.context, checkpoint(job)))
    addresses = {fields["session_uri"] for _, fields in job.journal.saved}
    assert len(addresses) == 3 and first_uri in addresses  # the first, the second, none
    assert_live_once(control, long_video)


@pytest.mark.parametrize(
    "code", ["badRequest", "sessionRange", "sessionTooLarge", "sessionLengthRequired"]
)
def test_refused_bytes_are_read_once_and_then_final(
    control: Sandbox, video: bytes, code: str
) -> None:
    control.fault("YOUTUBE", UPLOAD, "error", code=code)
    job = make_job(control, video)
    error = error_of_run(job)
    assert isinstance(error, RequestRefused) and error.upload_is_dead
    assert control.call_names() == [SESSION, UPLOAD, QUERY]
    assert control.posts() == []


def test_bytes_refused_after_an_earlier_final_request_prove_nothing(
    control: Sandbox, video: bytes
) -> None:
    """The worker that sent them may only be paused, and its bytes still in flight."""
    control.fault("YOUTUBE", UPLOAD, "cut", after_bytes=1000)
    control.fault("YOUTUBE", UPLOAD, "error", code="sessionTooLarge")
    job = make_job(control, video)
    assert type(error_of_run(job)) is ResponseLost
    error = error_of_run(job)
    assert (type(error), error.code) == (OutcomeUnknown, "http_413")
    assert not error.upload_is_dead
    job.carry_through()
    assert control.call_names().count(SESSION) == 1
    assert_live_once(control, video)


def test_refused_bytes_that_had_arrived_after_all_are_published(
    control: Sandbox, video: bytes
) -> None:
    control.fault("YOUTUBE", UPLOAD, "error", code="sessionRange", after_work=True)
    job = make_job(control, video)
    job.carry_through()
    assert job.errors == []
    assert_live_once(control, video)


def test_replaced_file_is_never_mixed_into_an_upload(control: Sandbox, long_video: bytes) -> None:
    job = make_job(control, long_video)
    control.fault("YOUTUBE", UPLOAD, "cut", skip=1)
    error_of_run(job)
    job.source.data = long_video + b"another encoding"
    error = error_of_run(job)
    assert isinstance(error, VideoRefused) and error.upload_is_dead
    job.journal.upload = None  # a person's retry opens another
    job.carry_through()
    assert_live_once(control, job.source.data)


def test_replaced_file_after_the_final_request_is_refused(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    control.fault("YOUTUBE", UPLOAD, "cut", after_bytes=1000)
    error_of_run(job)
    job.source.data = video + b"another encoding"
    error = error_of_run(job)
    assert isinstance(error, VideoRefused) and not error.upload_is_dead


@pytest.mark.parametrize("reason", FAIL_REASONS)
def test_failed_processing_is_classified_by_its_reason(
    control: Sandbox, video: bytes, reason: str
) -> None:
    job = make_job(control, video)
    control.fault("YOUTUBE", None, "fail_processing", reason=reason)
    job.run()
    control.advance(10)
    error = error_of_run(job)
    if reason in FAILURES:
        verdict = codes.FAILURES[reason]
    elif reason in REJECTIONS:
        verdict = codes.REJECTIONS[reason]
    else:
        verdict = codes.PROCESSING_FAILURES[reason]
    assert (type(error), error.code, error.hint) == (verdict.error, reason, verdict.hint)
    assert error.upload_is_dead
    assert error.detail == verdict.reason or error.detail.endswith(f": {reason}")


CALLS = (SESSION, UPLOAD, QUERY, VIDEOS, CHANNELS, LIST)
WRONG_TYPES: list[Any] = [
    [],
    {"error": "text"},
    {"error": {"errors": "text", "status": 7}},
    {"error": {"errors": [1, {"reason": 2}], "code": "x"}},
    {"items": 3},
    {"items": [1]},
    {"items": [{"id": 5}]},
    {"id": 7, "status": []},
    {"error": {"errors": [{"reason": "x" * 500}]}},
]


@pytest.mark.parametrize("number", range(len(WRONG_TYPES)))
@pytest.mark.parametrize("call", CALLS)
def test_malformed_response_is_one_of_our_errors(control: Sandbox, call: str, number: int) -> None:
    # Every body meets every call and every status, but not every combination of the two.
    body = WRONG_TYPES[number]
    status = (200, 400, 403, 404, 429, 500)[(number + CALLS.index(call)) % 6]
    job = make_job(control, b"not much of a video")
    if call in (QUERY, CHANNELS, LIST):
        control.fault("YOUTUBE", UPLOAD, "lost_answer")
    if call in (CHANNELS, LIST):
        control.fault("YOUTUBE", QUERY, "error", code="sessionGone")
    control.fault("YOUTUBE", call, "error", status=status, body=body)
    for _ in range(3):
        try:
            job.run()
        except PublishError as error:
            assert len(error.code) <= 100
            assert "http://" not in str(error)
