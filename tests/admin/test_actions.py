"""The operator's buttons: each does what the API call does, and only from our own pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import Account, Gate, Notification, PublishedPost, PublishJob
from app.publishing import outcomes, steer
from app.publishing.claims import claim_next
from app.states import AccountState, JobState, NotificationState
from tests.admin.conftest import SAME_ORIGIN, Operator, basic, dead_notification, fail
from tests.factories import make_account, make_job, make_video
from tests.rows import row

pytestmark = pytest.mark.usefixtures("context")


def is_paused(platform: str) -> bool:
    """Tell whether a platform is paused."""
    with transaction() as session:
        gate = session.get(Gate, platform, populate_existing=True)
        return gate is not None and gate.paused_at is not None


def all_buttons() -> list[str]:
    """Return the address of every button there is, of things that are there."""
    failed = fail(category="video")
    found = dead_notification()
    job = make_job("YOUTUBE")
    return [
        f"/jobs/{job.id}/cancel",
        f"/jobs/{failed}/retry",
        f"/jobs/{found.subject_id}/resolve",
        f"/notifications/{found.id}/redeliver",
        "/notifications/redeliver",
        "/platforms/TIKTOK/pause",
        "/platforms/TIKTOK/resume",
    ]


def test_a_waiting_job_is_cancelled(operator: Operator) -> None:
    job = make_job()
    answer = operator.press(f"/jobs/{job.id}/cancel")
    assert answer.status_code == 200 and "The job is cancelled" in answer.text
    assert row(job.id).state is JobState.CANCELLED


def test_a_job_at_work_is_cancelled_by_its_worker(operator: Operator) -> None:
    job = make_job()
    assert claim_next("TIKTOK", utcnow()) is not None
    assert "before it is published" in operator.press(f"/jobs/{job.id}/cancel").text
    assert row(job.id).cancel_requested
    assert "A cancellation was requested" in operator.page(f"/jobs/{job.id}")


def test_what_the_state_forbids_is_refused_with_the_reason(operator: Operator) -> None:
    job = make_job()
    assert "Only a failed post can be retried" in operator.press(f"/jobs/{job.id}/retry").text
    refused = operator.press(f"/jobs/{job.id}/resolve", live="no")
    assert "no doubt whether this post is live" in refused.text
    steer.cancel(job.id, utcnow())
    failed = fail(category="video")
    assert (
        "cannot be cancelled: it is already failed" in operator.press(f"/jobs/{failed}/cancel").text
    )
    assert row(job.id).state is JobState.CANCELLED


def test_a_failed_job_is_retried(operator: Operator) -> None:
    failed = fail(category="video")
    assert "continues from where it stopped" in operator.press(f"/jobs/{failed}/retry").text
    assert row(failed).state is JobState.WAITING


def test_a_retry_that_could_only_fail_is_refused_with_what_to_do(operator: Operator) -> None:
    failed = fail(category="account")
    account_id = row(failed).account_id
    with transaction() as session:
        account = session.get_one(Account, account_id)
        account.state = AccountState.RECONNECT_REQUIRED
    assert "Connect the account again, then retry" in operator.press(f"/jobs/{failed}/retry").text
    assert row(failed).state is JobState.FAILED


def test_an_unknown_outcome_is_resolved_as_live(operator: Operator) -> None:
    job_id = fail()
    link = "https://www.tiktok.com/@a/video/7"
    answer = operator.press(f"/jobs/{job_id}/resolve", live="yes", platformPostId=" 7 ", url=link)
    assert "recorded as live" in answer.text and link in answer.text
    assert row(job_id).state is JobState.COMPLETED
    with transaction() as session:
        post = session.query(PublishedPost).filter_by(job_id=job_id).one()
        assert (post.platform_post_id, post.url) == ("7", link)


def test_an_unknown_outcome_is_resolved_as_not_live_and_retried(operator: Operator) -> None:
    job_id = fail()
    assert "can be retried now" in operator.press(f"/jobs/{job_id}/resolve", live="no").text
    operator.press(f"/jobs/{job_id}/retry")
    assert row(job_id).state is JobState.WAITING


def test_a_word_that_is_wrong_is_refused_by_name(operator: Operator) -> None:
    job_id = fail()
    wrong: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "Say whether the post is live"),
        ({"live": "perhaps"}, "Say whether the post is live"),
        ({"live": "yes", "url": "http://plain.example/"}, "url: "),
        ({"live": "yes", "url": "javascript:alert(1)"}, "url: "),
        ({"live": "yes", "url": "https://evil.example/"}, "url: Must be a link to tiktok.com"),
        ({"live": "yes", "platformPostId": "two words"}, "platformPostId: "),
        ({"live": "yes", "platformPostId": "a\x00b"}, "platformPostId: "),
    )
    for fields, words in wrong:
        answer = operator.press(f"/jobs/{job_id}/resolve", **fields)
        assert answer.status_code == 200 and words in answer.text, fields
    assert row(job_id).error_category == "ambiguous"


def test_webhooks_are_sent_again(operator: Operator) -> None:
    found = dead_notification()
    answer = operator.press(f"/notifications/{found.id}/redeliver", job=found.subject_id)
    assert "publish.failed is being redelivered" in answer.text
    assert answer.request.path == f"/admin/jobs/{found.subject_id}"
    with transaction() as session:
        pending = session.get_one(Notification, found.id, populate_existing=True)
        assert pending.state is NotificationState.PENDING
        pending.state = NotificationState.DEAD
    assert "Webhooks being redelivered: 1" in operator.press("/notifications/redeliver").text
    again = operator.press(f"/notifications/{found.id}/redeliver")
    assert again.status_code == 409 and "on its way already" in again.text


def test_a_platform_is_paused_and_resumed(
    operator: Operator, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    account, video = make_account(), make_video()
    jobs = [make_job(account=account, video=video) for _ in range(3)]
    assert "TikTok is paused" in operator.press("/platforms/TIKTOK/pause").text
    assert is_paused("TIKTOK") and not is_paused("YOUTUBE")
    assert claim_next("TIKTOK", utcnow()) is None
    status = client.get(f"/api/publish/{jobs[0].id}/status", headers=auth()).get_json()
    assert (status["state"], status["attemptsMade"]) == ("delayed", 0)
    assert status["nextAttemptAt"] is None
    assert status["error"]["code"] == "platform_paused" and status["error"]["retryable"]
    shown = client.get("/api/platforms", headers=auth()).get_json()["platforms"]
    assert [one["pausedAt"] is not None for one in shown] == [True, False, False]
    [limits] = shown[0]["accounts"]
    assert limits["nextPost"]["beginsAt"] is None and "paused" in limits["nextPost"]["reason"]
    body = {"videoId": video.id, "platform": "TIKTOK", "caption": "Hello"}
    checked = client.post("/api/publish/validate", json=body, headers=auth()).get_json()
    assert "paused" in checked["warnings"]["platform"][0]
    assert "TikTok is resumed" in operator.press("/platforms/TIKTOK/resume").text
    order = []
    while (claim := claim_next("TIKTOK", utcnow())) is not None:
        order.append(claim.job_id)
        outcomes.complete(claim, utcnow(), platform_post_id=claim.job_id, url=None)
    assert order[0] == jobs[0].id


def test_what_is_not_there_is_a_404(operator: Operator) -> None:
    for path in (
        "/platforms/MYSPACE/pause",
        "/platforms/tiktok/resume",
        f"/jobs/{'0' * 26}/cancel",
        "/jobs/x/retry",
        f"/jobs/{'0' * 26}/resolve",
        "/notifications/x/redeliver",
        f"/notifications/{'0' * 26}/redeliver",
    ):
        answer = operator.press(path, **({"live": "no"} if "resolve" in path else {}))
        assert answer.status_code == 404 and answer.content_type.startswith("text/html"), path


def test_forms_of_other_pages_do_nothing(operator: Operator, app: Flask) -> None:
    token = operator.page().partition('name="csrf_token" value="')[2].partition('"')[0]
    others = app.test_client()  # a browser with the password and without the cookie
    for path in all_buttons():
        before = _everything()
        for client, fields, headers in (
            (operator.client, {}, SAME_ORIGIN),
            (operator.client, {"csrf_token": "wrong"}, SAME_ORIGIN),
            (others, {"csrf_token": token}, SAME_ORIGIN),
            (operator.client, {"csrf_token": token}, {"Sec-Fetch-Site": "cross-site"}),
            (operator.client, {"csrf_token": token}, {"Origin": "https://evil.example"}),
        ):
            data = {"live": "no", **fields}
            answer = client.post(f"/admin{path}", data=data, headers={**basic(), **headers})
            assert answer.status_code in (400, 403), (path, fields, headers)
        assert _everything() == before, path


def test_buttons_answer_to_post_alone(operator: Operator) -> None:
    for path in all_buttons():
        before = _everything()
        assert operator.get(path).status_code == 405
        assert _everything() == before


def test_the_cookie_is_for_these_pages_alone(operator: Operator) -> None:
    cookie = operator.get().headers["Set-Cookie"]
    for part in ("publishing_admin=", "HttpOnly", "Path=/admin", "SameSite=Strict"):
        assert part in cookie


def _everything() -> list[object]:
    with transaction() as session:
        jobs = session.query(PublishJob).populate_existing().order_by(PublishJob.id).all()
        told = session.query(Notification).populate_existing().order_by(Notification.id).all()
        gates = session.query(Gate).populate_existing().order_by(Gate.key).all()
        return [
            [(job.id, job.state, job.due_at, job.error_category) for job in jobs],
            [(one.id, one.state) for one in told],
            [(gate.key, gate.paused_at) for gate in gates],
        ]
