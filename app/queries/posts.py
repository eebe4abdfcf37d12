"""Reads published posts."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from app.database.transaction import transaction
from app.models import PublishedPost
from app.queries.pages import Page, read_page


def list_posts(
    user_id: str,
    *,
    platform: str | None,
    video_id: str | None,
    limit: int,
    cursor: str | None,
) -> Page[PublishedPost]:
    """Return one page of a user's posts, newest first."""
    query = select(PublishedPost).where(PublishedPost.user_id == user_id)
    if platform is not None:
        query = query.where(PublishedPost.platform == platform)
    if video_id is not None:
        query = query.where(PublishedPost.video_id == video_id)
    with transaction() as session:
        return read_page(session, query, PublishedPost.id, limit=limit, cursor=cursor)


def find_post(user_id: str, post_id: str) -> PublishedPost | None:
    """Return one of a user's posts; None where the user has no such post."""
    query = select(PublishedPost).where(
        PublishedPost.id == post_id, PublishedPost.user_id == user_id
    )
    with transaction() as session:
        return session.scalars(query).one_or_none()


def is_known_post(platform: str, job_id: str) -> Callable[[str], bool]:
    """Return a predicate that tells whether another job already owns a platform post id."""

    def is_known(platform_post_id: str) -> bool:
        query = select(PublishedPost.id).where(
            PublishedPost.platform == platform,
            PublishedPost.platform_post_id == platform_post_id,
            PublishedPost.job_id != job_id,
        )
        with transaction() as session:
            return session.scalar(query.limit(1)) is not None

    return is_known
