"""A simulated day: real pipeline, real sandbox, and a clock that jumps to the next event.

Both run in this process, so they see the same time. Redis runs beside it and only ever gets the
times that it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from time_machine import Traveller

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import PublishJob
from app.platforms import PLATFORMS
from app.publishing.missing_wakes import count_startable
from app.states import OPEN_STATES
from tests.platforms import Platforms
from workers.publishing.pipeline import advance

#: What the platforms answer when a limit is exceeded.
REFUSALS = frozenset(
    {
        "rate_limit_exceeded",
        "spam_risk_too_many_posts",
        "reached_active_user_cap",
        "80002",
        "9/2207042",
        "quotaExceeded",
        "uploadLimitExceeded",
        "rateLimitExceeded",
    }
)


@dataclass
class Day:
    """Jumps from one due time to the next, and does what is due then."""

    traveller: Traveller
    ends_at: datetime
    #: events on the way, each once, at its time
    events: dict[datetime, Callable[[], object]] = field(default_factory=dict)
    runs: int = 0

    def work(self) -> None:
        """Do everything that falls due before the end."""
        while True:
            self._run_events()
            if self._do_due():
                continue
            moment = self._next_due()
            if moment is None or moment > self.ends_at:
                return
            if moment > utcnow():
                self.traveller.move_to(moment)

    def _run_events(self) -> None:
        for moment in sorted(self.events):
            if moment <= utcnow():
                self.events.pop(moment)()

    def _do_due(self) -> bool:
        has_done = False
        for platform in PLATFORMS:
            with transaction() as session:
                count = count_startable(session, platform, utcnow())
            if count:
                self.runs += 1
                has_done = True
                advance(platform, "")
        return has_done

    def _next_due(self) -> datetime | None:
        with transaction() as session:
            due_at = session.scalar(
                select(func.min(PublishJob.due_at)).where(PublishJob.state.in_(OPEN_STATES))
            )
        waits = [moment for moment in (due_at, *self.events) if moment is not None]
        return max(min(waits), utcnow() + timedelta(milliseconds=1)) if waits else None


def refusals(platforms: Platforms) -> list[str]:
    """Return every answer of a platform that reports an exceeded limit."""
    return [
        f"{entry['call']} {entry['status']} {entry['details'].get('code')} {entry['time']}"
        for entry in platforms.journal()
        if entry["event"] == "call"
        and (entry["status"] == 429 or entry["details"].get("code") in REFUSALS)
    ]
