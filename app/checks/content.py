"""What a platform takes: words, privacy and options. Pure; needs no video and no account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.captions import caption_faults
from app.faults import Faults, merge
from app.platforms import PLATFORMS
from app.schemas.platform_options import checked_options

SHARES_TO_FEED = "INSTAGRAM"


def content_faults(values: Mapping[str, Any]) -> Faults:
    """Return what the platform would refuse in a post's content.

    `values` are those of a request that can be judged; any may be missing. Of the hashtags, those
    with a fault of their own are None.
    """
    platform = values.get("platform")
    options, faults = checked_options(platform, values.get("platform_options", {}))
    if platform is not None:
        merge(faults, _privacy_faults(platform, values, options))
        merge(faults, _double_faults(platform, options))
        if "share_to_feed" in values and platform != SHARES_TO_FEED:
            faults["shareToFeed"] = ["Only Instagram has a feed beside the Reels; leave it out."]
    words = caption_faults(platform, values.get("caption", ""), values.get("hashtags", ()), options)
    if "caption" not in values:
        words.pop("caption", None)  # it has faults of its own already
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


def _double_faults(platform: str, options: Mapping[str, Any]) -> Faults:
    """Refuse one thing said in two ways: neither is to win unnoticed."""
    faults: Faults = {}
    for name, option in PLATFORMS[platform].options.items():
        same = option.same_as
        if same is None or name not in options or same not in options:
            continue
        if options[name] != options[same]:
            for one, other in ((name, same), (same, name)):
                faults[f"platformOptions.{one}"] = [
                    f"It says otherwise than {other}, which is another name for it."
                ]
    return faults
