"""What will work, but not as wished: a video to be converted, a limit that is used up."""

from __future__ import annotations

from datetime import datetime

from app.checks.posts import CheckedPost
from app.checks.targets import video_warnings
from app.clock import to_iso
from app.faults import Faults, merge
from app.models import Account
from app.platforms import PLATFORMS
from app.queries.limits import LimitUse, account_uses, platform_uses


def warnings_for(post: CheckedPost, due_at: datetime | None, now: datetime) -> Faults:
    """Return what the user should know of a post before sending it, by field."""
    warnings: Faults = {}
    if post.video is not None:
        merge(warnings, video_warnings(post.values, post.video, post.account))
    if post.account is not None:
        merge(warnings, _limit_warnings(post.account, due_at or now, now))
    return warnings


def _limit_warnings(account: Account, due_at: datetime, now: datetime) -> Faults:
    uses = [*account_uses([account], now)[account.id], *platform_uses(account.platform, now)]
    name = PLATFORMS[account.platform].name
    messages = [
        f"{name}'s limit of {use.max} posts is used up: it will wait until {until}."
        for use in uses
        if (until := _used_up_until(use, due_at))
    ]
    return {"platform": messages} if messages else {}


def _used_up_until(use: LimitUse, due_at: datetime) -> str:
    if use.left != 0 or use.resets_at is None or use.resets_at <= due_at:
        return ""
    return to_iso(use.resets_at)
