"""What an edit leaves alone: an upload continues unless its content changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from app.clock import utcnow
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.models import Lane
from app.publishing import claims, leased, outcomes
from tests.app.conftest import Caller, Json

HALF = {"upload": "u1", "sent": 5}


def half_done(alice: Caller) -> str:
    """Publish, and leave the upload at the half, to be gone on with in five minutes."""
    body = {"hashtags": ["a", "b"], "shareToFeed": True, "platformOptions": {"audioName": "Song"}}
    job_id: str = alice.publish("INSTAGRAM", **body)["jobId"]
    claim = claims.claim_next("INSTAGRAM", utcnow())
    assert claim is not None
    leased.save_checkpoint(claim, HALF, utcnow())
    again_at = utcnow() + timedelta(minutes=5)
    outcomes.try_again(claim, Failure("c", Category.NETWORK, "m"), again_at, utcnow())
    return job_id


def checkpoint_of_next() -> Json | None:
    """Begin what comes next, and return where its upload goes on."""
    claim = claims.claim_next("INSTAGRAM", utcnow() + timedelta(minutes=6))
    assert claim is not None
    return claim.checkpoint


def changes_of(alice: Caller, job_id: str) -> list[str]:
    story = alice.get(f"/{job_id}").json
    assert story is not None
    return [entry["name"] for entry in story["timeline"] if entry["kind"] == "change"]


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"priority": 9}},
        {"caption": "Hello"},
        {"hashtags": ["a", "b"], "privacyLevel": "public", "shareToFeed": True},
        {"platformOptions": {"audioName": "Song"}, "options": {"priority": 9}},
    ],
)
def test_upload_goes_on_where_its_content_stays(
    alice: Caller, context: Flask, change: Json
) -> None:
    job_id = half_done(alice)
    assert alice.patch(job_id, change).status_code == 200
    assert checkpoint_of_next() == HALF
    assert ("edited" in changes_of(alice, job_id)) is ("options" in change)


@pytest.mark.parametrize(
    "change",
    [{"caption": "New"}, {"hashtags": ["a"]}, {"shareToFeed": False}, {"platformOptions": {}}],
)
def test_upload_of_other_content_is_forgotten(alice: Caller, context: Flask, change: Json) -> None:
    job_id = half_done(alice)
    assert alice.patch(job_id, change).status_code == 200
    assert checkpoint_of_next() is None
    assert "edited" in changes_of(alice, job_id)


def test_change_of_priority_changes_the_lane(alice: Caller, context: Flask) -> None:
    job_id = half_done(alice)
    assert alice.patch(job_id, {"options": {"priority": 9}}).status_code == 200
    with transaction() as session:
        lanes = session.query(Lane).filter_by(account_id=alice.accounts["INSTAGRAM"])
        waiting = {lane.priority for lane in lanes if lane.head_due_at is not None}
    assert waiting == {9}
