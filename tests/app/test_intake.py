"""Concurrent single posts are written as a group, with the same result as one by one."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, Table, event, insert, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.checks.posts import UncheckedPost
from app.clock import utcnow
from app.config import Config
from app.database.engine import WEB_POOL
from app.database.inserting import insert_rows
from app.database.transaction import transaction
from app.extensions import db
from app.ids import new_id
from app.intake.group_commit import GroupCommit
from app.intake.posts import IntakeResult, PostRequest, accept_many, accept_one, wake_accepted
from app.models import Lane, PublishJob, TimelineEntry
from app.publishing.create import KeyedRequest
from app.queues import PUBLISH_QUEUES, RunQueue
from app.schemas.publish import PublishSchema
from app.states import JobState, VideoState
from tests.app.conftest import Caller, in_time
from tests.app.web import free_port, running_web
from tests.factories import make_video
from tests.processes import PATIENCE_SECONDS, wait_until


def asked(
    caller: Caller, key: str = "", /, at: datetime | None = None, **changes: Any
) -> PostRequest:
    values = PublishSchema().load(caller.body(**changes))
    keyed = KeyedRequest(caller.user, key, "hash of the body") if key else None
    return PostRequest(UncheckedPost(caller.user, values, {}, at or utcnow()), keyed)


def job_of(taken: IntakeResult | None) -> PublishJob:
    assert taken is not None and taken.job is not None, taken
    return taken.job


def stored_jobs() -> int:
    with transaction() as session:
        return session.query(PublishJob).count()


def test_each_of_a_group_is_stored_whole_and_woken(
    context: Flask, alice: Caller, bob: Caller, redis: Redis
) -> None:
    group = [asked(alice, caption="One"), asked(bob, caption="Two"), asked(alice, caption="Three")]
    taken = accept_many(group)
    jobs = [job_of(one) for one in taken]
    assert [(job.user_id, job.caption) for job in jobs] == [
        ("alice", "One"),
        ("bob", "Two"),
        ("alice", "Three"),
    ]
    with transaction() as session:
        for job in jobs:
            row = session.get_one(PublishJob, job.id)
            names = [column.name for column in PublishJob.__table__.columns]
            told = {name: getattr(job, name) for name in names if name in job.__dict__}
            assert told == {name: getattr(row, name) for name in told} and len(told) > 20
            assert (row.risks_told, row.run_number, row.is_leased) == ([], 0, False)
            entries = session.query(TimelineEntry).filter_by(job_id=job.id)
            assert [entry.name for entry in entries.order_by(TimelineEntry.id)] == [
                "accepted",
                "queue",
            ]
        lanes = {lane.account_id: lane.head_due_at for lane in session.query(Lane)}
    assert lanes == {
        alice.accounts["TIKTOK"]: jobs[0].due_at,
        bob.accounts["TIKTOK"]: jobs[1].due_at,
    }
    wake_accepted([one for one in taken if one is not None])
    queued = RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).job_ids
    assert sorted(queued) == sorted(f"{job.id}-0" for job in jobs)


def test_nobody_in_a_group_gets_at_what_is_anothers(
    context: Flask, alice: Caller, bob: Caller
) -> None:
    stolen_video = asked(bob, videoId=alice.video_id)
    stolen_account = asked(bob, accountId=alice.accounts["TIKTOK"])
    taken = accept_many([asked(alice), stolen_video, stolen_account, asked(bob)])
    assert job_of(taken[0]).user_id == "alice" and job_of(taken[3]).user_id == "bob"
    assert taken[1] == IntakeResult(None, {"videoId": ["There is no such video."]})
    assert taken[2] == IntakeResult(None, {"accountId": ["There is no such account."]})
    assert stored_jobs() == 2


def test_a_key_seen_before_goes_by_itself(context: Flask, alice: Caller) -> None:
    first, twin, other = accept_many([asked(alice, "k"), asked(alice, "k"), asked(alice, "l")])
    assert twin is None
    assert job_of(accept_one(asked(alice, "k"))).id == job_of(first).id
    assert accept_many([asked(alice, "l")]) == [None]
    assert stored_jobs() == 2 and job_of(other).id != job_of(first).id


def test_an_upload_to_be_looked_for_goes_by_itself(context: Flask, alice: Caller) -> None:
    coming = make_video("alice", state=VideoState.UPLOADING, upload_expires_at=utcnow()).id
    found, looked_for = accept_many([asked(alice), asked(alice, videoId=coming)])
    assert looked_for is None
    assert job_of(found).video_id == alice.video_id
    taken = accept_one(asked(alice, videoId=coming))
    assert taken.job is None and list(taken.faults) == ["videoId"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_row_that_somebody_holds_keeps_its_own_request_alone(
    context: Flask, alice: Caller, bob: Caller, postgres: Engine
) -> None:
    account_id = job_of(accept_one(asked(alice))).account_id
    with postgres.begin() as holder:
        held = text("SELECT * FROM lanes WHERE account_id = :id FOR UPDATE")
        holder.execute(held, {"id": account_id})
        assert accept_many([asked(alice), asked(bob)]) == [None, None]
        assert job_of(accept_one(asked(bob))).user_id == "bob"
    assert stored_jobs() == 2
    assert [job_of(taken).user_id for taken in accept_many([asked(alice), asked(bob)])] == [
        "alice",
        "bob",
    ]


def test_a_bug_in_one_check_is_that_of_its_request_alone(
    context: Flask, alice: Caller, bob: Caller
) -> None:
    broken = make_video("alice", probe={"not": "a probe"}).id
    assert accept_many([asked(alice, videoId=broken), asked(bob)]) == [None, None]
    assert job_of(accept_one(asked(bob))).user_id == "bob"
    with pytest.raises(TypeError):
        accept_one(asked(alice, videoId=broken))
    assert stored_jobs() == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_without_a_connection_to_spare_is_not_asked_twice(
    context: Flask, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.engine.pool, "_timeout", 0.2)
    with ExitStack() as taken:
        for _ in range(WEB_POOL.kept + WEB_POOL.more):
            taken.enter_context(db.engine.connect())
        with pytest.raises(PoolTimeout):
            accept_many([asked(alice), asked(alice)])
        assert alice.post("", alice.body()).status_code == 503
    alice.publish()


def test_time_is_judged_by_when_it_was_asked(context: Flask, alice: Caller) -> None:
    waited = asked(alice, at=utcnow() - timedelta(minutes=2), scheduledTime=in_time(minutes=-1))
    job = job_of(accept_many([waited])[0])
    assert job.scheduled_time == waited.post.values["scheduled_time"]


def test_rows_are_those_that_sqlalchemy_would_write(context: Flask, alice: Caller) -> None:
    texts = [
        "",
        " spaces ",
        "\u2028",
        "👩‍👩‍👧",
        "\\u0041",
        "\"'%s %(rows)s :x",
        "null",
        "x" * 2200,
    ]
    columns = [
        {
            "user_id": "alice",
            "account_id": alice.accounts["TIKTOK"],
            "video_id": alice.video_id,
            "platform": "TIKTOK",
            "caption": text,
            "hashtags": [text],
            "privacy_level": "public",
            "platform_options": {"text": text, "none": None, "flag": True, "number": 1.5},
            "priority": 5,
            "max_attempts": 3,
            "backoff_type": "exponential",
            "backoff_delay_ms": 5000,
            "remove_on_fail": position,
            "state": JobState.WAITING,
            "due_at": utcnow() + timedelta(microseconds=position),
            "scheduled_time": None,
        }
        for position, text in enumerate(texts)
    ]
    table = cast(Table, PublishJob.__table__)
    ours, theirs = ([{"id": new_id(), **row} for row in columns] for _ in range(2))
    with transaction() as session:
        insert_rows(session, PublishJob, ours)
        session.execute(insert(table), theirs)
        for mine, other in zip(ours, theirs, strict=True):
            found = [
                dict(
                    session.execute(text("SELECT * FROM publish_jobs WHERE id = :id"), row)
                    .one()
                    ._mapping
                )
                for row in ({"id": mine["id"]}, {"id": other["id"]})
            ]
            for row in found:
                del row["id"], row["created_at"]
            assert found[0] == found[1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_group_whose_commit_got_no_answer_is_not_tried_again(
    app: Flask, alice: Caller, postgres: Engine
) -> None:
    def end_backend(connection: Any) -> None:
        pid = connection.connection.driver_connection.info.backend_pid
        with postgres.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    with app.app_context():
        event.listen(db.engine, "commit", end_backend, once=True)
    assert alice.post("", alice.body()).status_code == 503
    with app.app_context():
        assert stored_jobs() == 0
    alice.publish()


def test_requests_at_the_same_time_take_one_transaction(
    app: Flask, alice: Caller, bob: Caller
) -> None:
    """All that come while the first one is being written are the second group."""
    sizes: list[int] = []
    commits: list[str] = []

    def accept_when_others_wait(group: Sequence[PostRequest]) -> Sequence[IntakeResult | None]:
        sizes.append(len(group))
        if len(sizes) == 1:
            wait_until(lambda: len(groups._waiting) == 15, "the others to queue up")
        return accept_many(group)

    # As in `Intake`, but nobody loses patience.
    groups: GroupCommit[PostRequest, IntakeResult] = GroupCommit(
        accept_one, accept_when_others_wait, wake_accepted, patience_seconds=PATIENCE_SECONDS
    )
    app.extensions["intake"] = SimpleNamespace(accept=groups.submit)

    def send(number: int) -> int:
        caller = (alice, bob)[number % 2]
        body = caller.body(caption=f"Number {number}")
        answer = app.test_client().post("/api/publish", json=body, headers=caller.headers)
        return answer.status_code

    def count(connection: Any) -> None:
        commits.append("one more")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", count)
    try:
        with ThreadPoolExecutor(16) as pool:
            assert [*pool.map(send, range(16))] == [202] * 16
    finally:
        event.remove(engine, "commit", count)
    assert sizes == [1, 15] and len(commits) == 2
    with app.app_context():
        assert stored_jobs() == 16


def test_web_process_killed_amid_groups_loses_and_doubles_nothing(
    config: Config, app: Flask, alice: Caller, tmp_path: Path
) -> None:
    served = replace(config, port=free_port())
    callers = 12
    answered: dict[str, str] = {}
    is_enough = threading.Event()

    def publish(key: str) -> None:
        def is_answered() -> bool:
            try:
                answer = _post(served, alice, key)
            except requests.RequestException:
                return False
            assert answer.status_code == 202, answer.text
            answered[key] = answer.json()["jobId"]
            return True

        wait_until(is_answered, "an answer")

    def publish_until_enough(caller: int) -> int:
        for number in itertools.count():
            if is_enough.is_set():
                return number
            publish(f"{caller}-{number}")
        raise AssertionError("unreachable")

    with ThreadPoolExecutor(callers) as pool, ExitStack() as stack:
        stack.callback(is_enough.set)  # the callers must end whatever fails
        with running_web(served, tmp_path / "web.log") as web:
            told = [pool.submit(publish_until_enough, caller) for caller in range(callers)]
            wait_until(lambda: len(answered) >= 2 * callers, "posts are being taken on")
            web.kill()
        before = dict(answered)
        with running_web(served, tmp_path / "web.log") as web:
            wait_until(lambda: len(answered) >= len(before) + 2 * callers, "more of them")
            is_enough.set()
            asked_for = sum(future.result(PATIENCE_SECONDS) for future in told)
            again = {key: _post(served, alice, key).json()["jobId"] for key in before}
    assert again == before
    with app.app_context():
        assert stored_jobs() == len(set(answered.values())) == asked_for


def _post(config: Config, caller: Caller, key: str) -> requests.Response:
    return requests.post(
        f"http://127.0.0.1:{config.port}/api/publish",
        json=caller.body(caption=f"Post {key}"),
        headers={**caller.headers, "Idempotency-Key": key},
        timeout=PATIENCE_SECONDS,
    )
