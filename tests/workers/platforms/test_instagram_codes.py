"""Instagram's error codes: the error each becomes, alone and in the sandbox's responses."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from sandbox.instagram.errors import ERRORS
from tests.workers.platforms.instagram_job import (
    CONTAINER,
    LIST,
    MEDIA,
    PUBLISH,
    QUOTA,
    STATUS,
    api_of,
    make_job,
    until_ready,
)
from tests.workers.platforms.support import Sandbox, access_of
from workers.errors import (
    AccountRefused,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    VideoRefused,
)
from workers.platforms.instagram import InstagramHandler, codes
from workers.platforms.instagram.fields import moment, sentence
from workers.platforms.instagram.refusals import (
    PublishFailed,
    api_error,
    dump_refusal,
    load_refusal,
)
from workers.transport import Response

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
#: What a refused call becomes where nothing can be live. Codes are written `code/subcode`.
CLASSES: dict[type[PublishError], tuple[str, ...]] = {
    Transient: (
        *("-2/2207003", "-2/2207020", "-1/2207001", "-1/2207032", "-1/2207053", "24/2207006"),
        *("24/2207008", "9004/2207052", "9007/2207027", "-1/2207076", "-1/2207077", "-1/2207082"),
        *("1", "2", "internal", "-2", "-1", "24", "9004", "9007"),
    ),
    RequestRefused: (
        *("1/2207057", "100/2207023", "100/2207028", "100/2207035", "100/2207036", "100/2207037"),
        *("100/2207040", "36000/2207004", "36001/2207005", "36003/2207009", "36004/2207010"),
        *("-1/2207081", "INSTAGRAM_PLATFORM_API__INVALID_LOCATION_ID", "506", "100", "2635"),
        *("36000", "36001", "36003", "36004"),
    ),
    VideoRefused: ("352/2207026", "-1/2207085", "352"),
    RateLimited: ("9/2207042", "9", "4", "17", "32", "613", "341", "80001", "80002"),
    AccountRefused: (
        *("4/2207051", "25/2207050", "25", "3", "10", "200", "250", "299", "100/33", "368"),
        *("190/458", "190/459", "190/460", "190/463", "190/464", "190/467", "190/492"),
    ),
    TokenExpired: ("102", "190"),
}
EXPECTED = {code: error for error, listed in CLASSES.items() for code in listed}
GRAPH_CODES = [code for code in ERRORS if not code.startswith("rupload_")]


def answer(status: int, error: object = None, **headers: str) -> Response:
    """Return a Graph API response, with an error if one is given."""
    body = {"id": "1"} if error is None else {"error": error}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, CaseInsensitiveDict(named), json.dumps(body).encode())


def graph_error(code: str) -> dict[str, object]:
    """Return the error object for a code."""
    number, _, subcode = code.partition("/")
    if not number.lstrip("-").isdecimal():
        return {"code": 2 if number == "internal" else number, "message": "no"}
    return {"code": int(number), "error_subcode": int(subcode or 0), "message": "no"}


def expected(code: str, login_type: str) -> type[PublishError]:
    """Return the error class of a code for a login type: Facebook Login has no refresh."""
    is_token = EXPECTED[code] is TokenExpired
    return AccountRefused if is_token and login_type == "facebook" else EXPECTED[code]


def read(given: Response, *, login_type: str = "facebook", acts: bool = False) -> PublishError:
    """Return the error of a response that is not a success."""
    error = api_error(given, NOW, login_type=login_type, acts=acts)
    assert error is not None
    return error


def test_the_sandbox_knows_no_code_without_an_expectation() -> None:
    assert set(GRAPH_CODES) <= set(EXPECTED)


def test_every_code_of_the_tables_has_an_expectation() -> None:
    subcodes = {int(code.split("/")[1]) for code in EXPECTED if code.count("/220")}
    assert set(codes.SUBCODES) == subcodes
    assert {f"{code}/{subcode}" for code, subcode in codes.PAIRS} <= set(EXPECTED)
    known = {str(code) for code in codes.CODES} - {str(code) for code in range(201, 299)}
    assert known <= set(EXPECTED)


@pytest.mark.parametrize("login_type", ["facebook", "instagram"])
@pytest.mark.parametrize("code", EXPECTED)
def test_a_code_means_the_same_under_every_status(code: str, login_type: str) -> None:
    for status in (200, 400, 401, 403, 500):
        error = read(answer(status, graph_error(code)), login_type=login_type)
        assert type(error) is expected(code, login_type)
        assert error.code == ("2" if code == "internal" else code)


@pytest.mark.parametrize("code", EXPECTED)
def test_a_publish_is_refused_only_by_a_clear_refusal(code: str) -> None:
    error = read(answer(400, graph_error(code)), acts=True)
    may_pass = EXPECTED[code] is Transient or code == codes.MISSING_OBJECT
    assert type(error) is (PublishFailed if may_pass else expected(code, "facebook"))


@pytest.mark.parametrize("status", [200, 404, 500, 502])
def test_what_is_no_error_of_the_graph_api_leaves_a_publish_open(status: int) -> None:
    page = Response(status, CaseInsensitiveDict(), b"<html>")
    assert type(read(page, acts=True)) is OutcomeUnknown


@pytest.mark.parametrize("login_type", ["facebook", "instagram"])
@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("code", [*EXPECTED, "999", "ODD", "-1/5"])
def test_a_refusal_survives_a_json_round_trip(code: str, status: int, login_type: str) -> None:
    error = read(answer(status, graph_error(code)), login_type=login_type)
    kept = dump_refusal(error)
    is_refusal = isinstance(error, (AccountRefused, RequestRefused, VideoRefused))
    assert (kept is not None) == (is_refusal and not getattr(error, "reconnect", False))
    if kept is not None:
        again = load_refusal(json.loads(json.dumps(kept)))
        assert type(again) is type(error) and vars(again) == vars(error)


@pytest.mark.parametrize("call", [QUOTA, CONTAINER])
@pytest.mark.parametrize("code", GRAPH_CODES)
def test_codes_of_the_sandbox_before_publishing(
    control: Sandbox, video: bytes, code: str, call: str
) -> None:
    if call not in ERRORS[code].calls:
        call = CONTAINER if CONTAINER in ERRORS[code].calls else PUBLISH
    control.fault("INSTAGRAM", call, "error", code=code)
    job = make_job(control, video)
    with pytest.raises(PublishError) as caught:
        for _ in range(3):
            job.run()
            control.advance(5)
    is_unsure = call == PUBLISH and EXPECTED[code] is Transient
    assert type(caught.value) is (PublishFailed if is_unsure else expected(code, "facebook"))
    assert control.posts() == []


@pytest.mark.parametrize("after_work", [False, True])
@pytest.mark.parametrize("code", [code for code in ERRORS if PUBLISH in ERRORS[code].calls])
def test_no_code_at_publishing_makes_two_posts_or_loses_one(
    control: Sandbox, video: bytes, code: str, after_work: bool
) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code=code, after_work=after_work)
    try:
        published = job.carry_through()
    except (AccountRefused, RequestRefused, VideoRefused):
        assert not after_work
        published = job.carry_through()  # a person's retry
    assert [post["id"] for post in control.posts()] == [published.post_id]
    assert len(control.calls(CONTAINER)) == 1


@pytest.mark.parametrize("call", [STATUS, LIST, MEDIA])
@pytest.mark.parametrize("code", [code for code in ERRORS if STATUS in ERRORS[code].calls])
def test_no_code_of_a_read_harms_a_live_post(
    control: Sandbox, video: bytes, code: str, call: str
) -> None:
    job = make_job(control, video)
    until_ready(job)
    if call != MEDIA:
        control.fault("INSTAGRAM", PUBLISH, "lost_answer")
        with pytest.raises(OutcomeUnknown):
            job.run()
    control.fault("INSTAGRAM", call, "error", code=code)
    try:
        published = job.carry_through()
    except AccountRefused as error:
        assert call == STATUS and error.reconnect
        published = job.carry_through()
    [post] = control.posts()
    assert job.journal.upload is not None
    found = job.handler.follow_up(job.context, job.journal.upload, published.post_id)
    assert (found.post_id, found.url) == (post["id"], post["url"])


@pytest.mark.parametrize(
    "code", [code for code in ERRORS if "instagram.token" in ERRORS[code].calls]
)
def test_codes_of_a_refresh(control: Sandbox, code: str) -> None:
    control.fault("INSTAGRAM", "instagram.token", "error", code=code)
    account = control.account("INSTAGRAM", login_type="instagram", token_age_seconds=100_000)
    with pytest.raises(PublishError) as caught:
        InstagramHandler(api_of(control)).refresh(access_of(account), None)
    if EXPECTED[code] in (TokenExpired, AccountRefused):
        assert isinstance(caught.value, AccountRefused) and caught.value.reconnect
    else:
        assert type(caught.value) is EXPECTED[code]


@pytest.mark.parametrize(
    ("error", "is_over"),
    [
        ({"code": 190}, True),
        ({"code": 102}, True),
        ({"code": 190, "error_subcode": 999}, True),
        ({"code": 987654}, False),
        ({"code": 987654, "error_subcode": 190}, False),
        ({"message": "no"}, False),
    ],
)
def test_refused_refresh_ends_an_account_only_by_a_code_that_says_so(
    control: Sandbox, error: dict[str, Any], is_over: bool
) -> None:
    body = {"error": error}
    control.fault("INSTAGRAM", "instagram.token", "error", status=401, body=body)
    account = control.account("INSTAGRAM", login_type="instagram", token_age_seconds=100_000)
    with pytest.raises(PublishError) as caught:
        InstagramHandler(api_of(control)).refresh(access_of(account), None)
    assert type(caught.value) is (AccountRefused if is_over else Transient)
    assert getattr(caught.value, "reconnect", False) is is_over


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRefused),
        (401, TokenExpired),
        (403, AccountRefused),
        (404, RequestRefused),
        (408, Transient),
        (429, RateLimited),
        (500, Transient),
        (200, Transient),
    ],
)
def test_an_unknown_code_goes_by_its_status(status: int, error: type[PublishError]) -> None:
    found = read(answer(status, {"code": 987654, "error_subcode": 12}), login_type="instagram")
    assert type(found) is error and found.code == "987654/12"


@pytest.mark.parametrize("login_type", ["facebook", "instagram"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_body_that_is_not_graphs_proves_nothing(
    status: int, body: bytes, login_type: str
) -> None:
    for acts, wanted in ((False, Transient), (True, OutcomeUnknown)):
        found = read(Response(status, {}, body), login_type=login_type, acts=acts)
        assert (type(found), found.code) == (wanted, f"http_{status}")


@pytest.mark.parametrize(("code", "is_known"), [("190", True), ("102", True), ("987654", False)])
def test_facebook_login_is_over_only_by_a_code_that_says_so(code: str, is_known: bool) -> None:
    found = read(answer(401, graph_error(code)), login_type="facebook")
    assert isinstance(found, AccountRefused) and found.reconnect is is_known


@pytest.mark.parametrize("code", ["1", "24/2207006", "100/33"])
def test_an_error_of_a_publish_is_kept_as_one_that_may_pass(code: str) -> None:
    error = read(answer(400, graph_error(code)), acts=True)
    again = load_refusal(json.loads(json.dumps(dump_refusal(error))))
    assert type(again) is Transient
    assert (again.code, again.detail, again.hint) == (code, error.detail, error.hint)


def test_an_unknown_transient_code_is_retried() -> None:
    found = read(answer(400, {"code": 987654, "is_transient": True}))
    assert type(found) is Transient


@pytest.mark.parametrize("acts", [False, True])
def test_retry_after_of_a_server_error_is_obeyed(acts: bool) -> None:
    given = answer(503, graph_error("2"), Retry_After="600")
    found = read(given, acts=acts)
    assert isinstance(found, OutcomeUnknown if acts else Transient)
    assert found.not_before == NOW + timedelta(seconds=600)


@pytest.mark.parametrize("code", ["4", "341"])
def test_application_limits_pause_everyone(code: str) -> None:
    found = read(answer(400, graph_error(code)))
    assert isinstance(found, RateLimited) and found.application_wide


def test_a_removed_version_of_the_api_is_no_fault_of_a_post() -> None:
    found = read(answer(400, graph_error("2635")))
    assert isinstance(found, RequestRefused) and found.application_wide and found.hint


@pytest.mark.parametrize("code", ["17", "32", "613", "80001", "80002", "9/2207042"])
def test_account_limits_pause_that_account_only(code: str) -> None:
    found = read(answer(400, graph_error(code)))
    assert isinstance(found, RateLimited) and not found.application_wide


def usage(minutes: object) -> str:
    """Return the text of an X-Business-Use-Case-Usage header."""
    return json.dumps({"1": [{"call_count": 100, "estimated_time_to_regain_access": minutes}]})


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "120"}, timedelta(seconds=120)),
        ({"Retry_After": "Mon, 23 Nov 2026 12:10:00 GMT"}, timedelta(minutes=10)),
        ({"Retry_After": "0"}, timedelta(seconds=1)),
        ({"X_Business_Use_Case_Usage": usage(19)}, timedelta(minutes=19)),
        ({"X_Business_Use_Case_Usage": usage(10**12)}, timedelta(days=1)),
        ({"X_Business_Use_Case_Usage": usage("19")}, timedelta(minutes=5)),
        ({"X_Business_Use_Case_Usage": "[]"}, timedelta(minutes=5)),
        ({"X_Business_Use_Case_Usage": "["}, timedelta(minutes=5)),
        ({"X_Business_Use_Case_Usage": '{"1": [3], "2": 4}'}, timedelta(minutes=5)),
        ({}, timedelta(minutes=5)),
    ],
)
def test_a_limit_lasts_as_long_as_the_headers_say(headers: dict[str, str], wait: timedelta) -> None:
    found = read(answer(400, graph_error("80002"), **headers))
    assert isinstance(found, RateLimited) and found.retry_at == NOW + wait


@pytest.mark.parametrize("code", [-2, -1, 9, 24, 25, 352, 9004, 9007, 36000, 36001, 36003, 36004])
def test_a_publishing_code_without_a_known_subcode_means_what_it_says(code: int) -> None:
    bare, odd = read(answer(400, {"code": code})), read(answer(400, graph_error(f"{code}/2207099")))
    assert type(bare) is type(odd) is EXPECTED[str(code)]
    assert (bare.code, odd.code) == (str(code), f"{code}/2207099")
    assert bare.hint == odd.hint and (bare.hint or code in (-2, -1, 9, 24, 9004, 9007))


@pytest.mark.parametrize("call", [CONTAINER, PUBLISH])
@pytest.mark.parametrize("code", [-1, -2, 24, 9004])
def test_a_publishing_code_without_a_subcode_does_not_fail_the_post(
    control: Sandbox, video: bytes, code: int, call: str
) -> None:
    control.fault("INSTAGRAM", call, "error", status=400, body={"error": {"code": code}})
    make_job(control, video).carry_through()
    assert len(control.posts()) == 1


def test_codes_are_compared_as_numbers() -> None:
    found = read(answer(400, {"code": 1, "message": "id 190, 2207026 and #4 failed"}))
    assert type(found) is Transient and found.code == "1"


def test_a_code_written_as_text_is_read() -> None:
    assert read(answer(400, {"code": "80002"})).code == "80002"


def test_the_user_message_is_shown_without_links_and_tokens() -> None:
    words = f"See https://example.com/a?access_token=EAA{'b' * 60} with IG{'c' * 60} now"
    found = read(answer(400, {"code": 100, "message": "x", "error_user_msg": words}))
    assert found.detail == "See … with … now"
    assert len(sentence("long " * 500)) <= 300


def test_errors_that_only_the_owner_can_fix_have_a_hint() -> None:
    verdicts = [
        *(verdict for _, verdict in codes.SUBCODES.values()),
        *codes.PAIRS.values(),
        *codes.CODES.values(),
    ]
    for verdict in verdicts:
        assert verdict.hint or not issubclass(verdict.error, (AccountRefused, VideoRefused))


@pytest.mark.parametrize(
    ("written", "is_time"),
    [
        ("2026-11-23T12:00:00+0000", True),
        ("2026-11-23T12:00:00.000+00:00", True),
        ("2026-11-23T12:00:00Z", True),
        ("2026-11-23T12:00:00", False),
        ("yesterday", False),
        (7, False),
    ],
)
def test_times_are_parsed_in_every_format(written: object, is_time: bool) -> None:
    assert moment({"timestamp": written}, "timestamp") == (NOW if is_time else None)
