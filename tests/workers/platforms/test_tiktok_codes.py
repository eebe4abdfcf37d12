"""TikTok's error codes: each becomes the error that its table names."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from sandbox.tiktok.errors import ERRORS, FAIL_REASONS
from tests.workers.platforms.support import Sandbox, error_of_run
from tests.workers.platforms.tiktok_job import (
    CREATOR,
    INIT,
    STATUS,
    TOKEN,
    checkpoint,
    make_job,
    opened,
)
from workers.errors import (
    AccountRefused,
    Ambiguous,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.tiktok import codes
from workers.platforms.tiktok.refusals import api_error, oauth_error
from workers.platforms.verdicts import Verdict
from workers.transport import Response

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
WANTED: dict[str, type[PublishError]] = {
    "access_token_invalid": TokenExpired,
    "scope_not_authorized": AccountRefused,
    "scope_permission_missed": RequestRefused,
    "rate_limit_exceeded": RateLimited,
    "spam_risk_too_many_posts": RateLimited,
    "spam_risk_too_many_pending_share": RateLimited,
    "spam_risk_user_banned_from_posting": AccountRefused,
    "spam_risk": RequestRefused,
    "reached_active_user_cap": RateLimited,
    "unaudited_client_can_only_post_to_private_accounts": RequestRefused,
    "url_ownership_unverified": RequestRefused,
    "privacy_level_option_mismatch": RequestRefused,
    "invalid_param": RequestRefused,
    "invalid_params": RequestRefused,
    "invalid_file_upload": VideoRefused,
    "invalid_publish_id": RequestRefused,
    "token_not_authorized_for_specified_publish_id": RequestRefused,
    "publish_not_cancellable": RequestRefused,
    "app_version_check_failed": AccountRefused,
    "internal_error": Transient,
}
WANTED_FAILURES: dict[str, type[PublishError]] = {
    "file_format_check_failed": VideoRefused,
    "duration_check_failed": VideoRefused,
    "frame_rate_check_failed": VideoRefused,
    "picture_size_check_failed": VideoRefused,
    "video_bitrate_check_failed": VideoRefused,
    "internal": UploadGone,
    "video_pull_failed": UploadGone,
    "photo_pull_failed": UploadGone,
    "publish_cancelled": RequestRefused,
    "auth_removed": AccountRefused,
    "spam_risk_too_many_posts": RateLimited,
    "spam_risk_user_banned_from_posting": AccountRefused,
    "spam_risk_text": RequestRefused,
    "spam_risk": RequestRefused,
}
WANTED_OAUTH: dict[str, type[PublishError]] = {
    "access_denied": AccountRefused,
    "invalid_client": RequestRefused,
    "invalid_grant": AccountRefused,
    "invalid_request": RequestRefused,
    "invalid_scope": RequestRefused,
    "unauthorized_client": RequestRefused,
    "unsupported_grant_type": RequestRefused,
    "unsupported_response_type": RequestRefused,
    "server_error": Transient,
    "temporarily_unavailable": Transient,
    "rate_limit_exceeded": RateLimited,
}


def answers_of(*calls: str) -> list[tuple[str, str]]:
    """Return every pair of one of these calls and a code it may return."""
    return [(call, code) for call in calls for code, spec in ERRORS.items() if call in spec.calls]


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        (codes.ERRORS, WANTED),
        (codes.FAILURES, WANTED_FAILURES),
        (codes.OAUTH_ERRORS, WANTED_OAUTH),
    ],
)
def test_table_is_complete(
    table: dict[str, Verdict], wanted: dict[str, type[PublishError]]
) -> None:
    assert {code: verdict.error for code, verdict in table.items()} == wanted
    for code, verdict in table.items():
        assert (verdict.wait_seconds > 0) == (verdict.error is RateLimited), code
        assert not verdict.reconnect or verdict.error is AccountRefused, code


def test_tables_know_all_that_the_sandbox_answers() -> None:
    assert set(FAIL_REASONS) == set(codes.FAILURES)
    for code, spec in ERRORS.items():
        if spec.calls == ("tiktok.upload",):
            continue  # the upload host names no codes
        assert code in (codes.OAUTH_ERRORS if TOKEN in spec.calls else codes.ERRORS)


@pytest.mark.parametrize(("call", "code"), answers_of(CREATOR, INIT))
def test_refusal_to_open_is_classified_by_its_code(
    control: Sandbox, video: bytes, call: str, code: str
) -> None:
    control.fault("TIKTOK", call, "error", code=code)
    error = error_of_run(make_job(control, video))
    verdict = codes.ERRORS[code]
    assert (type(error), error.code) == (verdict.error, code)
    assert error.hint == verdict.hint
    assert getattr(error, "reconnect", False) == verdict.reconnect
    assert getattr(error, "application_wide", False) == verdict.application_wide
    if isinstance(error, RateLimited):
        wait = (error.retry_at - control.now()).total_seconds()
        assert verdict.wait_seconds - 5 < wait < verdict.wait_seconds + 20


@pytest.mark.parametrize(("call", "code"), answers_of(STATUS))
def test_refused_read_before_the_last_byte_is_classified_by_its_code(
    control: Sandbox, video: bytes, call: str, code: str
) -> None:
    job = opened(make_job(control, video))
    control.fault("TIKTOK", call, "error", code=code)
    error = error_of_run(job)
    assert type(error) is (
        UploadGone if code == codes.UNKNOWN_PUBLISH_ID else codes.ERRORS[code].error
    )
    # The last byte was never sent, so another upload may be opened.
    assert error.upload_is_dead == isinstance(error, (RequestRefused, UploadGone))


@pytest.mark.parametrize(("call", "code"), answers_of(STATUS))
def test_refused_read_after_the_last_byte_never_opens_another_upload(
    control: Sandbox, video: bytes, call: str, code: str
) -> None:
    job = make_job(control, video, privacy="private")
    job.run()
    control.fault("TIKTOK", call, "error", code=code)
    error = error_of_run(job)
    wanted = codes.ERRORS[code].error
    assert type(error) is (Ambiguous if wanted is RequestRefused else wanted)
    assert error.code == code and not error.upload_is_dead


@pytest.mark.parametrize("reason", FAIL_REASONS)
def test_failed_publish_is_classified_by_its_reason(
    control: Sandbox, video: bytes, reason: str
) -> None:
    control.fault("TIKTOK", None, "fail_processing", reason=reason)
    job = make_job(control, video)
    job.run()
    control.advance(10)
    error = error_of_run(job)
    verdict = codes.FAILURES[reason]
    assert (type(error), error.code, error.hint) == (verdict.error, reason, verdict.hint)
    assert error.upload_is_dead
    assert control.posts() == []


@pytest.mark.parametrize(("call", "code"), answers_of(TOKEN))
def test_refused_refresh_is_classified_by_its_code(
    control: Sandbox, video: bytes, call: str, code: str
) -> None:
    job = make_job(control, video)
    control.fault("TIKTOK", call, "error", code=code)
    with pytest.raises(PublishError) as raised:
        job.handler.refresh(job.access, "rft.any")
    verdict = codes.OAUTH_ERRORS[code]
    assert (type(raised.value), raised.value.code) == (verdict.error, code)
    assert raised.value.hint == verdict.hint
    assert getattr(raised.value, "reconnect", False) == verdict.reconnect


@pytest.mark.parametrize(
    ("status", "code", "wanted", "named"),
    [
        (400, "new_code", RequestRefused, "new_code"),
        (200, "new_code", RequestRefused, "new_code"),
        (403, "access_token_invalid_too", RequestRefused, "access_token_invalid_too"),
        (401, "new_code", TokenExpired, "new_code"),
        (408, "new_code", Transient, "new_code"),
        (429, "new_code", RateLimited, "new_code"),
        (500, "new_code", Transient, "new_code"),
        (403, "", Transient, "http_403"),
        (401, "", Transient, "http_401"),
        (429, "", RateLimited, "http_429"),
        (502, "ok", Transient, "http_502"),
        (200, "ok", Transient, "bad_answer"),
        (400, "x" * 5000, RequestRefused, "x" * 100),
    ],
)
def test_unknown_code_is_classified_by_status_and_reported(
    status: int, code: str, wanted: type[PublishError], named: str
) -> None:
    body = f'{{"data": {{}}, "error": {{"code": "{code}", "message": "internal"}}}}'
    error = api_error(Response(status, {}, body.encode()), NOW)
    assert (type(error), error.code) == (wanted, named)


@pytest.mark.parametrize(
    ("status", "body", "wanted", "named"),
    [
        (200, {"error": "new_error"}, RequestRefused, "new_error"),
        (401, {"error": "new_error"}, RequestRefused, "new_error"),
        (500, {"error": "new_error"}, Transient, "new_error"),
        (429, {"error": {"code": "rate_limit_exceeded"}}, RateLimited, "rate_limit_exceeded"),
        (429, {}, RateLimited, "http_429"),
        (401, {}, Transient, "http_401"),
        (200, {}, Transient, "http_200"),
        (503, {}, Transient, "http_503"),
    ],
)
def test_unknown_oauth_error_goes_by_the_status(
    status: int, body: dict[str, object], wanted: type[PublishError], named: str
) -> None:
    error = oauth_error(Response(status, {}, b""), body, NOW)
    assert (type(error), error.code) == (wanted, named)


def test_retry_after_wins_over_our_own_wait() -> None:
    body = b'{"error": {"code": "spam_risk_too_many_posts"}}'
    error = api_error(Response(403, {"Retry-After": "30"}, body), NOW)
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(seconds=30)


@pytest.mark.parametrize("body", [b"<html>", b'{"data": {}, "error": {"code": "internal_error"}}'])
@pytest.mark.parametrize("acts", [False, True])
def test_retry_after_of_a_server_error_is_obeyed(body: bytes, acts: bool) -> None:
    now = datetime.now(timezone.utc)
    error = api_error(Response(503, {"Retry-After": "600"}, body), now, acts=acts)
    assert isinstance(error, OutcomeUnknown if acts else Transient)
    assert error.not_before is not None
    assert 600 <= (error.not_before - now).total_seconds() <= 660


def test_message_contains_no_url_and_no_token(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    control.fault("TIKTOK", STATUS, "error", code="internal_error")
    job.run()
    error = error_of_run(job)
    for secret in (job.access.token, checkpoint(job).upload_url, control.url):
        assert secret not in f"{error} {error.detail} {error.hint}"
