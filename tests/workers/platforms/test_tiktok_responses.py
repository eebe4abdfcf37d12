"""The TikTok handler with sparse or malformed responses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workers.platforms.support import Sandbox, assert_live_once, error_of_run
from tests.workers.platforms.tiktok_job import (
    CREATOR,
    INIT,
    STATUS,
    UPLOAD,
    checkpoint,
    make_job,
    opened,
)
from workers.errors import Ambiguous, PublishError, RequestRefused, Transient, UploadGone
from workers.platforms.results import Incomplete, Processing, Published

NONSENSE: tuple[Any, ...] = (
    [],
    "null",
    "7",
    {"data": None},
    {"data": [], "error": None},
    {"data": {}, "error": "ok"},
    {"data": {}, "error": {"code": 0}},
    {"data": {}, "error": {"code": "ok"}},
    {"data": {"status": 7, "publish_id": 7, "upload_url": []}, "error": {"code": "ok"}},
    {"data": {"publish_id": "v", "upload_url": "https://[broken"}, "error": {"code": "ok"}},
    {"data": {"publish_id": "v", "upload_url": "http://elsewhere/"}, "error": {"code": "ok"}},
    {"data": {"publish_id": "v", "upload_url": "file:///etc"}, "error": {"code": "ok"}},
    {"data": {"privacy_level_options": "SELF_ONLY"}, "error": {"code": "ok"}},
    {"data": {"privacy_level_options": [1, None]}, "error": {"code": "ok"}},
)


def status_response(**data: Any) -> dict[str, Any]:
    """Return a status in TikTok's envelope."""
    return {"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}}


@pytest.mark.parametrize("body", NONSENSE)
@pytest.mark.parametrize("call", [CREATOR, INIT, STATUS])
def test_malformed_response_is_recovered_from(
    control: Sandbox, video: bytes, call: str, body: Any
) -> None:
    control.fault("TIKTOK", call, "error", status=200, body=body)
    job = make_job(control, video)
    job.carry_through()
    assert [isinstance(error, Transient) for error in job.errors] == [True]
    assert_live_once(control, video)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"uploaded_bytes": 5}, Incomplete(5)),
        ({"uploaded_bytes": "5"}, Incomplete(5)),
        ({"uploaded_bytes": 0}, Incomplete(0)),
        ({}, Incomplete(0)),
        ({"uploaded_bytes": None}, Incomplete(0)),
        ({"uploaded_bytes": -1}, Incomplete(0)),
        ({"uploaded_bytes": True}, Incomplete(0)),
        ({"uploaded_bytes": {}}, Incomplete(0)),
    ],
)
def test_bytes_that_were_never_sent_are_missing(
    control: Sandbox, video: bytes, data: dict[str, Any], wanted: Incomplete
) -> None:
    job = opened(make_job(control, video))
    body = status_response(status="PROCESSING_UPLOAD", **data)
    control.fault("TIKTOK", STATUS, "error", status=200, body=body)
    assert job.handler.poll(job.context, checkpoint(job)) == wanted


@pytest.mark.parametrize("data", [{}, {"uploaded_bytes": "many"}, {"uploaded_bytes": 3}])
@pytest.mark.parametrize("is_answered", [True, False])
def test_bytes_that_were_sent_are_missing_only_if_tiktok_reports_it(
    control: Sandbox, video: bytes, data: dict[str, Any], is_answered: bool
) -> None:
    job = make_job(control, video)
    if not is_answered:
        control.fault("TIKTOK", UPLOAD, "lost_answer")
        error_of_run(job)
    else:
        job.run()
    body = status_response(status="PROCESSING_UPLOAD", **data)
    control.fault("TIKTOK", STATUS, "error", status=200, body=body)
    found = job.handler.poll(job.context, checkpoint(job))
    if data == {"uploaded_bytes": 3} and not is_answered:
        assert found == Incomplete(3)
    else:
        assert isinstance(found, Processing)
    assert isinstance(job.carry_through(), Published)
    assert_live_once(control, video)


@pytest.mark.parametrize(
    ("data", "post_id"),
    [
        ({"publicaly_available_post_id": [7512345678901234567]}, "7512345678901234567"),
        ({"publicly_available_post_id": [7512345678901234567]}, "7512345678901234567"),
        ({"publicaly_available_post_id": ["7512345678901234567", 8]}, "7512345678901234567"),
        ({"publicaly_available_post_id": []}, None),
        ({"publicaly_available_post_id": None}, None),
        ({"publicaly_available_post_id": [None, True, 0, "x", {}]}, None),
        ({"publicaly_available_post_id": 7}, None),
    ],
)
def test_post_id_is_read_whole_under_either_spelling(
    control: Sandbox, video: bytes, data: dict[str, Any], post_id: str | None
) -> None:
    job = make_job(control, video)
    job.run()
    body = status_response(status="PUBLISH_COMPLETE", **data)
    control.fault("TIKTOK", STATUS, "error", status=200, body=body)
    found = job.run()
    url = f"https://www.tiktok.com/@{job.access.username}/video/{post_id}" if post_id else None
    assert found == Published(post_id, url, follow_up=post_id is None)


@pytest.mark.parametrize("state", ["PROCESSING_DOWNLOAD", "A_NEW_STATE"])
def test_other_states_are_polled_again(control: Sandbox, video: bytes, state: str) -> None:
    job = make_job(control, video)
    job.run()
    control.fault("TIKTOK", STATUS, "error", status=200, body=status_response(status=state))
    assert isinstance(job.run(), Processing)


def test_video_in_the_inbox_is_left_to_its_owner(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.run()
    body = status_response(status="SEND_TO_USER_INBOX")
    control.fault("TIKTOK", STATUS, "error", status=200, body=body)
    assert isinstance(error_of_run(job), Ambiguous)


@pytest.mark.parametrize(
    ("reason", "code"), [("a_new_reason", "a_new_reason"), ("", "failed"), (None, "failed")]
)
@pytest.mark.parametrize("was_complete", [True, False])
def test_unknown_fail_reason_is_reported(
    control: Sandbox, video: bytes, reason: str | None, code: str, was_complete: bool
) -> None:
    job = opened(make_job(control, video))
    if was_complete:
        job.run()
    body = status_response(status="FAILED", fail_reason=reason)
    control.fault("TIKTOK", STATUS, "error", status=200, body=body)
    error: PublishError = error_of_run(job)
    # An upload that was never complete, and failed without a reason, is simply repeated.
    assert type(error) is (RequestRefused if was_complete or reason else UploadGone)
    assert error.code == code and error.upload_is_dead
