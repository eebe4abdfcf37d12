"""Deletion of renditions: those long unused, and those of a deleted video."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, exists, select, update
from sqlalchemy.orm import Session

from app.database.results import rows_changed
from app.database.transaction import transaction
from app.media.recipe import Recipe
from app.models import PublishJob, Rendition
from app.renditions.claims import key_of
from app.states import OPEN_STATES, RenditionState
from app.storage import current_storage

BATCH = 100
_NEEDED = exists().where(PublishJob.rendition_id == Rendition.id, PublishJob.state.in_(OPEN_STATES))

_PARKED = {"state": RenditionState.PENDING, "due_at": None, "progress": 0}
_EMPTY = {**_PARKED, "r2_key": None, "probe": None}


def prune_renditions(unused_since: datetime) -> int:
    """Delete renditions that no job needs and none has used since then; return how many.

    A `StorageError` ends it early; the next call continues.
    """
    is_empty = (Rendition.r2_key.is_(None)) & exists().where(
        PublishJob.rendition_id == Rendition.id
    )
    return _remove(select(Rendition).where(Rendition.last_used_at < unused_since, ~is_empty))


def remove_renditions_of(source_key: str) -> int:
    """Delete the renditions of one object that no job needs; return how many."""
    is_full = Rendition.r2_key.is_not(None) | (Rendition.run_number > 0)
    return _remove(select(Rendition).where(Rendition.source_key == source_key, is_full))


def _remove(query: Select[Rendition]) -> int:
    # One being transcoded that no job needs is parked within a second.
    idle = query.where(~_NEEDED, Rendition.state != RenditionState.ENCODING)
    removed, last_id = 0, ""
    while True:
        with transaction() as session:
            page = idle.where(Rendition.id > last_id).order_by(Rendition.id).limit(BATCH)
            rows = session.scalars(page).all()
        for row in rows:
            removed += _remove_one(row)
        if len(rows) < BATCH:
            return removed
        last_id = rows[-1].id


def _remove_one(row: Rendition) -> int:
    """Park the row, so that no job uses the object any more, then delete the object, then the row.

    The row goes last, as an object without a row would never be found. A job that asks for the
    rendition meanwhile has it transcoded again, to another key.
    """
    with transaction() as session:
        parked = session.execute(update(Rendition).where(*_unused(row)).values(**_PARKED))
    if not rows_changed(parked):
        return 0
    storage = current_storage()
    for key in _keys(row):
        storage.delete(key)
    with transaction() as session:
        return _delete_row(session, row)


def _keys(rendition: Rendition) -> list[str]:
    """Return the keys that may exist: of every run, as one may have been lost at any point."""
    recipe = Recipe.load(rendition.recipe)
    return [key_of(rendition.id, run, recipe) for run in range(1, rendition.run_number + 1)]


def _unused(row: Rendition) -> tuple[ColumnElement[bool], ...]:
    """Match the row unless a job has asked for it since it was read, or still needs it."""
    return (
        Rendition.id == row.id,
        Rendition.run_number == row.run_number,
        Rendition.last_used_at == row.last_used_at,
        Rendition.state != RenditionState.ENCODING,
        ~_NEEDED,
    )


def _delete_row(session: Session, row: Rendition) -> int:
    """Delete the row, or only reset it where an ended job still refers to it.

    Such a job may have started to upload the object, and must not continue with another one.
    """
    same = (*_unused(row), Rendition.due_at.is_(None))
    is_referenced = exists().where(PublishJob.rendition_id == Rendition.id)
    reset = session.execute(update(Rendition).where(*same, is_referenced).values(**_EMPTY))
    deleted = session.execute(delete(Rendition).where(*same, ~is_referenced))
    return rows_changed(reset) + rows_changed(deleted)
