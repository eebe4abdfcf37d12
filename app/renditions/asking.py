"""A job's side: asking for a rendition, and using one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database.results import rows_changed
from app.database.transaction import transaction
from app.failures import Category
from app.media.recipe import Recipe
from app.models import PublishJob, Rendition, Video
from app.queues import wake_encode
from app.states import RenditionState

#: Other failures of a video are final, since the same file would fail again. These are retried:
#: the caller has just seen that the object is there.
_PASSING_CODES = ("video_missing", "video_changed")


def ask_for(job_id: str, video: Video, recipe: Recipe, now: datetime) -> Rendition:
    """Return what the recipe makes of the video, ready or still to be made, for a job to use.

    The same recipe for the same version of the object is one row, whoever asks. Wakes a worker
    up where it has to be made. One that failed for a reason beside the video is begun anew.
    """
    for _ in range(2):
        try:
            rendition, is_asleep = _get_or_insert(job_id, video, recipe, now)
        except IntegrityError:
            continue  # another job has just inserted it
        if is_asleep:
            wake_encode()
        return rendition
    raise RuntimeError("a rendition can neither be found nor be inserted")


def rendition_of(job_id: str) -> Rendition | None:
    """Return the rendition that a job uses or waits for, if any."""
    query = select(Rendition).join(PublishJob, PublishJob.rendition_id == Rendition.id)
    with transaction() as session:
        return session.scalars(
            query.where(PublishJob.id == job_id).execution_options(populate_existing=True)
        ).one_or_none()


def let_go(job_id: str) -> None:
    """Let a job use the video itself from now on."""
    with transaction() as session:
        session.execute(
            update(PublishJob)
            .where(PublishJob.id == job_id, PublishJob.rendition_id.is_not(None))
            .values(rendition_id=None)
        )


def begin_anew(rendition: Rendition, now: datetime) -> None:
    """Have a rendition made again whose object is gone from the store."""
    with transaction() as session:
        session.execute(
            update(Rendition)
            .where(Rendition.id == rendition.id, Rendition.r2_key == rendition.r2_key)
            .values(state=RenditionState.PENDING, due_at=now, r2_key=None, **_FRESH)
        )
    wake_encode()


def begin_failed_anew(session: Session, rendition_id: str | None, now: datetime) -> bool:
    """Have a rendition made again that failed, whatever of; inside the caller's transaction.

    Returns whether there is one: then a worker is to be woken up. For a person, who may have
    mended what no program knows of.
    """
    failed = (Rendition.id == rendition_id, Rendition.state == RenditionState.FAILED)
    begun = session.execute(
        update(Rendition)
        .where(*failed)
        .values(state=RenditionState.PENDING, due_at=now, **_FRESH)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(begun) == 1


_FRESH = {
    "progress": 0,
    "failures": 0,
    "lost_runs": 0,
    "error_code": None,
    "error_category": None,
    "error_message": None,
}


def _get_or_insert(
    job_id: str, video: Video, recipe: Recipe, now: datetime
) -> tuple[Rendition, bool]:
    with transaction() as session:
        found = session.scalars(
            select(Rendition)
            .where(*_same(video, recipe))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one_or_none()
        rendition = found or _new(video, recipe, now)
        session.add(rendition)
        session.flush()
        is_asleep = found is None or _wakes_up(rendition, now)
        rendition.last_used_at = now
        _use(session, job_id, rendition)
    return rendition, is_asleep


def _same(video: Video, recipe: Recipe) -> tuple[ColumnElement[bool], ...]:
    return (
        Rendition.source_key == video.r2_key,
        Rendition.source_etag == video.etag,
        Rendition.recipe_digest == recipe.digest,
    )


def _new(video: Video, recipe: Recipe, now: datetime) -> Rendition:
    return Rendition(
        user_id=video.user_id,
        source_key=video.r2_key,
        source_etag=video.etag,
        source_bytes=video.file_size or 0,
        duration_seconds=video.duration_seconds or 0.0,
        recipe_digest=recipe.digest,
        recipe=recipe.dump(),
        state=RenditionState.PENDING,
        due_at=now,
        created_at=now,
        last_used_at=now,
    )


def _wakes_up(rendition: Rendition, now: datetime) -> bool:
    """Make a rendition due that nobody was waiting for any more; tell whether it was one."""
    is_parked = rendition.state is RenditionState.PENDING and rendition.due_at is None
    is_final = (
        rendition.error_category == Category.VIDEO and rendition.error_code not in _PASSING_CODES
    )
    if is_parked or (rendition.state is RenditionState.FAILED and not is_final):
        rendition.state = RenditionState.PENDING
        rendition.due_at = now
        for name, value in _FRESH.items():
            setattr(rendition, name, value)
        return True
    return False


def _use(session: Session, job_id: str, rendition: Rendition) -> None:
    session.execute(
        update(PublishJob).where(PublishJob.id == job_id).values(rendition_id=rendition.id)
    )
