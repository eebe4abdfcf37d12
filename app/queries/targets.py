"""Loads the accounts and videos that requests to publish refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, select

from app.accounts.video_limit import limit_at
from app.database.transaction import reading
from app.ids import is_id
from app.models import Account, Video
from app.states import AccountState, LoginType, VideoState
from app.storage import current_storage

# Built once, because building a statement takes longer than sending it. Only the columns that the
# checks need, as plain values: entities would cost each request as much as the database does.
_ACCOUNT = cast(Table, Account.__table__).c
_VIDEO = cast(Table, Video.__table__).c
_ACCOUNTS = (
    select(
        _ACCOUNT.user_id,
        _ACCOUNT.id,
        _ACCOUNT.platform,
        _ACCOUNT.login_type,
        _ACCOUNT.state,
        _ACCOUNT.state_reason,
        _ACCOUNT.video_max_seconds,
        _ACCOUNT.video_max_told_at,
    )
    .where(
        _ACCOUNT.user_id.in_(bindparam("user_ids", expanding=True)), _ACCOUNT.deleted_at.is_(None)
    )
    .order_by(_ACCOUNT.id)
)
_VIDEOS = select(
    _VIDEO.user_id,
    _VIDEO.id,
    _VIDEO.state,
    _VIDEO.state_reason,
    _VIDEO.duration_seconds,
    _VIDEO.probe,
).where(
    _VIDEO.user_id.in_(bindparam("user_ids", expanding=True)),
    _VIDEO.id.in_(bindparam("video_ids", expanding=True)),
    _VIDEO.deleted_at.is_(None),
)


@dataclass(frozen=True)
class TargetAccount:
    """The part of an account that the checks need; the fields are the columns of that name."""

    user_id: str
    id: str
    platform: str
    login_type: LoginType
    state: AccountState
    state_reason: str
    video_max_seconds: int | None
    video_max_told_at: datetime | None

    def video_limit_at(self, now: datetime) -> int | None:
        """Return the account's own maximum in seconds; None unless the platform said it lately."""
        return limit_at(self.video_max_seconds, self.video_max_told_at, now)


@dataclass(frozen=True)
class TargetVideo:
    """The part of a video that the checks need; the fields are the columns of that name."""

    user_id: str
    id: str
    state: VideoState
    state_reason: str
    duration_seconds: float | None
    probe: dict[str, Any] | None


@dataclass(frozen=True)
class Targets:
    """A user's connected accounts, and the user's videos among the requested ones, by id.

    `has_public_links` tells whether a platform can fetch the videos from the store by itself.
    """

    accounts: list[TargetAccount]
    videos: dict[str, TargetVideo]
    has_public_links: bool


def load_targets(wanted: Mapping[str, Iterable[str | None]]) -> dict[str, Targets]:
    """Return the accounts of each user, and the requested videos that the user has.

    `wanted` holds video ids by user; None and malformed ids match nothing. Takes two statements,
    however many users. Needs the caller's transaction.
    """
    storage = current_storage()
    targets = {user_id: Targets([], {}, storage.has_public_links) for user_id in wanted}
    video_ids = {one for ids in wanted.values() for one in ids if one is not None and is_id(one)}
    session = reading()
    parameters = {"user_ids": list(wanted), "video_ids": list(video_ids)}
    for found in session.execute(_ACCOUNTS, parameters):
        account = TargetAccount(*found)
        targets[account.user_id].accounts.append(account)
    for row in session.execute(_VIDEOS, parameters) if video_ids else ():
        video = TargetVideo(*row)
        targets[video.user_id].videos[video.id] = video
    return targets
