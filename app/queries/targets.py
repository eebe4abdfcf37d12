"""The accounts and videos that a request to publish speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import defer

from app.ids import is_id
from app.models import Account, Video
from app.publishing.transaction import transaction
from app.storage import Storage


@dataclass(frozen=True)
class Targets:
    """A user's connected accounts, and those of the user's videos that were asked for.

    `has_public_links` says whether a platform can fetch the videos from the store by itself.
    """

    accounts: Sequence[Account]
    videos: Mapping[str, Video]
    has_public_links: bool


def load_targets(user_id: str, video_ids: Sequence[str | None]) -> Targets:
    """Return a user's accounts and those of the named videos that the user has."""
    wanted = {video_id for video_id in video_ids if video_id is not None and is_id(video_id)}
    accounts = (
        select(Account).where(Account.user_id == user_id, Account.deleted_at.is_(None))
        # Tokens have no business here, and decrypting them takes time.
        .options(defer(Account.access_token), defer(Account.refresh_token))
    )
    videos = select(Video).where(
        Video.user_id == user_id, Video.id.in_(wanted), Video.deleted_at.is_(None)
    )
    storage: Storage = current_app.extensions["storage"]
    with transaction() as session:
        return Targets(
            accounts=session.scalars(accounts.order_by(Account.id)).all(),
            videos={video.id: video for video in session.scalars(videos)},
            has_public_links=storage.has_public_links,
        )
