"""The accounts and videos that a request to publish speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import bindparam, select
from sqlalchemy.orm import load_only

from app.ids import is_id
from app.models import Account, Video
from app.publishing.transaction import reading
from app.storage import Storage

# Built once: building a statement takes longer than sending it. And no more is read than the
# checks look at: each column takes its time, and tokens have no business here.
_ACCOUNTS = (
    select(Account)
    .where(Account.user_id == bindparam("user_id"), Account.deleted_at.is_(None))
    .options(
        load_only(
            Account.platform,
            Account.login_type,
            Account.state,
            Account.state_reason,
            Account.video_max_seconds,
            Account.video_max_told_at,
            raiseload=True,
        )
    )
    .order_by(Account.id)
)
_VIDEOS = (
    select(Video)
    .where(
        Video.user_id == bindparam("user_id"),
        Video.id.in_(bindparam("video_ids", expanding=True)),
        Video.deleted_at.is_(None),
    )
    .options(
        load_only(
            Video.state,
            Video.state_reason,
            Video.duration_seconds,
            Video.probe,
            raiseload=True,
        )
    )
)


@dataclass(frozen=True)
class Targets:
    """A user's connected accounts, and those of the user's videos that were asked for.

    `has_public_links` says whether a platform can fetch the videos from the store by itself.
    """

    accounts: Sequence[Account]
    videos: Mapping[str, Video]
    has_public_links: bool


def load_targets(user_id: str, video_ids: Sequence[str | None]) -> Targets:
    """Return a user's accounts and those of the named videos that the user has.

    Needs a transaction around it.
    """
    wanted = {video_id for video_id in video_ids if video_id is not None and is_id(video_id)}
    storage: Storage = current_app.extensions["storage"]
    session, asked = reading(), {"user_id": user_id, "video_ids": list(wanted)}
    return Targets(
        accounts=session.scalars(_ACCOUNTS, asked).all(),
        videos={video.id: video for video in session.scalars(_VIDEOS, asked)} if wanted else {},
        has_public_links=storage.has_public_links,
    )
