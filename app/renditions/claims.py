"""How a worker claims a rendition: a lease with a fencing token, as for jobs.

The row's `due_at` is the lease's expiry, so the row of a dead worker is simply due again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app.database.results import rows_changed
from app.database.transaction import transaction
from app.media.recipe import Recipe
from app.models import PublishJob, Rendition
from app.run_stops import Superseded
from app.states import OPEN_STATES, RenditionState
from app.storage.keys import RENDITIONS

#: A lost worker is noticed within this time; a live one renews three times as often.
LEASE_SECONDS = 30.0
OPEN = (RenditionState.PENDING, RenditionState.ENCODING)


@dataclass(frozen=True)
class RenditionClaim:
    """What a worker needs of the row it claimed; `run` is the fencing token."""

    rendition_id: str
    run: int
    source_key: str
    source_etag: str
    source_bytes: int
    duration_seconds: float
    recipe: Recipe
    failures: int
    lost_runs: int

    @property
    def key(self) -> str:
        """Where this run stores its result; one run never overwrites another's."""
        return key_of(self.rendition_id, self.run, self.recipe)


def key_of(rendition_id: str, run: int, recipe: Recipe) -> str:
    """Return the key of one run's result."""
    return f"{RENDITIONS}{rendition_id}-{run}.{recipe.container}"


def claim_next(now: datetime) -> RenditionClaim | None:
    """Claim the next due rendition, of the user served least recently; None if none is due."""
    with transaction() as session:
        while True:
            rendition = session.scalars(_first_due(now)).first()
            if rendition is None:
                return None
            was_lost = rendition.state is RenditionState.ENCODING
            if not _try_claim(session, rendition, now):
                session.expire(rendition)
                continue
            session.refresh(rendition)
            rendition.lost_runs += was_lost
            rendition.state = RenditionState.ENCODING
            rendition.started_at = now
            return RenditionClaim(
                rendition_id=rendition.id,
                run=rendition.run_number,
                source_key=rendition.source_key,
                source_etag=rendition.source_etag,
                source_bytes=rendition.source_bytes,
                duration_seconds=rendition.duration_seconds,
                recipe=Recipe.load(rendition.recipe),
                failures=rendition.failures,
                lost_runs=rendition.lost_runs,
            )


def renew(claim: RenditionClaim, now: datetime) -> bool:
    """Extend the lease; False if it was lost."""
    with transaction() as session:
        return _write(session, claim, due_at=now + timedelta(seconds=LEASE_SECONDS))


def is_wanted(claim: RenditionClaim) -> bool:
    """Whether a job that has not ended waits for the rendition."""
    waiting = exists().where(
        PublishJob.rendition_id == claim.rendition_id, PublishJob.state.in_(OPEN_STATES)
    )
    with transaction() as session:
        return bool(session.scalar(select(waiting)))


def is_any_due(now: datetime) -> bool:
    """Whether any rendition is due."""
    due = exists().where(Rendition.state.in_(OPEN), Rendition.due_at <= now)
    with transaction() as session:
        return bool(session.scalar(select(due)))


def write_under_lease(session: Session, claim: RenditionClaim, **values: object) -> None:
    """Write columns of the row under this run's lease; raises `Superseded` if it was lost."""
    if not _write(session, claim, **values):
        raise Superseded(claim.rendition_id)


def _write(session: Session, claim: RenditionClaim, **values: object) -> bool:
    written = session.execute(
        update(Rendition)
        .where(
            Rendition.id == claim.rendition_id,
            Rendition.run_number == claim.run,
            Rendition.state == RenditionState.ENCODING,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(written) == 1


def _first_due(now: datetime) -> Select[Rendition]:
    """Select the row to claim. The cost is the due rows plus an index lookup per user of theirs."""
    is_due = (Rendition.state.in_(OPEN), Rendition.due_at <= now)
    waiting = (
        select(Rendition.user_id, func.min(Rendition.due_at).label("due_at"))
        .where(*is_due)
        .group_by(Rendition.user_id)
        .subquery()
    )
    started = aliased(Rendition)
    served_at = (
        select(func.max(started.started_at))
        .where(started.user_id == waiting.c.user_id)
        .correlate(waiting)
        .scalar_subquery()
    )
    served = select(waiting, served_at.label("served_at")).subquery()
    next_user = (
        select(served.c.user_id)
        .order_by(served.c.served_at.is_not(None), served.c.served_at, served.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(Rendition)
        .where(*is_due, Rendition.user_id == next_user)
        .order_by(Rendition.due_at)
        .limit(1)
        .execution_options(populate_existing=True)
    )


def _try_claim(session: Session, rendition: Rendition, now: datetime) -> bool:
    taken = session.execute(
        update(Rendition)
        .where(
            Rendition.id == rendition.id,
            Rendition.run_number == rendition.run_number,
            Rendition.state.in_(OPEN),
            Rendition.due_at <= now,
        )
        .values(run_number=rendition.run_number + 1, due_at=now + timedelta(seconds=LEASE_SECONDS))
        .execution_options(synchronize_session=False)
    )
    return rows_changed(taken) == 1
