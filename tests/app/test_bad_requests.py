"""A table of bad requests: each is refused by field, and none causes a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from app.api.bodies import MAX_BODY_BYTES
from app.checks.posts import check_batch
from app.clock import utcnow
from app.database.transaction import transaction
from app.faults import PAST_TIME
from app.ids import new_id
from app.models import PublishJob
from tests.app.conftest import Caller, Json, in_time
from tests.databases import ON_POSTGRES

# One database, the stricter one: what is bad is refused before any is asked.
pytestmark = ON_POSTGRES

#: What is wrong → the platform, the change that makes a right body wrong, the fields named.
Case = tuple[str, Json, list[str]]
SINGLE: dict[str, Case] = {
    "no video": ("TIKTOK", {"videoId": ...}, ["videoId"]),
    "video null": ("TIKTOK", {"videoId": None}, ["videoId"]),
    "video a number": ("TIKTOK", {"videoId": 1}, ["videoId"]),
    "video empty": ("TIKTOK", {"videoId": ""}, ["videoId"]),
    "video unknown": ("TIKTOK", {"videoId": new_id()}, ["videoId"]),
    "video no id": ("TIKTOK", {"videoId": "../../etc/passwd"}, ["videoId"]),
    "video with NUL": ("TIKTOK", {"videoId": "a\x00b"}, ["videoId"]),
    "video half a pair": ("TIKTOK", {"videoId": "\ud800"}, ["videoId"]),
    "no platform": ("TIKTOK", {"platform": ...}, ["platform"]),
    "platform unknown": ("TIKTOK", {"platform": "VIMEO"}, ["platform"]),
    "platform in small letters": ("TIKTOK", {"platform": "tiktok"}, ["platform"]),
    "platform a list": ("TIKTOK", {"platform": ["TIKTOK"]}, ["platform"]),
    "no caption": ("TIKTOK", {"caption": ...}, ["caption"]),
    "caption null": ("TIKTOK", {"caption": None}, ["caption"]),
    "caption a number": ("TIKTOK", {"caption": 5}, ["caption"]),
    "caption an object": ("TIKTOK", {"caption": {"a": "b"}}, ["caption"]),
    "caption too long": ("TIKTOK", {"caption": "x" * 2201}, ["caption"]),
    "caption too long in UTF-16": ("TIKTOK", {"caption": "😀" * 1101}, ["caption"]),
    "caption too long with hashtags": (
        "TIKTOK",
        {"caption": "x" * 2198, "hashtags": ["long"]},
        ["caption"],
    ),
    "caption with NUL": ("TIKTOK", {"caption": "a\x00"}, ["caption"]),
    "caption half a pair": ("TIKTOK", {"caption": "a\udfff"}, ["caption"]),
    "caption with a control": ("TIKTOK", {"caption": "a\x07"}, ["caption"]),
    "caption too long for Instagram": ("INSTAGRAM", {"caption": "😀" * 1101}, ["caption"]),
    "31 hashtags on Instagram": (
        "INSTAGRAM",
        {"caption": " ".join(f"#tag{number}" for number in range(31))},
        ["hashtags"],
    ),
    "21 mentions on Instagram": (
        "INSTAGRAM",
        {"caption": " ".join(f"@name{number}" for number in range(21))},
        ["caption"],
    ),
    "angle bracket on YouTube": ("YOUTUBE", {"caption": "a < b"}, ["caption"]),
    "no words for a title": ("YOUTUBE", {"caption": ""}, ["caption"]),
    "5001 bytes on YouTube": (
        "YOUTUBE",
        {"caption": "x", "platformOptions": {"description": "é" * 2501}},
        ["platformOptions.description"],
    ),
    "11 hashtags": ("TIKTOK", {"hashtags": [f"tag{n}" for n in range(11)]}, ["hashtags"]),
    "hashtags a text": ("TIKTOK", {"hashtags": "tag"}, ["hashtags"]),
    "hashtags an object": ("TIKTOK", {"hashtags": {"tag": "tag"}}, ["hashtags"]),
    "hashtags null": ("TIKTOK", {"hashtags": None}, ["hashtags"]),
    "hashtag a number": ("TIKTOK", {"hashtags": ["a", 1]}, ["hashtags.1"]),
    "hashtag of two words": ("TIKTOK", {"hashtags": ["two words"]}, ["hashtags.0"]),
    "hashtag empty": ("TIKTOK", {"hashtags": ["#"]}, ["hashtags.0"]),
    "account unknown": ("TIKTOK", {"accountId": new_id()}, ["accountId"]),
    "account a number": ("TIKTOK", {"accountId": 7}, ["accountId"]),
    "privacy unknown": ("TIKTOK", {"privacyLevel": "friends"}, ["privacyLevel"]),
    "privacy a flag": ("TIKTOK", {"privacyLevel": True}, ["privacyLevel"]),
    "TikTok unlisted": ("TIKTOK", {"privacyLevel": "unlisted"}, ["privacyLevel"]),
    "Instagram private": ("INSTAGRAM", {"privacyLevel": "private"}, ["privacyLevel"]),
    "Instagram unlisted": ("INSTAGRAM", {"privacyLevel": "unlisted"}, ["privacyLevel"]),
    "feed of TikTok": ("TIKTOK", {"shareToFeed": True}, ["shareToFeed"]),
    "feed of YouTube": ("YOUTUBE", {"shareToFeed": False}, ["shareToFeed"]),
    "feed a text": ("INSTAGRAM", {"shareToFeed": "yes"}, ["shareToFeed"]),
    "feed a number": ("INSTAGRAM", {"shareToFeed": 1}, ["shareToFeed"]),
    "time past": ("TIKTOK", {"scheduledTime": "2020-01-01T00:00:00Z"}, ["scheduledTime"]),
    "time without offset": ("TIKTOK", {"scheduledTime": "2099-01-01T00:00:00"}, ["scheduledTime"]),
    "time with 99 minutes' offset": (
        "TIKTOK",
        {"scheduledTime": f"{in_time(days=9)[:-1]}+05:99"},
        ["scheduledTime"],
    ),
    "time too far": ("TIKTOK", {"scheduledTime": in_time(days=367)}, ["scheduledTime"]),
    "time no day": ("TIKTOK", {"scheduledTime": "2027-02-30T00:00:00Z"}, ["scheduledTime"]),
    "time a number": ("TIKTOK", {"scheduledTime": 1893456000}, ["scheduledTime"]),
    "time in words": ("TIKTOK", {"scheduledTime": "tomorrow"}, ["scheduledTime"]),
    "time before all": (
        "TIKTOK",
        {"scheduledTime": "0001-01-01T00:00:00+14:00"},
        ["scheduledTime"],
    ),
    "time after all": ("TIKTOK", {"scheduledTime": "9999-12-31T23:59:59-14:00"}, ["scheduledTime"]),
    "unknown field": ("TIKTOK", {"extra": 1}, ["extra"]),
    "field in snake case": ("TIKTOK", {"video_id": "x"}, ["video_id"]),
    "options a list": ("TIKTOK", {"options": []}, ["options"]),
    "unknown option": ("TIKTOK", {"options": {"lifo": True}}, ["options.lifo"]),
    "priority 0": ("TIKTOK", {"options": {"priority": 0}}, ["options.priority"]),
    "priority 11": ("TIKTOK", {"options": {"priority": 11}}, ["options.priority"]),
    "priority a text": ("TIKTOK", {"options": {"priority": "5"}}, ["options.priority"]),
    "priority a fraction": ("TIKTOK", {"options": {"priority": 5.5}}, ["options.priority"]),
    "priority huge": ("TIKTOK", {"options": {"priority": 10**400}}, ["options.priority"]),
    "attempts 0": ("TIKTOK", {"options": {"attempts": 0}}, ["options.attempts"]),
    "attempts 11": ("TIKTOK", {"options": {"attempts": 11}}, ["options.attempts"]),
    "attempts a flag": ("TIKTOK", {"options": {"attempts": True}}, ["options.attempts"]),
    "backoff a number": ("TIKTOK", {"options": {"backoff": 5000}}, ["options.backoff"]),
    "backoff linear": (
        "TIKTOK",
        {"options": {"backoff": {"type": "linear"}}},
        ["options.backoff.type"],
    ),
    "backoff back in time": (
        "TIKTOK",
        {"options": {"backoff": {"delay": -1}}},
        ["options.backoff.delay"],
    ),
    "delay back in time": ("TIKTOK", {"options": {"delay": -5}}, ["options.delay"]),
    "delay huge": ("TIKTOK", {"options": {"delay": 10**30}}, ["options.delay"]),
    "delay and time": (
        "TIKTOK",
        {"options": {"delay": 1}, "scheduledTime": in_time(hours=1)},
        ["options.delay"],
    ),
    "keep a text": ("TIKTOK", {"options": {"removeOnFail": "x"}}, ["options.removeOnFail"]),
    "keep less than none": (
        "TIKTOK",
        {"options": {"removeOnComplete": -1}},
        ["options.removeOnComplete"],
    ),
    "keep more completed than are kept": (
        "TIKTOK",
        {"options": {"removeOnComplete": 101}},
        ["options.removeOnComplete"],
    ),
    "keep more failed than are kept": (
        "TIKTOK",
        {"options": {"removeOnFail": 1001}},
        ["options.removeOnFail"],
    ),
    "platform options a list": ("TIKTOK", {"platformOptions": [1]}, ["platformOptions"]),
    "platform options null": ("TIKTOK", {"platformOptions": None}, ["platformOptions"]),
    "option of YouTube": (
        "TIKTOK",
        {"platformOptions": {"madeForKids": True}},
        ["platformOptions.madeForKids"],
    ),
    "option of TikTok": (
        "INSTAGRAM",
        {"platformOptions": {"disableDuet": True}},
        ["platformOptions.disableDuet"],
    ),
    "option of nobody": (
        "YOUTUBE",
        {"platformOptions": {"sparkle": True}},
        ["platformOptions.sparkle"],
    ),
    "option a text": (
        "TIKTOK",
        {"platformOptions": {"disableDuet": "true"}},
        ["platformOptions.disableDuet"],
    ),
    "option null": (
        "TIKTOK",
        {"platformOptions": {"disableDuet": None}},
        ["platformOptions.disableDuet"],
    ),
    "cover before the film": (
        "TIKTOK",
        {"platformOptions": {"coverTimestampMs": -1}},
        ["platformOptions.coverTimestampMs"],
    ),
    "cover after the film": (
        "TIKTOK",
        {"platformOptions": {"coverTimestampMs": 10001}},
        ["platformOptions.coverTimestampMs"],
    ),
    "cover huge": (
        "TIKTOK",
        {"platformOptions": {"coverTimestampMs": 10**20}},
        ["platformOptions.coverTimestampMs"],
    ),
    "thumb at the end": (
        "INSTAGRAM",
        {"platformOptions": {"thumbOffsetMs": 10000}},
        ["platformOptions.thumbOffsetMs"],
    ),
    "advertisement in private": (
        "TIKTOK",
        {"platformOptions": {"brandContentToggle": True}, "privacyLevel": "private"},
        ["platformOptions.brandContentToggle"],
    ),
    "four collaborators": (
        "INSTAGRAM",
        {"platformOptions": {"collaborators": ["a", "b", "c", "d"]}},
        ["platformOptions.collaborators"],
    ),
    "collaborator a number": (
        "INSTAGRAM",
        {"platformOptions": {"collaborators": ["a", 5]}},
        ["platformOptions.collaborators.1"],
    ),
    "cover by file": (
        "INSTAGRAM",
        {"platformOptions": {"coverUrl": "file:///etc/passwd"}},
        ["platformOptions.coverUrl"],
    ),
    "title of 101": (
        "YOUTUBE",
        {"platformOptions": {"title": "x" * 101}},
        ["platformOptions.title"],
    ),
    "title with NUL": (
        "YOUTUBE",
        {"platformOptions": {"title": "a\x00"}},
        ["platformOptions.title"],
    ),
    "title with a bracket": (
        "YOUTUBE",
        {"platformOptions": {"title": "<b>"}},
        ["platformOptions.title"],
    ),
    "tags of 501": (
        "YOUTUBE",
        {"platformOptions": {"tags": ["x" * 250, "y" * 250]}},
        ["platformOptions.tags"],
    ),
    "tags a text": ("YOUTUBE", {"platformOptions": {"tags": "a,b"}}, ["platformOptions.tags"]),
    "tag half a pair": (
        "YOUTUBE",
        {"platformOptions": {"tags": ["\ud800"]}},
        ["platformOptions.tags"],
    ),
    "category in words": (
        "YOUTUBE",
        {"platformOptions": {"categoryId": "Music"}},
        ["platformOptions.categoryId"],
    ),
    "category a number": (
        "YOUTUBE",
        {"platformOptions": {"categoryId": 22}},
        ["platformOptions.categoryId"],
    ),
    "license unknown": (
        "YOUTUBE",
        {"platformOptions": {"license": "mit"}},
        ["platformOptions.license"],
    ),
    "language unknown": (
        "YOUTUBE",
        {"platformOptions": {"defaultLanguage": "en_GB!"}},
        ["platformOptions.defaultLanguage"],
    ),
    "date unknown": (
        "YOUTUBE",
        {"platformOptions": {"recordingDate": "2026-13-01"}},
        ["platformOptions.recordingDate"],
    ),
    "two words on what AI made": (
        "INSTAGRAM",
        {"platformOptions": {"containsSyntheticMedia": True, "isAiGenerated": False}},
        ["platformOptions.containsSyntheticMedia", "platformOptions.isAiGenerated"],
    ),
    "two words on what AI made, of TikTok": (
        "TIKTOK",
        {"platformOptions": {"isAigc": True, "containsSyntheticMedia": False}},
        ["platformOptions.containsSyntheticMedia", "platformOptions.isAigc"],
    ),
    "two covers": (
        "INSTAGRAM",
        {"platformOptions": {"coverTimestampMs": 5, "thumbOffsetMs": 6}},
        ["platformOptions.coverTimestampMs", "platformOptions.thumbOffsetMs"],
    ),
    "three things at once": (
        "TIKTOK",
        {
            "videoId": new_id(),
            "caption": "x" * 2201,
            "privacyLevel": "unlisted",
            "platformOptions": {"tags": ["a"], "disableDuet": 1},
            "scheduledTime": "2020-01-01T00:00:00Z",
            "options": {"attempts": 99},
            "accountId": new_id(),
            "extra": True,
        },
        [
            "accountId",
            "caption",
            "extra",
            "options.attempts",
            "platformOptions.disableDuet",
            "platformOptions.tags",
            "privacyLevel",
            "scheduledTime",
            "videoId",
        ],
    ),
}


@pytest.mark.parametrize("case", SINGLE)
def test_bad_post_is_refused_with_its_fields(alice: Caller, case: str) -> None:
    platform, changes, fields = SINGLE[case]
    body = alice.body(platform, **changes)
    answer = alice.post("", body)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert sorted(answer.json["errors"]) == fields
    assert answer.json["error"] and answer.json["detail"]
    assert alice.get().json == {"jobs": [], "nextCursor": None}
    checked = alice.post("/validate", body)
    assert checked.status_code == 200
    assert checked.json == {
        "valid": False,
        "errors": answer.json["errors"],
        "warnings": checked.json["warnings"] if checked.json else {},
    }


@pytest.mark.parametrize("case", SINGLE)
def test_bad_post_in_a_batch_is_refused_with_its_place(alice: Caller, case: str) -> None:
    platform, changes, fields = SINGLE[case]
    posts = [alice.body(), alice.body(platform, **changes)]
    answer = alice.post("/batch", {"posts": posts})
    assert answer.status_code == 400
    assert answer.json is not None
    assert sorted(answer.json["errors"]) == [f"posts.1.{field}" for field in fields]
    assert alice.get().json == {"jobs": [], "nextCursor": None}


@pytest.mark.parametrize("body", [None, [], "text", 5, True, {}, [[]], {"": ""}])
@pytest.mark.parametrize("path", ["", "/batch", "/validate"])
def test_body_of_another_kind_is_refused(alice: Caller, path: str, body: Any) -> None:
    answer = alice.post(path, body)
    if path == "/validate":
        assert answer.json is not None and not answer.json["valid"]
    else:
        assert answer.status_code in (400, 415)


def test_what_is_missing_is_said_in_plain_words(alice: Caller) -> None:
    job_id = alice.publish()["jobId"]
    for path, body, sentence in (
        (f"/{job_id}/resolve", {}, "live: This field is required."),
        (f"/{job_id}/resolve", [], "body: Send a JSON object."),
        ("", alice.body(options=5), "options: Send a JSON object."),
        ("/batch", {"posts": ["x"]}, "posts.0: Send a JSON object."),
    ):
        answer = alice.post(path, body)
        assert answer.status_code == 400
        assert answer.json is not None and answer.json["error"] == sentence


@pytest.mark.parametrize("path", ["", "/batch", "/validate"])
@pytest.mark.parametrize(
    "text",
    [
        '{"a": ' + "[" * 480 + "]" * 480 + "}",
        '{"a": ' + '{"a": ' * 480 + "1" + "}" * 481,
        "[" * 100_000,
        '{"videoId": "a", "videoId": "b"}',
        '{"options": {"priority": 1, "priority": 2}}',
        '{"videoId": 1e999}',
        '{"videoId": NaN}',
    ],
)
def test_body_that_readers_could_take_differently_is_refused(
    alice: Caller, path: str, text: str
) -> None:
    headers = {**alice.headers, "Idempotency-Key": new_id()}
    answer = alice.client.post(
        f"/api/publish{path}", data=text, headers=headers, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json is not None and answer.json["error"].startswith("The body ")


def test_body_in_chunks_has_the_same_bound(alice: Caller) -> None:
    body = json.dumps(alice.body(caption="x" * MAX_BODY_BYTES)).encode()
    answer = alice.client.post(
        "/api/publish",
        input_stream=BytesIO(body),
        headers={**alice.headers, "Transfer-Encoding": "chunked"},
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def test_past_time_is_worded_as_the_contract_has_it(alice: Caller) -> None:
    answer = alice.post("", alice.body(scheduledTime="2020-01-01T00:00:00Z"))
    assert answer.json is not None
    assert answer.json["error"] == PAST_TIME
    assert answer.json["errors"] == {"scheduledTime": [PAST_TIME]}


_SHORT, _LONG = "Length must be between 1 and 200.", "Longer than maximum length 10."
_NO_HASHTAG = "A hashtag consists of one or more letters, digits and underscores."
_LONG_TEXT = "The text with its hashtags has 2,204 UTF-16 units; TikTok takes at most 2,200."
#: Faults that hid others: what is wrong with one place, one part or the whole.
TOGETHER: dict[str, tuple[Json, dict[str, str]]] = {
    "too many hashtags, and an empty one": (
        {"hashtags": [*map(str, range(10)), ""]},
        {"hashtags": _LONG, "hashtags.10": _SHORT},
    ),
    "too many hashtags, and one of two words": (
        {"hashtags": ["a b", *map(str, range(10))]},
        {"hashtags": _LONG, "hashtags.0": _NO_HASHTAG},
    ),
    "an empty hashtag and one of two words": (
        {"hashtags": ["", "a b", 5, "good"]},
        {"hashtags.0": _SHORT, "hashtags.1": _NO_HASHTAG, "hashtags.2": "Not a valid string."},
    ),
    "a bad hashtag and a long text": (
        {"caption": "😀" * 1099, "hashtags": ["a b", "abc"]},
        {"hashtags.0": _NO_HASHTAG, "caption": _LONG_TEXT},
    ),
    "a bad hashtag and no platform": (
        {"platform": "VIMEO", "hashtags": ["a b"], "caption": "a\x07"},
        {
            "caption": "Contains control characters or invalid Unicode.",
            "hashtags.0": _NO_HASHTAG,
            "platform": "Must be one of: TIKTOK, INSTAGRAM, YOUTUBE.",
        },
    ),
    "a long caption with a control": (
        {"platform": "YOUTUBE", "caption": "a\x07" + "x" * 2200},
        {"caption": "Contains control characters or invalid Unicode."},
    ),
    "an option and two times": (
        {"options": {"priority": 99, "delay": 5}, "scheduledTime": in_time(hours=1)},
        {
            "options.delay": "Cannot be combined with scheduledTime.",
            "options.priority": "Must be greater than or equal to 1 and less than or equal to 10.",
        },
    ),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_no_fault_hides_another(alice: Caller, case: str) -> None:
    changes, expected = TOGETHER[case]
    answer = alice.post("", alice.body(**changes))
    assert answer.status_code == 400
    found = answer.json["errors"] if answer.json else {}
    assert {path: messages[-1] for path, messages in found.items()} == expected


def test_no_fault_of_a_change_hides_another(alice: Caller) -> None:
    job_id = alice.publish(scheduledTime=in_time(hours=1))["jobId"]
    changes, expected = TOGETHER["too many hashtags, and an empty one"]
    answer = alice.patch(job_id, {**changes, "caption": "a\x07" + "x" * 2200, "videoId": "x"})
    found = answer.json["errors"] if answer.json else {}
    assert found["caption"][0] == "Longer than maximum length 2200." and len(found["caption"]) == 3
    assert found.pop("videoId") == ["Unknown field."]
    assert {path: found[path][0] for path in expected} == expected and len(found) == 3


BATCHES: dict[str, tuple[Callable[[Caller], Json], list[str]]] = {
    "no posts": (lambda caller: {}, ["posts"]),
    "empty posts": (lambda caller: {"posts": []}, ["posts"]),
    "posts an object": (lambda caller: {"posts": {"0": caller.body()}}, ["posts"]),
    "post a text": (lambda caller: {"posts": [caller.body(), "x"]}, ["posts.1"]),
    "post null": (lambda caller: {"posts": [None]}, ["posts.0"]),
    "101 posts, and one of them bad": (
        lambda caller: {"posts": [*[caller.body()] * 100, caller.body(caption=5)]},
        ["posts", "posts.100.caption"],
    ),
    "101 posts": (lambda caller: {"posts": [caller.body()] * 101}, ["posts"]),
    "interval back in time": (
        lambda caller: {"posts": [caller.body()], "intervalMinutes": -1},
        ["intervalMinutes"],
    ),
    "interval a text": (
        lambda caller: {"posts": [caller.body()], "intervalMinutes": "30"},
        ["intervalMinutes"],
    ),
    "interval huge": (
        lambda caller: {"posts": [caller.body()], "intervalMinutes": 10**400},
        ["intervalMinutes"],
    ),
    "interval beyond a year": (
        lambda caller: {"posts": [caller.body()] * 3, "intervalMinutes": 300_000},
        ["intervalMinutes"],
    ),
    "start past": (
        lambda caller: {"posts": [caller.body()], "startTime": "2020-01-01T00:00:00Z"},
        ["startTime"],
    ),
    "start without offset": (
        lambda caller: {"posts": [caller.body()], "startTime": "2099-01-01T00:00:00"},
        ["startTime"],
    ),
    "unknown field": (lambda caller: {"posts": [caller.body()], "gap": 5}, ["gap"]),
    "two clocks": (
        lambda caller: {
            "posts": [caller.body(), caller.body(scheduledTime=in_time(hours=1))],
            "intervalMinutes": 5,
        },
        ["posts.1.scheduledTime"],
    ),
    "two delays": (
        lambda caller: {
            "posts": [caller.body(options={"delay": 5})],
            "startTime": in_time(hours=1),
        },
        ["posts.0.options.delay"],
    ),
}


@pytest.mark.parametrize("case", BATCHES)
def test_bad_batch_is_refused(alice: Caller, case: str) -> None:
    make_body, fields = BATCHES[case]
    answer = alice.post("/batch", make_body(alice))
    assert answer.status_code == 400
    assert answer.json is not None and sorted(answer.json["errors"]) == fields


@pytest.mark.parametrize(
    ("path", "changes", "fault"),
    [
        ("/batch", {"posts": [{}] * 20_000}, {"posts": ["Length must be between 1 and 100."]}),
        ("", {"hashtags": [1] * 100_000}, {"hashtags": [_LONG]}),
        (
            "",
            {"platform": "YOUTUBE", "platformOptions": {"tags": [1] * 100_000}},
            {"platformOptions.tags": ["Longer than maximum length 500."]},
        ),
    ],
)
def test_list_far_too_long_is_refused_unread(
    alice: Caller, path: str, changes: Json, fault: dict[str, list[str]]
) -> None:
    """Each entry takes time to load: 60 KB of empty posts would take minutes."""
    answer = alice.post(path, changes if path else alice.body(**changes))
    assert answer.status_code == 400
    assert answer.json is not None and answer.json["errors"] == fault


class CountedFaults(dict[str, list[str]]):
    """Faults that count how often they are read through."""

    reads = 0

    def items(self) -> Any:
        self.reads += 1
        return super().items()


def test_faults_of_a_batch_are_read_through_once(context: Flask) -> None:
    """Not once for each post: a body may have many, and the transaction is open meanwhile."""
    faults = CountedFaults({f"posts.{place}.caption": ["Wrong."] for place in range(100)})
    with transaction():
        checked, found = check_batch("alice", {"posts": [{}] * 100}, faults, utcnow())
    assert faults.reads == 1
    assert [post.faults["caption"] for post in checked] == [["Wrong."]] * 100
    assert {path: found[path] for path in faults} == faults


@pytest.mark.parametrize("key", ["", " ", "é", "x" * 256, "a\tb"])
@pytest.mark.parametrize("path", ["", "/batch"])
def test_bad_key_is_refused(alice: Caller, path: str, key: str) -> None:
    answer = alice.post(path, alice.body(), Idempotency_Key=key)
    assert answer.status_code == 400
    assert answer.json is not None and list(answer.json["errors"]) == ["Idempotency-Key"]


def test_one_word_twice_is_no_fault(alice: Caller) -> None:
    options = {"containsSyntheticMedia": True, "isAiGenerated": True, "thumbOffsetMs": 5}
    body = alice.body("INSTAGRAM", platformOptions={**options, "coverTimestampMs": 5})
    assert alice.post("", body).status_code == 202


EDITS: dict[str, tuple[Any, list[str]]] = {
    "nothing": ({}, ["body"]),
    "a list": ([], ["body"]),
    "its platform": ({"platform": "YOUTUBE"}, ["platform"]),
    "its video": ({"videoId": "x"}, ["videoId"]),
    "its account": ({"accountId": "x"}, ["accountId"]),
    "its attempts": ({"options": {"attempts": 5}}, ["options.attempts"]),
    "priority 0": ({"options": {"priority": 0}}, ["options.priority"]),
    "long caption": ({"caption": "😀" * 1101}, ["caption"]),
    "long with the old caption": ({"hashtags": ["x" * 200] * 1 + ["y" * 199]}, ["caption"]),
    "unlisted": ({"privacyLevel": "unlisted"}, ["privacyLevel"]),
    "feed": ({"shareToFeed": True}, ["shareToFeed"]),
    "option of another": ({"platformOptions": {"tags": []}}, ["platformOptions.tags"]),
    "cover after the film": (
        {"platformOptions": {"coverTimestampMs": 60_000}},
        ["platformOptions.coverTimestampMs"],
    ),
    "past": ({"scheduledTime": "2020-01-01T00:00:00Z"}, ["scheduledTime"]),
    "two things": ({"caption": 5, "privacyLevel": "unlisted"}, ["caption", "privacyLevel"]),
}


@pytest.mark.parametrize("case", EDITS)
def test_bad_change_is_refused(alice: Caller, case: str) -> None:
    body, fields = EDITS[case]
    job_id = alice.publish(caption="x" * 1900, scheduledTime=in_time(hours=1))["jobId"]
    before = alice.get(f"/{job_id}").json
    answer = alice.patch(job_id, body)
    assert answer.status_code == 400
    assert answer.json is not None and sorted(answer.json["errors"]) == fields
    assert alice.get(f"/{job_id}").json == before


RESOLUTIONS: dict[str, tuple[Any, list[str]]] = {
    "nothing": ({}, ["live"]),
    "live a text": ({"live": "yes"}, ["live"]),
    "live null": ({"live": None}, ["live"]),
    "link of nothing": ({"live": False, "url": "https://a.example/1"}, ["url"]),
    "id of nothing": ({"live": False, "platformPostId": "1"}, ["platformPostId"]),
    "id empty": ({"live": True, "platformPostId": ""}, ["platformPostId"]),
    "id too long": ({"live": True, "platformPostId": "x" * 256}, ["platformPostId"]),
    "id with NUL": ({"live": True, "platformPostId": "\x00"}, ["platformPostId"]),
    "link no link": ({"live": True, "url": "javascript:alert(1)"}, ["url"]),
    "link too long": ({"live": True, "url": f"https://a.example/{'x' * 1000}"}, ["url"]),
    "unknown": ({"live": True, "extra": 1}, ["extra"]),
}


@pytest.mark.parametrize("case", RESOLUTIONS)
def test_bad_resolution_is_refused(alice: Caller, case: str) -> None:
    body, fields = RESOLUTIONS[case]
    job_id = alice.publish()["jobId"]
    answer = alice.post(f"/{job_id}/resolve", body)
    assert answer.status_code == 400
    assert answer.json is not None and sorted(answer.json["errors"]) == fields


def test_refused_posts_leave_no_row(alice: Caller, context: object) -> None:
    alice.post("", alice.body(caption=5))
    alice.post("/validate", alice.body())
    with transaction() as session:
        assert session.query(PublishJob).count() == 0
