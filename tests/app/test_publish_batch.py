"""Batches: staggered, several platforms at once, all or none."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.clock import utcnow
from app.database.transaction import transaction
from app.ids import new_id
from app.models import PublishJob
from tests.app.conftest import Caller, in_time, moment


def test_posts_are_staggered(alice: Caller) -> None:
    start = utcnow() + timedelta(hours=2)
    posts = [alice.body(caption=f"Post {number}") for number in range(4)]
    body = {"posts": posts, "intervalMinutes": 30, "startTime": start.isoformat()}
    answer = alice.post("/batch", body)
    assert answer.status_code == 202
    assert answer.json is not None
    times = [moment(job["scheduledTime"]) for job in answer.json["jobs"]]
    expected = [start + timedelta(minutes=30 * number) for number in range(4)]
    for time, wanted in zip(times, expected, strict=True):
        assert abs(time - wanted) < timedelta(milliseconds=2)
    for number, job in enumerate(answer.json["jobs"]):
        status = alice.get(f"/{job['jobId']}/status").json
        assert status is not None
        assert status["data"]["caption"] == f"Post {number}"
        assert status["batchId"] == answer.json["batchId"]
        assert (status["state"], status["data"]["options"]["priority"]) == ("delayed", 3)


def test_first_post_goes_out_at_once_without_a_start(alice: Caller) -> None:
    body = {"posts": [alice.body(), alice.body("YOUTUBE")], "intervalMinutes": 0.5}
    answer = alice.post("/batch", body).json
    assert answer is not None
    first, second = (alice.get(f"/{job['jobId']}/status").json for job in answer["jobs"])
    assert first is not None and second is not None
    assert (first["state"], first["data"]["options"]["priority"]) == ("waiting", 5)
    assert (second["state"], second["data"]["options"]["priority"]) == ("delayed", 3)
    shown = [status["scheduledTime"] for status in (first, second)]
    assert shown[0] is None and shown[1] is not None
    assert [job["scheduledTime"] for job in answer["jobs"]] == shown


def test_one_video_goes_to_all_platforms_at_once(alice: Caller) -> None:
    posts = [alice.body(platform) for platform in ("TIKTOK", "INSTAGRAM", "YOUTUBE")]
    answer = alice.post("/batch", {"posts": posts, "intervalMinutes": 0}).json
    assert answer is not None
    statuses = [alice.get(f"/{job['jobId']}/status").json or {} for job in answer["jobs"]]
    assert [status["state"] for status in statuses] == ["waiting"] * 3
    assert [status["data"]["platform"] for status in statuses] == [
        "TIKTOK",
        "INSTAGRAM",
        "YOUTUBE",
    ]


def test_posts_may_bring_their_own_times(alice: Caller) -> None:
    times = [in_time(hours=5), in_time(hours=1)]
    posts = [alice.body(scheduledTime=time) for time in times]
    answer = alice.post("/batch", {"posts": posts}).json
    assert answer is not None
    assert [job["scheduledTime"] for job in answer["jobs"]] == times


def test_interval_beyond_a_year_is_refused_in_whole_minutes(alice: Caller) -> None:
    answer = alice.post("/batch", {"posts": [alice.body()], "intervalMinutes": 600_000}).json
    assert answer is not None
    assert answer["errors"]["intervalMinutes"] == [
        "Must be greater than or equal to 0 and less than or equal to 527040."
    ]


def test_one_bad_post_keeps_all_from_being_made(alice: Caller, context: Flask) -> None:
    posts = [alice.body() for _ in range(5)]
    posts[3]["videoId"] = new_id()
    posts[4]["privacyLevel"] = "unlisted"
    answer = alice.post("/batch", {"posts": posts, "intervalMinutes": 5})
    assert answer.status_code == 400
    assert answer.json is not None
    assert list(answer.json["errors"]) == ["posts.3.videoId", "posts.4.privacyLevel"]
    with transaction() as session:
        assert session.query(PublishJob).count() == 0


def test_a_hundred_posts_are_taken(alice: Caller) -> None:
    """Of the longest, in a script whose letters many a back end escapes."""
    options = {"title": "語" * 100}
    post = alice.body("YOUTUBE", caption="語" * 1666, platformOptions=options)
    posts = [post] * 100
    answer = alice.post("/batch", {"posts": posts, "intervalMinutes": 10})
    assert answer.status_code == 202
    assert answer.json is not None
    ids = [job["jobId"] for job in answer.json["jobs"]]
    assert len(set(ids)) == 100
    page = alice.get(f"?batchId={answer.json['batchId']}&limit=100").json
    assert page is not None
    assert [job["id"] for job in page["jobs"]] == ids[::-1]
