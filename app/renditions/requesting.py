"""The jobs' side: requesting a rendition, and using one."""

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
from app.queues import wake_transcode
from app.states import RenditionState

#: Other failures of a video are final, since the same file would fail again. These are retried:
#: the caller has just seen that the object is there.
_TRANSIENT_CODES = ("video_missing", "video_changed")


def request_rendition(job_id: str, video: Video, recipe: Recipe, now: datetime) -> Rendition:
    """Return the rendition of a video by a recipe, ready or pending, and attach it to the job.

    The same recipe for the same version of the object is one row, shared by all jobs. Wakes a
    worker where it is yet to be transcoded. One whose failure was not the video's fault is
    restarted.
    """
    for _ in range(2):
        try:
            rendition, needs_worker = _get_or_insert(job_id, video, recipe, now)
        except IntegrityError:
            continue  # another job inserted it at the same time
        if needs_worker:
            wake_transcode()
        return rendition
    raise RuntimeError("a rendition could neither be found nor inserted")


def rendition_of(job_id: str) -> Rendition | None:
    """Return the rendition that a job uses or waits for, if any."""
    query = select(Rendition).join(PublishJob, PublishJob.rendition_id == Rendition.id)
    with transaction() as session:
        return session.scalars(
            query.where(PublishJob.id == job_id).execution_options(populate_existing=True)
        ).one_or_none()


def detach_rendition(job_id: str) -> None:
    """Detach a job from its rendition: it uses the video itself from now on."""
    with transaction() as session:
        session.execute(
            update(PublishJob)
            .where(PublishJob.id == job_id, PublishJob.rendition_id.is_not(None))
            .values(rendition_id=None)
        )


def rebuild(rendition: Rendition, now: datetime) -> None:
    """Transcode a rendition again whose object is missing from the store."""
    with transaction() as session:
        session.execute(
            update(Rendition)
            .where(Rendition.id == rendition.id, Rendition.r2_key == rendition.r2_key)
            .values(state=RenditionState.PENDING, due_at=now, r2_key=None, **_RESET)
        )
    wake_transcode()


def rebuild_failed(session: Session, rendition_id: str | None, now: datetime) -> bool:
    """Transcode a failed rendition again, whatever its error, inside the caller's transaction.

    Returns whether there was one: if so, wake a worker after the commit. This is for an explicit
    retry by a person, who may have fixed what no program can know of.
    """
    failed = (Rendition.id == rendition_id, Rendition.state == RenditionState.FAILED)
    restarted = session.execute(
        update(Rendition)
        .where(*failed)
        .values(state=RenditionState.PENDING, due_at=now, **_RESET)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(restarted) == 1


_RESET = {
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
            .where(*_matches(video, recipe))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one_or_none()
        rendition = found or _new_rendition(video, recipe, now)
        session.add(rendition)
        session.flush()
        needs_worker = found is None or _reactivate(rendition, now)
        rendition.last_used_at = now
        _attach(session, job_id, rendition)
    return rendition, needs_worker


def _matches(video: Video, recipe: Recipe) -> tuple[ColumnElement[bool], ...]:
    return (
        Rendition.source_key == video.r2_key,
        Rendition.source_etag == video.etag,
        Rendition.recipe_digest == recipe.digest,
    )


def _new_rendition(video: Video, recipe: Recipe, now: datetime) -> Rendition:
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


def _reactivate(rendition: Rendition, now: datetime) -> bool:
    """Make a parked or retryable rendition due; return whether it was one."""
    is_parked = rendition.state is RenditionState.PENDING and rendition.due_at is None
    is_final = (
        rendition.error_category == Category.VIDEO and rendition.error_code not in _TRANSIENT_CODES
    )
    if is_parked or (rendition.state is RenditionState.FAILED and not is_final):
        rendition.state = RenditionState.PENDING
        rendition.due_at = now
        for name, value in _RESET.items():
            setattr(rendition, name, value)
        return True
    return False


def _attach(session: Session, job_id: str, rendition: Rendition) -> None:
    session.execute(
        update(PublishJob).where(PublishJob.id == job_id).values(rendition_id=rendition.id)
    )
