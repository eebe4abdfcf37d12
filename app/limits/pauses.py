"""The operator's pause of a platform: no attempt begins, and those in flight go on.

A post that falls due meanwhile is put off by a fixed span, longer than any pause, so that
subtracting the span again restores the order of all posts. The claim checks the gate, which it
has locked anyway; nothing of this is in Redis. Inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.failures import Category, Failure
from app.limits.allowance import Hold
from app.limits.holds import BATCH, put_off
from app.limits.lanes import due_jobs, refresh_lane
from app.models import Gate, Lane, PublishJob
from app.platforms import PLATFORMS
from app.states import JobState

#: The error code of held posts, by which `app.models.publish_job.PAUSED` finds them.
CODE = "platform_paused"
HELD_FOR = timedelta(days=365)


def is_held(gate: Gate, job: PublishJob) -> bool:
    """Tell whether a pause holds a job; one that has begun runs to its end."""
    return gate.paused_at is not None and job.state is JobState.WAITING


def hold_paused(session: Session, lane: Lane, now: datetime) -> list[PublishJob]:
    """Put off a lane's due posts that have not begun; return them."""
    failure = reason(lane.platform)
    jobs = [job for job in due_jobs(session, lane, now, BATCH) if job.state is JobState.WAITING]
    for job in jobs:
        put_off(session, job, Hold((job.due_at or now) + HELD_FOR, failure, is_pause=True), now)
    refresh_lane(session, lane.account_id, lane.priority, lane.platform)
    return jobs


def due_before(due_at: datetime, now: datetime) -> datetime:
    """Return when a post with this due time was due before it was held."""
    return min(due_at - HELD_FOR, now)


def is_paused(job: PublishJob) -> bool:
    """Tell whether a delayed job is held by a pause."""
    return job.error_code == CODE


def reason(platform: str) -> Failure:
    """Return why the posts of a platform wait while it is paused."""
    return Failure(
        CODE,
        Category.PLATFORM,
        f"Publishing to {PLATFORMS[platform].name} is paused by the operator of this service",
        "Nothing needs to be done: the post goes out, without using an attempt, once it is resumed",
    )
