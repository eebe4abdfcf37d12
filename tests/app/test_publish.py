"""Publishing a post and reading its job."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app.accounts import Connection, connect_account, store_video_limit
from app.clock import to_iso, utcnow
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Account, PublishJob, Video
from app.publishing import claims, leased, outcomes
from app.states import AccountState, Step, VideoState
from tests.app.conftest import Caller, in_time, moment
from tests.factories import FITTING_PROBE, make_account, make_video

EVERYTHING: dict[str, dict[str, Any]] = {
    "TIKTOK": {
        "disableComment": True,
        "disableDuet": True,
        "disableStitch": True,
        "coverTimestampMs": 10_000,
        "containsSyntheticMedia": True,
        "brandOrganicToggle": True,
    },
    "INSTAGRAM": {
        "coverUrl": "https://pictures.example/cover.jpg",
        "thumbOffsetMs": 9_999,
        "audioName": "A song",
        "collaborators": ["one", "two", "three"],
        "locationId": "110774245616525",
        "containsSyntheticMedia": False,
        "commentEnabled": False,
    },
    "YOUTUBE": {
        "title": "A title 🎬",
        "description": "Words\nand more words",
        "tags": ["one", "two words"],
        "categoryId": "22",
        "madeForKids": False,
        "containsSyntheticMedia": True,
        "license": "creativeCommon",
        "embeddable": True,
        "publicStatsViewable": False,
        "notifySubscribers": False,
        "defaultLanguage": "pt-BR",
        "recordingDate": "2026-01-31",
    },
}


def test_post_is_taken_on(alice: Caller, redis: Redis) -> None:
    answer = alice.post("", alice.body(hashtags=["one", "#two"]))
    assert answer.status_code == 202
    said = answer.json
    assert said is not None
    link = f"http://127.0.0.1:8000/api/publish/{said['jobId']}"
    assert said == {
        "jobId": said["jobId"],
        "state": "waiting",
        "message": "Publishing in progress",
        "links": {"self": link, "status": f"{link}/status"},
    }
    assert answer.headers["Location"] == link
    for path in said["links"].values():
        assert alice.client.get(path, headers=alice.headers).status_code == 200
    assert redis.lrange("rq:queue:publish-tiktok", 0, -1) == [f"{said['jobId']}-0".encode()]


@pytest.mark.parametrize("platform", list(EVERYTHING))
def test_every_field_comes_back_as_it_was_given(alice: Caller, platform: str) -> None:
    body = alice.body(
        platform,
        caption="Hello, wörld 🎬",
        hashtags=["one", "#two"],
        accountId=alice.accounts[platform],
        privacyLevel="public",
        platformOptions=EVERYTHING[platform],
        scheduledTime=in_time(days=3),
        options={
            "priority": 9,
            "attempts": 7,
            "backoff": {"type": "fixed", "delay": 1500},
            "removeOnComplete": True,
            "removeOnFail": 1000,
        },
    )
    if platform == "INSTAGRAM":
        body["shareToFeed"] = False
    said = alice.publish(platform, **{k: v for k, v in body.items() if k != "platform"})
    assert said["state"] == "delayed"
    assert said["message"] == "Post scheduled"
    assert said["scheduledTime"] == body["scheduledTime"]
    status = alice.get(f"/{said['jobId']}/status").json
    assert status is not None
    assert status["data"] == body
    assert status["attempts"] == 7
    assert status["nextAttemptAt"] == status["scheduledTime"] == body["scheduledTime"]


def test_defaults_are_those_of_the_contract(alice: Caller) -> None:
    job_id = alice.publish()["jobId"]
    status = alice.get(f"/{job_id}/status").json
    assert status is not None
    assert status["data"]["options"] == {
        "priority": 5,
        "attempts": 3,
        "backoff": {"type": "exponential", "delay": 5000},
        "removeOnComplete": False,
        "removeOnFail": False,
    }
    assert status["data"]["accountId"] == alice.accounts["TIKTOK"]
    assert status["data"]["privacyLevel"] == "public"
    assert (status["progress"], status["step"], status["attemptsMade"]) == (0, None, 0)
    for name in ("result", "failedReason", "error", "nextAttemptAt", "scheduledTime", "startedAt"):
        assert status[name] is None
    assert status["data"]["scheduledTime"] is None


def test_scheduled_post_yields_to_an_immediate_one(alice: Caller) -> None:
    for extra in ({"scheduledTime": in_time(hours=1)}, {"options": {"delay": 60_000}}):
        said = alice.publish(**extra)
        status = alice.get(f"/{said['jobId']}/status").json
        assert status is not None
        assert status["data"]["options"]["priority"] == 3
        assert said["message"] == "Post scheduled"


def test_delay_is_a_time_from_now(alice: Caller) -> None:
    before = utcnow()
    said = alice.publish(options={"delay": 90_000})
    due = moment(said["scheduledTime"])
    millisecond = timedelta(milliseconds=1)  # an answer's times are cut to it
    assert before - millisecond <= due - timedelta(seconds=90) <= utcnow()
    assert alice.publish(options={"delay": 0})["message"] == "Publishing in progress"


@pytest.mark.parametrize(
    ("written", "offset_hours"),
    [
        ("{:%Y-%m-%dT%H:%M:%S}+05:30", 5.5),
        ("{:%Y-%m-%dT%H:%M:%S}-0800", -8),
        ("{:%Y-%m-%dT%H:%M}Z", 0),
        ("{:%Y-%m-%d %H:%M:%S}.123456789z", 0),
    ],
)
def test_times_are_read_with_their_offset(alice: Caller, written: str, offset_hours: float) -> None:
    instant = (utcnow() + timedelta(days=2)).replace(second=0, microsecond=0)
    local = instant + timedelta(hours=offset_hours)
    said = alice.publish(scheduledTime=written.format(local))
    assert abs(moment(said["scheduledTime"]) - instant) < timedelta(seconds=1)


def test_status_tells_of_success(alice: Caller, context: Flask) -> None:
    job_id = alice.publish("YOUTUBE")["jobId"]
    claim = claims.claim_next("YOUTUBE", utcnow())
    assert claim is not None
    leased.begin_steps(claim, [Step.UPLOAD], utcnow())
    status = alice.get(f"/{job_id}/status").json
    assert status is not None
    assert (status["state"], status["step"], status["progress"]) == ("active", "upload", 40)
    outcomes.complete(
        claim,
        utcnow(),
        platform_post_id="abc",
        url="https://www.youtube.com/watch?v=abc",
        follow_up_at=None,
    )
    status = alice.get(f"/{job_id}/status").json
    assert status is not None
    assert (status["state"], status["progress"], status["attemptsMade"]) == ("completed", 100, 1)
    assert status["result"] == {
        "platformPostId": "abc",
        "url": "https://www.youtube.com/watch?v=abc",
        "platform": "YOUTUBE",
    }
    assert status["finishedAt"] >= status["startedAt"] >= status["createdAt"]


@pytest.mark.parametrize(
    ("code", "category", "is_retryable"),
    [
        ("some_code", "network", True),
        ("some_code", "account", True),
        ("some_code", "video", False),
        ("video_missing", "video", True),
        ("video_changed", "video", True),
        ("some_code", "ambiguous", False),
    ],
)
def test_status_tells_of_failure(
    alice: Caller, context: Flask, code: str, category: str, is_retryable: bool
) -> None:
    job_id = alice.publish()["jobId"]
    claim = claims.claim_next("TIKTOK", utcnow())
    assert claim is not None
    outcomes.fail(claim, Failure(code, Category(category), "It broke.", "Mend it."), utcnow())
    status = alice.get(f"/{job_id}/status").json
    assert status is not None
    assert (status["state"], status["failedReason"]) == ("failed", "It broke.")
    assert status["error"] == {
        "code": code,
        "category": category,
        "message": "It broke.",
        "hint": "Mend it.",
        "retryable": is_retryable,
    }


def test_story_tells_why_a_job_waits(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    claim = claims.claim_next("TIKTOK", utcnow())
    assert claim is not None
    again_at = utcnow() + timedelta(minutes=5)
    outcomes.try_again(
        claim, Failure("HTTP 503", Category.PLATFORM, "Try later."), again_at, utcnow()
    )
    story = alice.get(f"/{job_id}").json
    assert story is not None
    assert (story["state"], story["nextAttemptAt"]) == ("delayed", to_iso(again_at))
    assert story["error"]["retryable"] is True
    assert story["failedReason"] is None
    assert story["waiting"]["name"] == "backoff"
    assert story["waiting"]["until"] == to_iso(again_at)
    assert story["waiting"]["error"]["message"] == "Try later."
    kinds = [(entry["kind"], entry["outcome"]) for entry in story["timeline"]]
    assert kinds == [
        ("change", None),
        ("wait", "done"),
        ("attempt", "failed"),
        ("step", "failed"),
        ("wait", None),
    ]


def test_no_token_is_in_any_answer(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    claim = claims.claim_next("TIKTOK", utcnow())
    assert claim is not None
    leased.save_checkpoint(claim, {"upload_url": "https://secret.example/"}, utcnow())
    with transaction() as session:
        account = session.get_one(Account, alice.accounts["TIKTOK"])
        secrets = [account.access_token, account.refresh_token, "secret.example"]
    for path in ("", f"/{job_id}", f"/{job_id}/status"):
        text = alice.get(path).text
        assert [secret for secret in secrets if str(secret) in text] == []


def test_jobs_are_listed_newest_first_page_by_page(alice: Caller) -> None:
    made = [alice.publish(scheduledTime=in_time(hours=1))["jobId"] for _ in range(5)]
    seen: list[str] = []
    query = "?limit=2"
    for expected in (2, 2, 1):
        page = alice.get(query).json
        assert page is not None and len(page["jobs"]) == expected
        seen += [job["id"] for job in page["jobs"]]
        query = f"?limit=2&cursor={page['nextCursor']}"
        alice.publish()  # newer ones do not move the pages
    assert page["nextCursor"] is None
    assert seen == made[::-1]


def test_jobs_are_listed_by_what_is_asked_for(alice: Caller, context: Flask) -> None:
    waiting = alice.publish()["jobId"]
    delayed = alice.publish("YOUTUBE", scheduledTime=in_time(hours=1))["jobId"]
    cancelled = alice.publish("INSTAGRAM")["jobId"]
    alice.post(f"/{cancelled}/cancel")
    batch = alice.post("/batch", {"posts": [alice.body("YOUTUBE")]}).json
    assert batch is not None
    with transaction() as session:  # a row whose time has come waits, without a write
        overdue = session.get_one(PublishJob, delayed)
        assert overdue.due_at is not None

    def listed(query: str) -> set[str]:
        page = alice.get(f"?{query}").json
        assert page is not None
        return {job["id"] for job in page["jobs"]}

    in_batch = batch["jobs"][0]["jobId"]
    assert listed("state=waiting") == {waiting, in_batch}
    assert listed("state=delayed") == {delayed}
    assert listed("state=cancelled") == {cancelled}
    assert listed("state=active") == set()
    assert listed("platform=YOUTUBE") == {delayed, in_batch}
    assert listed(f"batchId={batch['batchId']}") == {in_batch}
    assert listed("batchId=unknown") == set()
    assert listed("state=delayed&platform=TIKTOK") == set()


def broken_account(state: str) -> dict[str, Any]:
    if state == "disconnected":
        return {"deleted_at": utcnow()}
    return {"state": AccountState.RECONNECT_REQUIRED, "state_reason": "The password was changed."}


@pytest.mark.parametrize("state", ["disconnected", "reconnect"])
def test_account_that_does_not_work_is_refused(alice: Caller, context: Flask, state: str) -> None:
    with transaction() as session:
        account = session.get_one(Account, alice.accounts["TIKTOK"])
        for name, value in broken_account(state).items():
            setattr(account, name, value)
    for body in (alice.body(), alice.body(accountId=alice.accounts["TIKTOK"])):
        answer = alice.post("", body)
        assert answer.status_code == 400
        assert answer.json is not None and list(answer.json["errors"]) == ["accountId"]


def test_one_of_several_accounts_must_be_named(alice: Caller, context: Flask) -> None:
    second = make_account("TIKTOK").id
    answer = alice.post("", alice.body())
    assert answer.json is not None and list(answer.json["errors"]) == ["accountId"]
    status = alice.get(f"/{alice.publish(accountId=second)['jobId']}/status").json
    assert status is not None and status["data"]["accountId"] == second
    wrong = alice.post("", alice.body(accountId=alice.accounts["YOUTUBE"]))
    assert wrong.json is not None and "YouTube" in wrong.json["error"]


VIDEOS: dict[str, tuple[str, dict[str, Any]]] = {
    "uploading": ("TIKTOK", {"state": VideoState.UPLOADING, "probe": None}),
    "invalid": ("TIKTOK", {"state": VideoState.INVALID, "state_reason": "It is a picture."}),
    "deleted": ("TIKTOK", {"deleted_at": datetime.fromisoformat("2026-01-01T00:00:00+00:00")}),
    "too long": ("TIKTOK", {"probe": {**FITTING_PROBE, "duration_seconds": 601.0}}),
    "too short": ("INSTAGRAM", {"probe": {**FITTING_PROBE, "duration_seconds": 2.0}}),
}


@pytest.mark.parametrize("case", VIDEOS)
def test_video_that_cannot_be_published_is_refused(
    alice: Caller, context: Flask, case: str
) -> None:
    platform, columns = VIDEOS[case]
    video = make_video(**columns)
    answer = alice.post("", alice.body(platform, videoId=video.id))
    assert answer.status_code == 400
    assert answer.json is not None and list(answer.json["errors"]) == ["videoId"]


def test_validation_warns_of_what_will_not_go_as_wished(alice: Caller, context: Flask) -> None:
    assert alice.post("/validate", alice.body()).json == {
        "valid": True,
        "errors": {},
        "warnings": {},
    }
    video = make_video(probe={**FITTING_PROBE, "moov_first": False})
    checked = alice.post("/validate", alice.body("INSTAGRAM", videoId=video.id)).json
    assert checked is not None and checked["valid"] is True
    assert checked["warnings"]["videoId"] == [
        "The file will be rewritten without any loss.",
        "The file's index (moov) is at the end; Instagram accepts it in front.",
    ]
    assert alice.get().json == {"jobs": [], "nextCursor": None}


def test_accounts_own_limit_is_warned_of_for_a_day(alice: Caller, context: Flask) -> None:
    account = make_account("YOUTUBE", username="short")
    video = make_video(probe={**FITTING_PROBE, "duration_seconds": 1000.0})
    body = alice.body("YOUTUBE", videoId=video.id, accountId=account.id)
    assert alice.post("/validate", body).json["valid"] is True  # type: ignore[index]
    store_video_limit(account.id, 900, utcnow())
    checked = alice.post("/validate", body).json
    assert checked is not None and checked["valid"] is True
    assert "at most 900 s" in checked["warnings"]["videoId"][0]
    store_video_limit(account.id, 900, utcnow() - timedelta(hours=25))
    assert "900 s of this account" not in alice.post("/validate", body).get_data(as_text=True)


def test_accounts_own_limit_is_forgotten_when_it_is_connected_again(
    alice: Caller, context: Flask
) -> None:
    account = make_account("YOUTUBE")
    video = make_video(probe={**FITTING_PROBE, "duration_seconds": 1000.0})
    body = alice.body("YOUTUBE", videoId=video.id, accountId=account.id)
    store_video_limit(account.id, 900, utcnow())
    assert "900 s of this account" in alice.post("/validate", body).get_data(as_text=True)
    connect_account(Connection("alice", "YOUTUBE", account.platform_user_id, "new"), utcnow())
    assert "900 s of this account" not in alice.post("/validate", body).get_data(as_text=True)


def test_validation_warns_of_a_limit_that_is_used_up(alice: Caller, context: Flask) -> None:
    for _ in range(2):  # TikTok's limit of one minute
        alice.publish()
        claim = claims.claim_next("TIKTOK", utcnow())
        assert claim is not None
        outcomes.complete(claim, utcnow(), platform_post_id=None, url=None, follow_up_at=None)
    checked = alice.post("/validate", alice.body()).json
    assert checked is not None and checked["valid"] is True
    assert any("wait until" in said for said in checked["warnings"]["platform"])
    later = alice.post("/validate", alice.body(scheduledTime=in_time(hours=1))).json
    assert later is not None and later["warnings"] == {}


def test_video_of_another_user_is_unknown(alice: Caller, bob: Caller) -> None:
    answer = alice.post("", alice.body(videoId=bob.video_id, accountId=bob.accounts["TIKTOK"]))
    assert answer.json is not None
    assert answer.json["errors"] == {
        "videoId": ["There is no such video."],
        "accountId": ["There is no such account."],
    }


def test_rows_are_there_before_the_answer(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    with transaction() as session:
        assert session.get_one(PublishJob, job_id).video_id == alice.video_id
        assert session.get_one(Video, alice.video_id).user_id == "alice"
