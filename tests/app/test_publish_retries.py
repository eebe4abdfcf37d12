"""A retry that could only fail again is refused, with what to do first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.accounts.connect import Connection, connect_account
from app.clock import utcnow
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Account, Notification, PublishJob, Video
from app.publishing import claims, leased, outcomes
from app.states import AccountState
from tests.app.conftest import Caller, Json

pytestmark = pytest.mark.usefixtures("context")
CONNECT = "Connect the account again, then retry"
DELETED = "The video was deleted: upload it again, and publish it as a new post"


def fail_one(alice: Caller, *, at_platform: bool = False, commits: bool = False) -> str:
    """Publish, and let it fail before or after the platform had every byte."""
    job_id: str = alice.publish()["jobId"]
    claim = claims.claim_next("TIKTOK", utcnow())
    assert claim is not None
    leased.save_checkpoint(claim, {"upload": "u1"}, utcnow(), commits=commits)
    outcomes.fail(claim, Failure("code", Category.PLATFORM, "It broke."), utcnow())
    with transaction() as session:
        session.get_one(PublishJob, job_id).is_at_platform = at_platform
    return job_id


def account_dies(alice: Caller) -> None:
    with transaction() as session:
        account = session.get_one(Account, alice.accounts["TIKTOK"])
        account.state = AccountState.RECONNECT_REQUIRED


def account_goes(alice: Caller) -> None:
    path = f"/api/accounts/{alice.accounts['TIKTOK']}"
    assert alice.client.delete(path, headers=alice.headers).status_code == 204


def video_goes(alice: Caller) -> None:
    path = f"/api/videos/{alice.video_id}"
    assert alice.client.delete(path, headers=alice.headers).status_code == 204


def failure_notifications() -> int:
    with transaction() as session:
        return session.query(Notification).filter_by(type="publish.failed").count()


@pytest.mark.parametrize(
    ("breaks", "sentence"),
    [(account_dies, CONNECT), (account_goes, CONNECT), (video_goes, DELETED)],
)
def test_retry_that_could_only_fail_is_refused(
    alice: Caller, breaks: Callable[[Caller], None], sentence: str
) -> None:
    job_id = fail_one(alice)
    breaks(alice)
    before = alice.get(f"/{job_id}").json
    answer = alice.post(f"/{job_id}/retry")
    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None and answer.json["error"] == sentence
    assert alice.get(f"/{job_id}").json == before
    assert failure_notifications() == 1


def test_retry_is_taken_on_once_the_account_is_connected_again(alice: Caller) -> None:
    job_id = fail_one(alice)
    with transaction() as session:
        name = session.get_one(Account, alice.accounts["TIKTOK"]).platform_user_id
    account_goes(alice)
    connect_account(Connection("alice", "TIKTOK", name, "new token"), utcnow())
    assert alice.post(f"/{job_id}/retry").status_code == 202


@pytest.mark.parametrize("where", [{"at_platform": True}, {"commits": True}])
def test_retry_needs_no_video_that_the_platform_has(alice: Caller, where: Json) -> None:
    job_id = fail_one(alice, **where)
    video_goes(alice)
    assert alice.post(f"/{job_id}/retry").status_code == 202


def test_upload_that_is_dead_needs_the_video_again(alice: Caller) -> None:
    job_id = fail_one(alice, at_platform=True)
    with transaction() as session:
        session.get_one(PublishJob, job_id).checkpoint = None
        session.get_one(Video, alice.video_id).deleted_at = utcnow()
    assert alice.post(f"/{job_id}/retry").status_code == 409
