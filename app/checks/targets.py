"""Checks that a post's account and video exist and fit, over rows that were read before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.accounts.requirements import needs_public_links
from app.clock import utcnow
from app.faults import Faults
from app.media import violations
from app.media.facts import Probe
from app.media.plan import Plan, plan_for
from app.media.plan_text import describe_plan
from app.platforms import PLATFORMS
from app.queries.accounts import reconnect_sentence
from app.queries.targets import TargetAccount, TargetVideo
from app.states import AccountState, VideoState


def choose_account(
    platform: str | None, account_id: str | None, accounts: Sequence[TargetAccount]
) -> tuple[TargetAccount | None, Faults]:
    """Return the account to publish on: the named one, or the only one of the platform."""
    if account_id is not None:
        return _named(platform, account_id, accounts)
    if platform is None:
        return None, {}
    name = PLATFORMS[platform].name
    mine = [account for account in accounts if account.platform == platform]
    if not mine:
        return None, {"accountId": [f"No {name} account is connected."]}
    if len(mine) > 1:
        return None, {"accountId": [f"{len(mine)} {name} accounts are connected: name one."]}
    return mine[0], _state_faults(mine[0])


def public_link_faults(account: TargetAccount | None, *, has_public_links: bool) -> Faults:
    """Refuse an account whose platform cannot fetch videos from this store."""
    if account is None or has_public_links or not needs_public_links(account.login_type):
        return {}
    sentence = (
        f"Account {account.id} is connected through Instagram Login, which takes videos only by a"
        " public link, and the video store has none: connect it through Facebook Login, or serve"
        " the store over https."
    )
    return {"accountId": [sentence]}


def video_faults(values: Mapping[str, Any], videos: Mapping[str, TargetVideo]) -> Faults:
    """Return why a post's video cannot be published on its platform."""
    video_id = values.get("video_id")
    if video_id is None:
        return {}
    video = videos.get(video_id)
    if video is None:
        return {"videoId": ["There is no such video."]}
    if video.state is VideoState.UPLOADING:
        return {"videoId": ["The video has not been uploaded yet."]}
    if video.state is VideoState.INVALID:
        return {"videoId": [video.state_reason or "The video cannot be read."]}
    faults = _cover_time_faults(values, video)
    plan = _plan(values, video)
    if plan is not None and plan.refusals:
        faults["videoId"] = [violation.message for violation in plan.refusals]
    return faults


def video_warnings(
    values: Mapping[str, Any], video: TargetVideo, account: TargetAccount | None
) -> Faults:
    """Return how the published video will differ from the original, and if it may be too long."""
    probe, plan = _probe_of(video), _plan(values, video)
    if probe is None or plan is None:
        return {}
    limit = None if account is None else account.video_limit_at(utcnow())
    too_long = violations.too_long_for_account(values["platform"], probe, limit)
    messages = [too_long] if too_long else []
    messages += describe_plan(plan)
    messages += [advice.message for advice in violations.warnings(values["platform"], probe)]
    return {"videoId": messages} if messages else {}


def _named(
    platform: str | None, account_id: str, accounts: Sequence[TargetAccount]
) -> tuple[TargetAccount | None, Faults]:
    account = next((account for account in accounts if account.id == account_id), None)
    if account is None:
        return None, {"accountId": ["There is no such account."]}
    if platform is not None and account.platform != platform:
        other, wanted = PLATFORMS[account.platform].name, PLATFORMS[platform].name
        return None, {"accountId": [f"This is an account on {other}, not on {wanted}."]}
    return account, _state_faults(account)


def _state_faults(account: TargetAccount) -> Faults:
    if account.state is AccountState.ACTIVE:
        return {}
    return {"accountId": [reconnect_sentence(account.state_reason)]}


def _probe_of(video: TargetVideo) -> Probe | None:
    return None if video.probe is None else Probe.load(video.probe)


def _plan(values: Mapping[str, Any], video: TargetVideo) -> Plan | None:
    probe = _probe_of(video)
    platform = values.get("platform")
    return None if probe is None or platform is None else plan_for(platform, probe)


def _cover_time_faults(values: Mapping[str, Any], video: TargetVideo) -> Faults:
    """Refuse a cover frame beyond the end of the video."""
    if video.duration_seconds is None:
        return {}
    duration_ms = int(video.duration_seconds * 1000)
    platform = values.get("platform")
    lies_within = platform is not None and PLATFORMS[platform].cover_lies_within
    latest_ms = duration_ms - 1 if lies_within else duration_ms
    options = values.get("platform_options", {})
    return {
        f"platformOptions.{name}": [f"The video ends at {duration_ms} ms."]
        for name in ("coverTimestampMs", "thumbOffsetMs")
        if isinstance(options.get(name), int) and options[name] > latest_ms
    }
