"""Checks a post's text, privacy and options against its platform. Pure; needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.captions import caption_faults
from app.faults import Faults, merge
from app.platforms import PLATFORMS
from app.schemas.platform_options import checked_options


def content_faults(values: Mapping[str, Any]) -> Faults:
    """Return what the platform would refuse in a post's content.

    `values` are the checkable values of a request; any may be missing. None stands for a hashtag
    that already has a fault.
    """
    platform = values.get("platform")
    options, faults = checked_options(platform, values.get("platform_options", {}))
    if platform is not None:
        merge(faults, _privacy_faults(platform, values, options))
        merge(faults, _conflict_faults(platform, options))
        if "share_to_feed" in values and not PLATFORMS[platform].has_feed:
            faults["shareToFeed"] = ["Only Instagram has a feed besides Reels; leave it out."]
    words = caption_faults(platform, values.get("caption", ""), values.get("hashtags", ()), options)
    if "caption" not in values:
        words.pop("caption", None)  # it already has faults
    merge(faults, words)
    return faults


def _privacy_faults(platform: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> Faults:
    name, levels = PLATFORMS[platform].name, PLATFORMS[platform].privacy_levels
    privacy = values.get("privacy_level", PLATFORMS[platform].default_privacy)
    if privacy not in levels:
        return {"privacyLevel": [f"{name} has no {privacy} posts, only {' and '.join(levels)}."]}
    if options.get("brandContentToggle") and privacy == "private":
        return {"platformOptions.brandContentToggle": ["A paid partnership cannot be private."]}
    return {}


def _conflict_faults(platform: str, options: Mapping[str, Any]) -> Faults:
    """Refuse two names of one option with different values: neither may win silently."""
    faults: Faults = {}
    for name, option in PLATFORMS[platform].options.items():
        same = option.same_as
        if same is None or name not in options or same not in options:
            continue
        if options[name] != options[same]:
            for one, other in ((name, same), (same, name)):
                faults[f"platformOptions.{one}"] = [
                    f"Contradicts {other}, which is another name for the same option."
                ]
    return faults
