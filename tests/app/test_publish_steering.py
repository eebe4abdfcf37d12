"""Editing, cancelling, retrying and resolving a job, and when that is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Account, Notification
from app.publishing import claims, leased, outcomes, steer
from app.publishing.claims import Claim
from app.publishing.errors import WrongState
from app.states import AccountState
from tests.app.conftest import Caller, Json, in_time, moment


def started(platform: str = "TIKTOK") -> Claim:
    claim = claims.claim_next(platform, utcnow())
    assert claim is not None
    return claim


def failed(category: str, platform: str = "TIKTOK") -> None:
    outcomes.fail(started(platform), Failure("code", Category(category), "It broke."), utcnow())


def read(caller: Caller, job_id: str) -> Json:
    status = caller.get(f"/{job_id}/status").json
    assert status is not None
    return status


def test_change_replaces_what_it_names(alice: Caller) -> None:
    job_id = alice.publish("INSTAGRAM", hashtags=["old"], scheduledTime=in_time(hours=1))["jobId"]
    later = in_time(hours=2)
    answer = alice.patch(
        job_id,
        {
            "caption": "New",
            "hashtags": [],
            "shareToFeed": False,
            "platformOptions": {"audioName": "Song"},
            "scheduledTime": later,
            "options": {"priority": 10},
        },
    )
    assert answer.status_code == 200
    assert answer.json == read(alice, job_id)
    data = answer.json["data"] if answer.json else {}
    assert (data["caption"], data["hashtags"], data["shareToFeed"]) == ("New", [], False)
    assert data["platformOptions"] == {"audioName": "Song"}
    assert data["scheduledTime"] == later
    assert data["options"]["priority"] == 10


def test_null_time_publishes_at_once(alice: Caller, redis: Redis) -> None:
    job_id = alice.publish(scheduledTime=in_time(hours=1))["jobId"]
    answer = alice.patch(job_id, {"scheduledTime": None}).json
    assert answer is not None
    assert (answer["state"], answer["scheduledTime"]) == ("waiting", None)
    assert redis.lrange("rq:queue:publish-tiktok", 0, -1) == [f"{job_id}-1".encode()]


def test_job_that_waits_can_be_put_off(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    answer = alice.patch(job_id, {"scheduledTime": in_time(hours=1)}).json
    assert answer is not None and answer["state"] == "delayed"
    assert claims.claim_next("TIKTOK", utcnow()) is None


def test_change_does_not_ask_for_the_account_again(alice: Caller, context: Flask) -> None:
    job_id = alice.publish(scheduledTime=in_time(hours=1))["jobId"]
    with transaction() as session:
        account = session.get_one(Account, alice.accounts["TIKTOK"])
        account.state = AccountState.RECONNECT_REQUIRED
    assert alice.patch(job_id, {"caption": "New"}).status_code == 200


def test_job_between_two_attempts_can_be_changed(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    again_at = utcnow() + timedelta(minutes=5)
    outcomes.try_again(started(), Failure("c", Category.NETWORK, "m"), again_at, utcnow())
    answer = alice.patch(job_id, {"caption": "New"})
    assert answer.status_code == 200
    assert answer.json is not None and moment(answer.json["nextAttemptAt"]) > utcnow()


def test_of_two_changes_at_once_one_is_refused(alice: Caller, context: Flask) -> None:
    """Each alone would fit Instagram; nobody has judged the two together."""
    job_id = alice.publish("INSTAGRAM", scheduledTime=in_time(hours=1))["jobId"]
    judged = {"caption": "Hello", "hashtags": []}
    steer.edit(job_id, {"caption": "x" * 2200}, utcnow(), judged=judged)
    with pytest.raises(WrongState, match="at the same moment"):
        steer.edit(job_id, {"hashtags": ["long"]}, utcnow(), judged=judged)
    assert read(alice, job_id)["data"]["hashtags"] == []


@pytest.mark.parametrize("end", ["active", "cancelled", "failed", "completed"])
def test_change_of_what_has_begun_or_ended_is_409(alice: Caller, context: Flask, end: str) -> None:
    job_id = alice.publish()["jobId"]
    bring(alice, job_id, end)
    answer = alice.patch(job_id, {"caption": "New"})
    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None and end in answer.json["error"]
    assert read(alice, job_id)["data"]["caption"] == "Hello"


def bring(alice: Caller, job_id: str, state: str) -> None:
    if state == "cancelled":
        alice.post(f"/{job_id}/cancel")
    elif state == "failed":
        failed("video")
    elif state != "waiting":
        claim = started()
        if state == "completed":
            outcomes.complete(claim, utcnow(), platform_post_id="1", url=None, follow_up_at=None)


@pytest.mark.parametrize("when", ["waiting", "delayed"])
def test_job_that_has_not_begun_is_cancelled_at_once(
    alice: Caller, context: Flask, when: str
) -> None:
    extra = {"scheduledTime": in_time(hours=1)} if when == "delayed" else {}
    job_id = alice.publish(**extra)["jobId"]
    for _ in range(2):  # twice does no harm
        answer = alice.post(f"/{job_id}/cancel")
        assert answer.status_code == 200
        assert answer.json is not None and answer.json["state"] == "cancelled"
    assert claims.claim_next("TIKTOK", utcnow() + timedelta(days=1)) is None
    with transaction() as session:
        assert session.query(Notification).filter_by(type="publish.cancelled").count() == 1


def test_active_job_is_cancelled_at_the_next_point(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    started()
    answer = alice.post(f"/{job_id}/cancel").json
    assert answer is not None
    assert (answer["state"], answer["cancelRequested"]) == ("active", True)


def test_cancelling_too_late_is_409(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    claim = started()
    leased.save_checkpoint(claim, {}, utcnow(), commits=True)
    assert alice.post(f"/{job_id}/cancel").status_code == 409
    outcomes.complete(claim, utcnow(), platform_post_id="1", url=None, follow_up_at=None)
    assert alice.post(f"/{job_id}/cancel").status_code == 409


def test_failed_job_runs_again_with_fresh_attempts(
    alice: Caller, context: Flask, redis: Redis
) -> None:
    job_id = alice.publish()["jobId"]
    failed("account")
    answer = alice.post(f"/{job_id}/retry")
    assert answer.status_code == 202
    assert answer.json is not None
    assert (answer.json["state"], answer.json["attemptsMade"]) == ("waiting", 0)
    assert answer.json["error"] is None and answer.json["finishedAt"] is None
    assert started().job_id == job_id


@pytest.mark.parametrize("state", ["waiting", "active", "cancelled", "completed"])
def test_only_a_failed_job_is_retried(alice: Caller, context: Flask, state: str) -> None:
    job_id = alice.publish()["jobId"]
    bring(alice, job_id, state)
    assert alice.post(f"/{job_id}/retry").status_code == 409
    assert alice.post(f"/{job_id}/resolve", {"live": True}).status_code == 409


def test_refusal_names_the_state_that_the_status_shows(alice: Caller) -> None:
    """A row that waits for its time is stored as `waiting`."""
    job_id = alice.publish(scheduledTime=in_time(hours=1))["jobId"]
    answer = alice.post(f"/{job_id}/retry")
    assert answer.status_code == 409
    assert answer.json is not None and "delayed" in answer.json["error"]
    assert read(alice, job_id)["state"] == "delayed"


def test_refusals_speak_to_the_owner_of_the_post(alice: Caller, context: Flask) -> None:
    """No path of the API, and the platform by its name."""
    job_id = alice.publish()["jobId"]
    failed("ambiguous")
    retried, cancelled = (alice.post(f"/{job_id}/{call}").json for call in ("retry", "cancel"))
    assert retried is not None and cancelled is not None
    assert retried["error"] == "This post may be live: look on TikTok and say if it is"
    assert cancelled["error"] == "This post cannot be cancelled: it is already failed"


def test_ambiguous_job_is_live_by_a_persons_word(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    failed("ambiguous")
    assert alice.post(f"/{job_id}/retry").status_code == 409
    word = {"live": True, "platformPostId": "77", "url": "https://www.tiktok.com/@a/video/77"}
    answer = alice.post(f"/{job_id}/resolve", word)
    assert answer.status_code == 200
    assert answer.json is not None and answer.json["state"] == "completed"
    assert answer.json["result"] == {
        "platformPostId": "77",
        "url": "https://www.tiktok.com/@a/video/77",
        "platform": "TIKTOK",
    }
    assert alice.post(f"/{job_id}/resolve", word).status_code == 409


@pytest.mark.parametrize(
    ("platform", "url"),
    [
        ("TIKTOK", "https://vm.tiktok.com/ZM1"),
        ("INSTAGRAM", "https://www.instagram.com/reel/C1/"),
        ("YOUTUBE", "https://youtu.be/dQw4w9WgXcQ"),
        ("YOUTUBE", "HTTPS://WWW.YouTube.com/shorts/dQw4w9WgXcQ"),
    ],
)
def test_link_of_a_post_is_on_its_platform(
    alice: Caller, context: Flask, platform: str, url: str
) -> None:
    job_id = alice.publish(platform)["jobId"]
    failed("ambiguous", platform)
    assert alice.post(f"/{job_id}/resolve", {"live": True, "url": url}).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "https://www.tiktok.com.evil.example/x",
        "https://nottiktok.com/x",
        "https://www.tiktok.com@evil.example/x",
        "https://evil.example@www.tiktok.com/x",
        "https://evil.example:x@www.tiktok.com/x",
        "https://www.tiktok.com:8443/x",
        "https://youtu.be/dQw4w9WgXcQ",
    ],
)
def test_link_elsewhere_is_refused(alice: Caller, context: Flask, url: str) -> None:
    job_id = alice.publish()["jobId"]
    failed("ambiguous")
    answer = alice.post(f"/{job_id}/resolve", {"live": True, "url": url})
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["errors"] == {"url": ["Must be a link to tiktok.com."]}


def test_ambiguous_job_that_is_not_live_may_be_retried(alice: Caller, context: Flask) -> None:
    job_id = alice.publish()["jobId"]
    failed("ambiguous")
    answer = alice.post(f"/{job_id}/resolve", {"live": False}).json
    assert answer is not None and answer["state"] == "failed"
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("not_live", True)
    assert alice.post(f"/{job_id}/retry").status_code == 202


def test_id_that_no_platform_gives_is_refused_with_its_form(alice: Caller) -> None:
    job_id = alice.publish()["jobId"]
    answer = alice.post(f"/{job_id}/resolve", {"live": True, "platformPostId": "two words"})
    assert answer.json is not None
    assert answer.json["errors"] == {
        "platformPostId": ["Must be 1 to 255 characters without spaces."]
    }


CALLS = [
    ("GET", "/{}/status", None),
    ("GET", "/{}", None),
    ("PATCH", "/{}", {"caption": "Mine now"}),
    ("POST", "/{}/cancel", None),
    ("POST", "/{}/retry", None),
    ("POST", "/{}/resolve", {"live": True}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_job_of_another_user_does_not_exist(
    alice: Caller, bob: Caller, method: str, path: str, body: Json | None
) -> None:
    theirs = alice.publish()["jobId"]
    before = alice.get(f"/{theirs}").json
    answers = []
    for job_id in (theirs, "01M852RBF03352V8FMRRVNSXYW", "nonsense", "%00"):
        answer = bob.client.open(
            f"/api/publish{path.format(job_id)}", method=method, json=body, headers=bob.headers
        )
        assert answer.status_code == 404
        answers.append(answer.get_data())
    assert len(set(answers)) == 1
    assert alice.get(f"/{theirs}").json == before


def test_jobs_of_others_are_not_listed(alice: Caller, bob: Caller) -> None:
    batch = alice.post("/batch", {"posts": [alice.body()]}).json
    assert batch is not None
    assert bob.get().json == {"jobs": [], "nextCursor": None}
    assert bob.get(f"?batchId={batch['batchId']}").json == {"jobs": [], "nextCursor": None}
