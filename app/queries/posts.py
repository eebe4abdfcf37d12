"""What the API reads of published posts."""

from __future__ import annotations

from sqlalchemy import select

from app.models import PublishedPost
from app.publishing.transaction import transaction
from app.queries.pages import Page, read_page


def list_posts(
    user_id: str,
    *,
    platform: str | None,
    video_id: str | None,
    limit: int,
    cursor: str | None,
) -> Page[PublishedPost]:
    """Return one page of a user's posts."""
    query = select(PublishedPost).where(PublishedPost.user_id == user_id)
    if platform is not None:
        query = query.where(PublishedPost.platform == platform)
    if video_id is not None:
        query = query.where(PublishedPost.video_id == video_id)
    with transaction() as session:
        return read_page(session, query, PublishedPost.id, limit=limit, cursor=cursor)


def find_post(user_id: str, post_id: str) -> PublishedPost | None:
    """Return one of a user's posts."""
    query = select(PublishedPost).where(
        PublishedPost.id == post_id, PublishedPost.user_id == user_id
    )
    with transaction() as session:
        return session.scalars(query).one_or_none()
