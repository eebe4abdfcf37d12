"""Waking what waits for an upload slot or for post quota.

Called when a job ends or is put off. When daily quota is freed, the first post that waits for it
becomes due.
"""

from __future__ import annotations

from datetime import datetime

from app import timeline
from app.database.transaction import transaction
from app.limits import lanes
from app.limits.holds import first_waiting_for_quota
from app.publishing.missing_wakes import queue_missing_wakes
from app.states import JobState


def wake_waiters(platform: str, account_id: str, now: datetime, *, quota_freed: bool) -> None:
    """Wake workers for what may begin now; call it after the commit.

    `quota_freed`: post quota was released, so the post that waits first for quota becomes due
    now, rather than when the window moves.
    """
    if quota_freed:
        _make_first_waiter_due(platform, account_id, now)
    queue_missing_wakes(platform, now)


def _make_first_waiter_due(platform: str, account_id: str, now: datetime) -> None:
    with transaction() as session:
        job = first_waiting_for_quota(session, platform, account_id, now)
        if job is None:
            return
        # The error stays on the row: should the quota be gone again, this post still ranks first.
        job.due_at = now
        job.wake_number += 1
        if job.state is JobState.WAITING:
            timeline.end(session, job, ("wait",), "done", now)
            timeline.begin_wait(session, job, "queue", now, until=now)
        lanes.refresh(session, job)
