"""The complete check of a post: everything that can be refused before it is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.checks.content import content_faults
from app.checks.targets import choose_account, public_link_faults, video_faults
from app.checks.times import batch_faults, due_time, is_timed, time_faults
from app.faults import Faults, below, merge
from app.platforms import PLATFORMS
from app.priorities import DEFAULT_PRIORITY, SCHEDULED_PRIORITY
from app.publishing.create import NewJob
from app.queries.targets import TargetAccount, Targets, TargetVideo, load_targets
from app.schemas.publish import PublishSchema
from app.states import VideoState

#: Fields that are checked further though part of them has a fault.
_CHECKED_IN_PARTS = {"caption", "hashtags", "options"}
_KEYS = {name: str(each.data_key) for name, each in PublishSchema().fields.items()}


@dataclass(frozen=True)
class CheckedPost:
    """A post and all of its faults; an account or video that was not found is None."""

    values: Mapping[str, Any]
    faults: Faults
    account: TargetAccount | None
    video: TargetVideo | None

    def new_job(self, user_id: str, now: datetime, due_at: datetime | None) -> NewJob:
        """Return the job to create, due now where `due_at` is None; must have no faults."""
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
    """A requested post as its schema loaded it: the values that could be read, and the faults.

    Times are checked against `asked_at`: waiting in the intake does not make a request late.
    """

    user_id: str
    values: Mapping[str, Any]
    faults: Faults
    asked_at: datetime


def check_post(post: UncheckedPost) -> CheckedPost:
    """Check one post. Reads the database once; needs the caller's transaction.

    An upload counts as arrived once it is settled (`app.videos.settle_requested`).
    """
    targets = load_targets({post.user_id: [post.values.get("video_id")]})
    return _check(post.values, post.faults, targets[post.user_id], post.asked_at)


def check_posts(posts: Sequence[UncheckedPost]) -> list[CheckedPost | None]:
    """Check posts of any users; None for one whose upload must be looked up in the store.

    Reads the database once. Needs the caller's transaction.
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
    """Check all posts of a batch; their faults are keyed by `posts.N.field`.

    As `check_post`.
    """
    faults = dict(schema_faults)
    posts: Sequence[Mapping[str, Any]] = values.get("posts", [])
    targets = load_targets({user_id: [post.get("video_id") for post in posts]})[user_id]
    own_faults = _by_position(schema_faults)
    checked = []
    for position, post in enumerate(posts):
        checked.append(_check(post, own_faults.get(str(position), {}), targets, now))
        merge(faults, below(f"posts.{position}", checked[-1].faults))
    merge(faults, batch_faults(values, now))
    return checked, faults


def priority_of(values: Mapping[str, Any], due_at: datetime | None) -> int:
    """Return the requested priority, else the default for an immediate or a scheduled post."""
    requested: int | None = values.get("options", {}).get("priority")
    if requested is not None:
        return requested
    return DEFAULT_PRIORITY if due_at is None else SCHEDULED_PRIORITY


def due_times(values: Mapping[str, Any], now: datetime) -> list[datetime | None]:
    """Return when each post of a valid batch is due; None for as soon as possible."""
    if not is_timed(values):
        return [due_time(post, now) for post in values["posts"]]
    step = timedelta(minutes=values["interval_minutes"])
    first = values["start_time"] or now
    moments = [first + position * step for position in range(len(values["posts"]))]
    return [moment if moment > now else None for moment in moments]


def _by_position(faults: Faults) -> dict[str, Faults]:
    """Return the faults of each post of a batch, by its position."""
    grouped: dict[str, Faults] = {}
    for path, messages in faults.items():
        whole, _, rest = path.partition(".")
        position, dot, name = rest.partition(".")
        if whole == "posts" and dot:
            grouped.setdefault(position, {})[name] = messages
    return grouped


def _is_uploading(post: UncheckedPost, targets: Targets) -> bool:
    video = targets.videos.get(post.values.get("video_id", ""))
    return video is not None and video.state is VideoState.UPLOADING


def _check(
    values: Mapping[str, Any], schema_faults: Faults, targets: Targets, now: datetime
) -> CheckedPost:
    faults = {path: list(messages) for path, messages in schema_faults.items()}
    checkable = _checkable(values, schema_faults)
    merge(faults, content_faults(checkable))
    merge(faults, time_faults(checkable, now))
    account, account_faults = (
        (None, {})
        if "account_id" in _faulty(schema_faults)
        else choose_account(
            checkable.get("platform"), checkable.get("account_id"), targets.accounts
        )
    )
    merge(faults, account_faults)
    merge(faults, public_link_faults(account, has_public_links=targets.has_public_links))
    merge(faults, video_faults(checkable, targets.videos))
    return CheckedPost(values, faults, account, targets.videos.get(checkable.get("video_id", "")))


def _checkable(values: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """Return the fields that can be checked further: those without faults, and what could be read
    of `_CHECKED_IN_PARTS`."""
    faulty = _faulty(faults) - _CHECKED_IN_PARTS
    return {name: value for name, value in values.items() if name not in faulty}


def _faulty(faults: Faults) -> set[str]:
    heads = {path.split(".")[0] for path in faults}
    return {name for name, key in _KEYS.items() if key in heads}
