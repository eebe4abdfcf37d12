"""The whole check of a post: everything that can be refused before it is taken on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.checks.content import content_faults
from app.checks.targets import choose_account, link_faults, video_faults
from app.checks.times import batch_faults, due_time, is_timed, time_faults
from app.faults import Faults, below, merge
from app.platforms import PLATFORMS
from app.priorities import DEFAULT_PRIORITY, SCHEDULED_PRIORITY
from app.publishing.create import NewJob
from app.queries.targets import TargetAccount, Targets, TargetVideo, load_targets
from app.schemas.publish import PublishSchema
from app.states import VideoState
from app.videos import settle_upload

#: Fields that can be judged though they have a fault: it says nothing of the rest of them.
_IN_PARTS = {"caption", "hashtags", "options"}
_KEYS = {name: str(each.data_key) for name, each in PublishSchema().fields.items()}


@dataclass(frozen=True)
class CheckedPost:
    """A post and all that is wrong with it; what could not be found is None, with a fault."""

    values: Mapping[str, Any]
    faults: Faults
    account: TargetAccount | None
    video: TargetVideo | None

    def new_job(self, user_id: str, now: datetime, due_at: datetime | None) -> NewJob:
        """Return the job to create, due at once where `due_at` is None; needs no faults."""
        assert self.account is not None and not self.faults
        values, options = self.values, self.values["options"]
        platform = PLATFORMS[values["platform"]]
        return NewJob(
            user_id=user_id,
            account_id=self.account.id,
            video_id=values["video_id"],
            platform=values["platform"],
            caption=values["caption"],
            privacy_level=values.get("privacy_level", platform.default_privacy),
            priority=priority_of(values, due_at),
            due_at=due_at or now,
            scheduled_time=due_at,
            hashtags=values.get("hashtags", ()),
            share_to_feed=values.get("share_to_feed", True),
            platform_options=values.get("platform_options", {}),
            max_attempts=options["attempts"],
            backoff_type=options["backoff"]["type"],
            backoff_delay_ms=options["backoff"]["delay"],
            remove_on_complete=options["remove_on_complete"],
            remove_on_fail=options["remove_on_fail"],
        )


@dataclass(frozen=True)
class UncheckedPost:
    """What a user asks for, as the schema left it: what could be read of it, and its faults.

    Times are judged by `asked_at`: a request does not become late by waiting for its turn.
    """

    user_id: str
    values: Mapping[str, Any]
    faults: Faults
    asked_at: datetime


def check_post(post: UncheckedPost) -> CheckedPost:
    """Check one post of a user. Reads the database once, and the store for a late upload."""
    targets = _targets(post.user_id, [post.values.get("video_id")])
    return _check(post.values, post.faults, targets, post.asked_at)


def check_posts(posts: Sequence[UncheckedPost]) -> list[CheckedPost | None]:
    """Check posts of any users; None for one whose upload has to be looked for in the store.

    Reads the database once. Needs a transaction around it.
    """
    wanted: dict[str, list[str | None]] = {}
    for post in posts:
        wanted.setdefault(post.user_id, []).append(post.values.get("video_id"))
    targets = load_targets(wanted)
    return [
        (
            None
            if _is_uploading(post, targets[post.user_id])
            else _check(post.values, post.faults, targets[post.user_id], post.asked_at)
        )
        for post in posts
    ]


def check_batch(
    user_id: str, values: Mapping[str, Any], schema_faults: Faults, now: datetime
) -> tuple[Sequence[CheckedPost], Faults]:
    """Check all posts of a batch; the faults are those of the whole, by `posts.N.field`.

    Reads the database once, and the store for late uploads.
    """
    faults = dict(schema_faults)
    posts: Sequence[Mapping[str, Any]] = values.get("posts", [])
    targets = _targets(user_id, [post.get("video_id") for post in posts])
    checked = []
    for position, post in enumerate(posts):
        place = f"posts.{position}"
        own = {
            path.removeprefix(f"{place}."): messages
            for path, messages in schema_faults.items()
            if path.startswith(f"{place}.")
        }
        checked.append(_check(post, own, targets, now))
        merge(faults, below(place, checked[-1].faults))
    merge(faults, batch_faults(values, now))
    return checked, faults


def priority_of(values: Mapping[str, Any], due_at: datetime | None) -> int:
    """Return a post's priority: the one asked for, else the default of when it is due."""
    asked: int | None = values.get("options", {}).get("priority")
    if asked is not None:
        return asked
    return DEFAULT_PRIORITY if due_at is None else SCHEDULED_PRIORITY


def due_times(values: Mapping[str, Any], now: datetime) -> list[datetime | None]:
    """Return when each post of a sound batch is due; None for as soon as possible."""
    if not is_timed(values):
        return [due_time(post, now) for post in values["posts"]]
    step = timedelta(minutes=values["interval_minutes"])
    first = values["start_time"] or now
    moments = [first + position * step for position in range(len(values["posts"]))]
    return [moment if moment > now else None for moment in moments]


def _targets(user_id: str, video_ids: Sequence[str | None]) -> Targets:
    """Load accounts and videos; an upload that has arrived since is looked into first."""
    targets = load_targets({user_id: video_ids})[user_id]
    videos = {
        video_id: (
            TargetVideo.of(settle_upload(video_id))
            if video.state is VideoState.UPLOADING
            else video
        )
        for video_id, video in targets.videos.items()
    }
    return replace(targets, videos=videos)


def _is_uploading(post: UncheckedPost, targets: Targets) -> bool:
    video = targets.videos.get(post.values.get("video_id", ""))
    return video is not None and video.state is VideoState.UPLOADING


def _check(
    values: Mapping[str, Any], schema_faults: Faults, targets: Targets, now: datetime
) -> CheckedPost:
    faults = {path: list(messages) for path, messages in schema_faults.items()}
    sound = _sound(values, schema_faults)
    merge(faults, content_faults(sound))
    merge(faults, time_faults(sound, now))
    account, account_faults = (
        (None, {})
        if "account_id" in _unsound(schema_faults)
        else choose_account(sound.get("platform"), sound.get("account_id"), targets.accounts)
    )
    merge(faults, account_faults)
    merge(faults, link_faults(account, has_public_links=targets.has_public_links))
    merge(faults, video_faults(sound, targets.videos, account))
    return CheckedPost(values, faults, account, targets.videos.get(sound.get("video_id", "")))


def _sound(values: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """Return the fields that can be judged further: those without faults of their own, and of
    `_IN_PARTS` what is left of them."""
    unsound = _unsound(faults) - _IN_PARTS
    return {name: value for name, value in values.items() if name not in unsound}


def _unsound(faults: Faults) -> set[str]:
    heads = {path.split(".")[0] for path in faults}
    return {name for name, key in _KEYS.items() if key in heads}
