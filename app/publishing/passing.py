"""What a job lets go as it ends is passed on: its place among the uploads, and of the day's posts.

Called by whoever ends one or puts it off. A place of the day's makes the post due that was held up
for want of one, which changes its row; then `relay` wakes a worker for all that may begin.
"""

from __future__ import annotations

from datetime import datetime

from app import timeline
from app.database.transaction import transaction
from app.limits import lanes
from app.limits.holds import first_held
from app.publishing.relay import relay
from app.states import JobState


def pass_on(platform: str, account_id: str, now: datetime, *, has_freed: bool) -> None:
    """Wake a worker for what may begin now; call it after the commit.

    `has_freed`: a place among the day's posts is free again, so the post that waits first for one
    is due, and does not wait until the window would have moved.
    """
    if has_freed:
        _bring_forward(platform, account_id, now)
    relay(platform, now)


def _bring_forward(platform: str, account_id: str, now: datetime) -> None:
    with transaction() as session:
        job = first_held(session, platform, account_id, now)
        if job is None:
            return
        # What it waited for stays on the row: should it find no room, it has waited longest.
        job.due_at = now
        job.wake_number += 1
        if job.state is JobState.WAITING:
            timeline.end(session, job, ("wait",), "done", now)
            timeline.begin(session, job, "wait", "queue", now, until=now)
        lanes.refresh(session, job)
