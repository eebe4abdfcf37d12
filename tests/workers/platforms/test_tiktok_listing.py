"""Searching for a post in the account's list once its publish id no longer answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workers.platforms.support import Job, Sandbox
from tests.workers.platforms.tiktok_job import INIT, LIST, STATUS, checkpoint, make_job
from workers.errors import Ambiguous, NetworkFailure
from workers.platforms.results import Published

LONG_TEXT = "A caption that is longer than what the list of videos shows, " * 5


@pytest.fixture
def account(control: Sandbox) -> dict[str, Any]:
    """An account whose token outlasts every test."""
    return control.account("TIKTOK", token_seconds=1_000_000)


def sent(control: Sandbox, job: Job) -> Job:
    """Return the job with its video live and its status refused from now on."""
    job.run()
    control.advance(5)
    control.fault("TIKTOK", STATUS, "error", code="invalid_publish_id", times=3)
    return job


@pytest.mark.parametrize(
    "text", ["A caption #fun", LONG_TEXT, "a" * 149 + "🎉 and on", "🎉" * 200, " "]
)
def test_post_that_fits_is_found(
    control: Sandbox, video: bytes, account: dict[str, Any], text: str
) -> None:
    make_job(control, video, account=account, text="another caption").carry_through()
    job = sent(control, make_job(control, video, account=account, text=text))
    post = control.posts()[-1]
    assert job.run() == Published(post["id"], post["url"])
    assert control.call_names().count(INIT) == 2


@pytest.mark.parametrize("text", ["A caption", "A caption #fun and more"])
def test_post_with_another_caption_does_not_match(
    control: Sandbox, video: bytes, account: dict[str, Any], text: str
) -> None:
    job = sent(control, make_job(control, video, account=account, text=text))
    other = make_job(control, video, account=account)
    other.journal.upload = checkpoint(job)
    with pytest.raises(Ambiguous) as raised:
        other.run()
    assert raised.value.code == "invalid_publish_id" and raised.value.hint


def test_post_of_another_duration_does_not_match(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    job = sent(control, make_job(control, video, account=account, duration_seconds=9.0))
    with pytest.raises(Ambiguous):
        job.run()


def test_post_of_another_job_does_not_match(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    job = sent(control, make_job(control, video, account=account))
    job.is_known_post = frozenset({control.posts()[0]["id"]}).__contains__
    with pytest.raises(Ambiguous):
        job.run()


def test_two_matching_posts_prove_nothing(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    first = make_job(control, video, account=account)
    first.run()
    job = sent(control, make_job(control, video, account=account))
    with pytest.raises(Ambiguous):
        job.run()


def test_older_post_with_the_same_caption_does_not_match(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    make_job(control, video, account=account).carry_through()
    control.advance(600)
    job = sent(control, make_job(control, video, account=account))
    assert job.run() == Published(control.posts()[1]["id"], control.posts()[1]["url"])


def test_newer_posts_are_paged_through(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    control.settings(tiktok_posts_per_day=100, tiktok_init_per_minute=100)
    control.settings(tiktok_creator_info_per_minute=100)
    job = make_job(control, video, account=account)
    job.run()
    control.advance(100)
    for number in range(25):
        make_job(control, video, account=account, text=f"Post {number}").run()
        control.advance(1)
    sent_again = sent(control, make_job(control, video, account=account, text="last"))
    sent_again.journal.upload, sent_again.draft = checkpoint(job), job.draft
    assert sent_again.run() == Published(control.posts()[0]["id"], control.posts()[0]["url"])
    assert len(control.calls(LIST)) == 2


@pytest.mark.parametrize(
    ("draft", "scopes"),
    [
        ({"privacy": "private"}, None),
        ({"text": ""}, None),
        ({}, ["video.publish"]),
    ],
)
def test_list_that_cannot_tell_is_not_read(
    control: Sandbox, video: bytes, draft: dict[str, Any], scopes: list[str] | None
) -> None:
    options = {} if scopes is None else {"scopes": scopes}
    account = control.account("TIKTOK", **options)
    job = sent(control, make_job(control, video, account=account, **draft))
    with pytest.raises(Ambiguous):
        job.run()
    assert control.calls(LIST) == []


def test_refused_list_proves_nothing(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    job = sent(control, make_job(control, video, account=account))
    control.fault("TIKTOK", LIST, "error", code="scope_not_authorized")
    with pytest.raises(Ambiguous):
        job.run()


def test_list_whose_response_is_lost_is_read_again(
    control: Sandbox, video: bytes, account: dict[str, Any]
) -> None:
    job = sent(control, make_job(control, video, account=account))
    control.fault("TIKTOK", LIST, "lost_answer")
    with pytest.raises(NetworkFailure):
        job.run()
    assert isinstance(job.run(), Published)


@pytest.mark.parametrize(
    "videos", [None, 7, [None], [{}], [{"id": 7, "create_time": "x"}], [{"duration": []}]]
)
def test_malformed_list_proves_nothing(
    control: Sandbox, video: bytes, account: dict[str, Any], videos: Any
) -> None:
    job = sent(control, make_job(control, video, account=account))
    body = {"data": {"videos": videos, "cursor": [], "has_more": 1}, "error": {"code": "ok"}}
    control.fault("TIKTOK", LIST, "error", status=200, body=body)
    with pytest.raises(Ambiguous):
        job.run()
