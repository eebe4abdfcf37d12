"""Runs interrupted by a kill, and when each is resumed."""

from __future__ import annotations

import time

from sqlalchemy import select, update

from app.clock import utcnow
from app.database.retrying import retry_while_away
from app.extensions import db
from app.models import PublishJob, Rendition
from app.queues import Wake, wake, wake_transcode
from app.states import RenditionState

Held = dict[str, tuple[int, str]]


@retry_while_away
def held_now() -> Held:
    """Return the jobs held by a run: {job id: (run number, platform)}."""
    query = select(PublishJob.id, PublishJob.run_number, PublishJob.platform)
    found = db.session.execute(query.where(PublishJob.is_leased)).all()
    db.session.commit()
    return {job_id: (run, platform) for job_id, run, platform in found}


@retry_while_away
def end_leases(dead: Held) -> None:
    """Expire the leases of dead workers now, rather than wait."""
    now = utcnow()
    for job_id, (run, platform) in dead.items():
        db.session.execute(
            update(PublishJob)
            .where(
                PublishJob.id == job_id,
                PublishJob.run_number == run,
                PublishJob.is_leased.is_(True),
            )
            .values(due_at=now)
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        wake([Wake(job_id, platform, now, f"dead{run}")])


@retry_while_away
def conversions_now() -> dict[str, int]:
    """Return the renditions held by a run: {rendition id: run number}."""
    query = select(Rendition.id, Rendition.run_number)
    found = db.session.execute(query.where(Rendition.state == RenditionState.ENCODING)).all()
    db.session.commit()
    return {rendition_id: run for rendition_id, run in found}


@retry_while_away
def end_conversion_leases(dead: dict[str, int]) -> None:
    """Expire the leases of conversions whose workers are dead. A live one goes on; its result is
    refused once another has started."""
    for rendition_id, run in dead.items():
        db.session.execute(
            update(Rendition)
            .where(
                Rendition.id == rendition_id,
                Rendition.run_number == run,
                Rendition.state == RenditionState.ENCODING,
            )
            .values(due_at=utcnow())
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        wake_transcode()


@retry_while_away
def forgive() -> None:
    """Reset the lost-run counters: a campaign kills the workers of one job again and again, and
    that must not be put down to the job."""
    struck = update(PublishJob).where(PublishJob.lost_runs > 2).values(lost_runs=2)
    db.session.execute(struck.execution_options(synchronize_session=False))
    made = update(Rendition).where((Rendition.lost_runs > 0) | (Rendition.failures > 0))
    made = made.where(Rendition.state != RenditionState.FAILED).values(lost_runs=0, failures=0)
    db.session.execute(made.execution_options(synchronize_session=False))
    db.session.commit()


class Resumption:
    """Tracks the jobs held at each kill, and how long the lost ones waited."""

    def __init__(self) -> None:
        self._watched: dict[str, tuple[int, float]] = {}
        self.seconds: list[float] = []

    def killed(self, held: Held) -> None:
        """Track the jobs that were held at a kill."""
        now = time.monotonic()
        for job_id, (run, _) in held.items():
            watched = self._watched.get(job_id)
            if watched is None or watched[0] != run:
                self._watched[job_id] = (run, now)

    @retry_while_away
    def look(self) -> None:
        """Record which were resumed; drop those whose worker was not killed."""
        if not self._watched:
            return
        query = select(
            PublishJob.id, PublishJob.run_number, PublishJob.is_leased, PublishJob.lost_runs
        )
        found = db.session.execute(query.where(PublishJob.id.in_(list(self._watched)))).all()
        db.session.commit()
        for job_id, run, is_leased, lost_runs in found:
            watched_run, since = self._watched[job_id]
            if run > watched_run and lost_runs:
                self.seconds.append(time.monotonic() - since)
            if run > watched_run or not is_leased:
                del self._watched[job_id]
