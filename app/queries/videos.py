"""Reads videos."""

from __future__ import annotations

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import Video
from app.queries.pages import Page, read_page


def list_videos(user_id: str, *, limit: int, cursor: str | None) -> Page[Video]:
    """Return one page of a user's videos, newest first."""
    query = select(Video).where(Video.user_id == user_id, Video.deleted_at.is_(None))
    with transaction() as session:
        return read_page(session, query, Video.id, limit=limit, cursor=cursor)


def find_video(user_id: str, video_id: str) -> Video | None:
    """Return one of a user's videos; None where the user has no such video."""
    query = select(Video).where(
        Video.id == video_id, Video.user_id == user_id, Video.deleted_at.is_(None)
    )
    with transaction() as session:
        return session.scalars(query).one_or_none()
