"""YouTube's error codes: each becomes the error that its table names."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sandbox.youtube.errors import ERRORS
from tests.workers.platforms.support import Sandbox
from tests.workers.platforms.youtube_job import (
    CHANNELS,
    LIST,
    QUERY,
    SESSION,
    UPLOAD,
    VIDEOS,
    make_job,
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
from workers.platforms.results import Processing, Published
from workers.platforms.youtube import codes
from workers.platforms.youtube.refusals import api_error, quota_resets_at
from workers.platforms.youtube.session import SessionLost
from workers.transport import Response

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)

MEANT: dict[str, type[PublishError]] = {
    **dict.fromkeys(
        [
            "invalidTitle",
            "invalidDescription",
            "invalidTags",
            "invalidCategoryId",
            "invalidPublishAt",
            "invalidFilename",
            "invalidRecordingDetails",
            "invalidVideoGameRating",
            "invalidVideoMetadata",
            "defaultLanguageNotSet",
            "mediaBodyRequired",
            "invalidValue",
            "badRequest",
            "forbiddenPrivacySetting",
            "forbiddenLicenseSetting",
            "accessNotConfigured",
            "videoNotFound",
            "playlistNotFound",
        ],
        RequestRefused,
    ),
    **dict.fromkeys(["authError", "expired", "authorizationRequired"], TokenExpired),
    **dict.fromkeys(
        [
            "uploadLimitExceeded",
            "quotaExceeded",
            "dailyLimitExceeded",
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "uploadRateLimitExceeded",
        ],
        RateLimited,
    ),
    **dict.fromkeys(
        [
            "youtubeSignupRequired",
            "forbidden",
            "insufficientPermissions",
            "authenticatedUserNotChannel",
            "authenticatedUserAccountClosed",
            "authenticatedUserAccountSuspended",
            "accountDelegationForbidden",
        ],
        AccountRefused,
    ),
    **dict.fromkeys(["internalError", "backendError"], Transient),
}
#: What the sandbox names beside the reasons above.
MEANT_BY_STATUS: dict[str, type[PublishError]] = {
    "RESOURCE_EXHAUSTED": RateLimited,
    "ALREADY_EXISTS": Transient,
    "badGateway": Transient,
    "gatewayTimeout": Transient,
    "sessionNotFound": UploadGone,
    "sessionGone": UploadGone,
    "sessionLengthRequired": RequestRefused,
    "sessionTooLarge": RequestRefused,
    "sessionRange": RequestRefused,
}


def answer_of(status: int, reason: str = "", google_status: str = "") -> Response:
    """Return an error response in YouTube's format."""
    parts = []
    if reason:
        parts.append(f'"errors": [{{"domain": "youtube.api", "reason": "{reason}"}}]')
    if google_status:
        parts.append(f'"status": "{google_status}"')
    body = '{"error": {"code": %d%s}}' % (status, "".join(f", {part}" for part in parts))
    return Response(status, {}, body.encode())


def test_table_has_every_reason_and_no_other() -> None:
    assert {reason: verdict.error for reason, verdict in codes.REASONS.items()} == MEANT


@pytest.mark.parametrize("reason", MEANT)
def test_reason_decides_whatever_the_status(reason: str) -> None:
    for status in (400, 401, 403, 404, 429, 500, 503):
        error = api_error(answer_of(status, reason), NOW)
        assert (type(error), error.code) == (MEANT[reason], reason)
        assert error.hint == codes.REASONS[reason].hint


@pytest.mark.parametrize("reason", MEANT)
def test_server_error_after_a_request_that_acts_leaves_the_outcome_unknown(reason: str) -> None:
    error = api_error(answer_of(500, reason), NOW, acts=True)
    wanted = OutcomeUnknown if MEANT[reason] is Transient else MEANT[reason]
    assert type(error) is wanted


@pytest.mark.parametrize(
    ("status", "reason", "google_status", "error", "code"),
    [
        (400, "novel", "", RequestRefused, "novel"),
        (400, "novel", "INVALID_ARGUMENT", RequestRefused, "novel"),
        (401, "novel", "", TokenExpired, "novel"),
        (401, "", "UNAUTHENTICATED", TokenExpired, "UNAUTHENTICATED"),
        (403, "novel", "", AccountRefused, "novel"),
        (403, "", "PERMISSION_DENIED", AccountRefused, "PERMISSION_DENIED"),
        (404, "novel", "", RequestRefused, "novel"),
        (409, "novel", "", Transient, "novel"),
        (429, "novel", "", RateLimited, "novel"),
        (429, "", "RESOURCE_EXHAUSTED", RateLimited, "RESOURCE_EXHAUSTED"),
        (500, "novel", "", Transient, "novel"),
        (503, "", "UNAVAILABLE", Transient, "UNAVAILABLE"),
    ],
)
def test_unknown_reason_is_classified_by_status_and_reported(
    status: int, reason: str, google_status: str, error: type[PublishError], code: str
) -> None:
    found = api_error(answer_of(status, reason, google_status), NOW)
    assert (type(found), found.code) == (error, code)


SHORT = timedelta(seconds=60)


@pytest.mark.parametrize(
    ("unit", "words", "reason", "wait"),
    [
        # The unit of the quota decides, whatever else is said.
        ("1/d/{project}", "per minute", "rateLimitExceeded", None),
        ("1/d/{project}", "", "", None),
        ("1/min/{project}/{user}", "per day", "rateLimitExceeded", SHORT),
        ("1/min/{project}", "", "quotaExceeded", SHORT),
        ("1/min/{project}", "", "RATE_LIMIT_EXCEEDED", SHORT),
        ("1/s/{project}", "", "", SHORT),
        # Without one, as in the older format, the words or the reason do.
        ("", "per day", "rateLimitExceeded", None),
        ("", "per day", "", None),
        ("", "per minute", "rateLimitExceeded", SHORT),
        ("", "per minute per user", "", None),
        ("1/fortnight", "", "", None),
        ("1", "", "quotaExceeded", None),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_period_of_a_quota_decides_how_long_it_lasts(
    status: int, unit: str, words: str, reason: str, wait: timedelta | None
) -> None:
    """Google gives quotas per day and per minute the same reason and the same status."""
    error: dict[str, Any] = {
        "code": status,
        "message": f"Quota exceeded for quota metric 'Queries' and limit 'Queries {words}'.",
        "status": "RESOURCE_EXHAUSTED",
    }
    if reason:
        error["errors"] = [{"reason": reason, "domain": "global"}]
    if unit:
        metadata = {"service": "youtube.googleapis.com", "quota_unit": unit}
        error["details"] = [
            {"@type": "type.googleapis.com/google.rpc.Help"},
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": metadata},
        ]
    found = api_error(Response(status, {}, json.dumps({"error": error}).encode()), NOW)
    assert isinstance(found, RateLimited)
    assert found.application_wide is (wait != SHORT)
    assert found.retry_at == (quota_resets_at(NOW) if wait is None else NOW + wait)


def test_words_of_a_refusal_that_is_no_limit_say_nothing_of_one() -> None:
    error = {"code": 403, "message": "10 per day", "errors": [{"reason": "forbidden"}]}
    found = api_error(Response(403, {}, json.dumps({"error": error}).encode()), NOW)
    assert isinstance(found, AccountRefused)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"error": "text"}', b"\xff"])
@pytest.mark.parametrize(
    ("status", "error", "acting_error"),
    [
        (200, Transient, OutcomeUnknown),
        (302, Transient, OutcomeUnknown),
        (400, Transient, OutcomeUnknown),
        (401, Transient, OutcomeUnknown),
        (403, Transient, OutcomeUnknown),
        (429, RateLimited, RateLimited),
        (500, Transient, OutcomeUnknown),
        (502, Transient, OutcomeUnknown),
    ],
)
def test_response_that_is_not_youtubes_proves_nothing(
    body: bytes,
    status: int,
    error: type[PublishError],
    acting_error: type[PublishError],
) -> None:
    answer = Response(status, {}, body)
    assert type(api_error(answer, NOW)) is error
    assert type(api_error(answer, NOW, acts=True)) is acting_error
    assert api_error(answer, NOW).code == f"http_{status}"


@pytest.mark.parametrize(
    ("now", "back_at"),
    [
        ("2026-11-23T12:00:00+00:00", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24T07:59:59+00:00", "2026-11-24T08:00:00+00:00"),
        # Still yesterday's quota, by one of two clocks.
        ("2026-11-24T08:00:00+00:00", "2026-11-24T08:05:00+00:00"),
        ("2026-11-24T08:29:59+00:00", "2026-11-24T08:34:59+00:00"),
        ("2026-11-24T08:30:00+00:00", "2026-11-25T08:00:00+00:00"),
        ("2026-07-01T12:00:00+00:00", "2026-07-02T07:00:00+00:00"),
        ("2026-03-08T09:00:00+00:00", "2026-03-09T07:00:00+00:00"),  # the clocks go forward
        ("2026-11-01T08:30:00+00:00", "2026-11-02T08:00:00+00:00"),  # the clocks go back
    ],
)
def test_daily_quota_resets_at_midnight_pacific(now: str, back_at: str) -> None:
    found = quota_resets_at(datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(back_at)
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("reason", "retry_after", "seconds"),
    [
        ("rateLimitExceeded", "", 60),
        ("rateLimitExceeded", "7", 7),
        ("uploadLimitExceeded", "", 86_400),
        ("uploadLimitExceeded", "3600", 3600),
        ("quotaExceeded", "", 20 * 3600),
        ("quotaExceeded", "7", 20 * 3600),  # earlier than the reset it would only fail again
        ("quotaExceeded", "86400", 86_400),
        ("rateLimitExceeded", "Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("rateLimitExceeded", "nonsense", 60),
    ],
)
def test_wait_is_the_one_named_or_else_the_tables(
    reason: str, retry_after: str, seconds: int
) -> None:
    answer = answer_of(429, reason)
    headers = {"Retry-After": retry_after} if retry_after else {}
    error = api_error(Response(429, headers, answer.body), NOW)
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(seconds=seconds)
    assert error.application_wide == (reason == "quotaExceeded")


@pytest.mark.parametrize(
    "table", [codes.FAILURES, codes.PROCESSING_FAILURES, codes.REJECTIONS], ids=["f", "p", "r"]
)
def test_failures_are_final_and_have_a_hint(table: dict[str, Any]) -> None:
    for verdict in table.values():
        assert verdict.error in (VideoRefused, RequestRefused, AccountRefused)
        assert verdict.hint


WALK = [
    (call, spec.code)
    for spec in ERRORS.values()
    for call in (SESSION, UPLOAD, QUERY, VIDEOS, CHANNELS, LIST)
    if call in spec.calls
]


@pytest.mark.parametrize(("call", "code"), WALK)
def test_every_error_of_the_sandbox_is_classified(control: Sandbox, call: str, code: str) -> None:
    job = make_job(control, b"not much of a video")
    if call == QUERY:
        job.journal.save(job.handler.open(job.context))
    if call == VIDEOS:
        job.run()
    if call in (CHANNELS, LIST):
        control.fault("YOUTUBE", UPLOAD, "lost_answer")
        control.fault("YOUTUBE", QUERY, "error", code="sessionGone")
        with pytest.raises(OutcomeUnknown):
            job.run()
    control.fault("YOUTUBE", call, "error", code=code)
    found: object
    try:
        found = job.run()
    except PublishError as error:
        found = error
    assert type(found) is expected(call, code), found
    assert job.source.open_streams == 0


def expected(call: str, code: str) -> type[Any]:
    """Return what a run ends with if `call` is refused with `code`."""
    meant = MEANT.get(code) or MEANT_BY_STATUS[code]
    is_refusal = meant in (AccountRefused, RequestRefused)
    if call == UPLOAD and meant is Transient:
        return OutcomeUnknown
    if call == UPLOAD and meant is UploadGone:
        return SessionLost
    if call == VIDEOS and is_refusal:
        return Published
    if code == "playlistNotFound":
        return Processing
    if call in (CHANNELS, LIST) and is_refusal:
        return Ambiguous
    return meant


@pytest.mark.parametrize("body", [b"", b'{"error": {"code": 503, "errors": [], "message": "no"}}'])
@pytest.mark.parametrize("acts", [False, True])
def test_retry_after_of_a_server_error_is_obeyed(body: bytes, acts: bool) -> None:
    headers = {"Retry-After": "120"}
    before = datetime.now(timezone.utc)
    error = api_error(Response(503, headers, body), before, acts=acts)
    assert isinstance(error, OutcomeUnknown if acts else Transient)
    assert error.not_before is not None
    assert 119 <= (error.not_before - before).total_seconds() <= 180
