"""The registry of platforms: what the service knows of each before it calls one. Pure data.

A fourth platform starts with an entry here; the README lists the rest under "Add a platform".
`containsSyntheticMedia` is the common name for "made by AI"; a platform's own name for it is
accepted too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from app.media.video_rules import VIDEO_RULES, VideoRules
from app.states import LoginType

Window = Literal["rolling", "pacific_day", "at_once"]
Scope = Literal["account", "application", "platform"]
CaptionUnit = Literal["utf16", "characters", "bytes"]
OptionKind = Literal["bool", "int", "text", "texts", "url", "date", "language"]
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Limit:
    """A rate limit, quota or concurrency limit. `setting` is the variable that overrides `default`.

    `counts` says what is counted, `scope` per what. A `rolling` window looks back
    `window_seconds`; `pacific_day` starts at midnight in Los Angeles; `at_once` limits
    concurrency. `posts` and `uploads` decide whether a job may start, all others whether a call may
    be made.
    """

    setting: str
    default: int
    counts: str
    scope: Scope
    window: Window = "rolling"
    window_seconds: int = 86400

    @property
    def words(self) -> str:
        """What is counted, in words for a person."""
        return self.counts.replace("_", " ")

    @property
    def is_reported_by_platform(self) -> bool:
        """Whether the platform may report this limit per account: posts in 24 hours."""
        is_daily = self.window == "rolling" and self.window_seconds == 86400
        return is_daily and (self.scope, self.counts) == ("account", "posts")


@dataclass(frozen=True)
class CaptionRules:
    """The rules for a post's text; None where the platform has no such rule.

    `unit`: `utf16` code units, `characters` (the larger count of code points and UTF-16 units)
    or `bytes` of UTF-8. The text is what is sent: the caption with its hashtags.
    """

    unit: CaptionUnit
    text_max: int
    hashtags_max: int | None = None
    mentions_max: int | None = None
    title_max: int | None = None
    tags_max: int | None = None
    forbidden: str = ""


@dataclass(frozen=True)
class Option:
    """One of a platform's options: its type and its bounds, if any.

    `max` bounds a number, a text's length, or a list's number of entries. `same_as` makes this
    option an alias of the one it names.
    """

    kind: OptionKind
    max: int | None = None
    choices: tuple[str, ...] = ()
    same_as: str | None = None


@dataclass(frozen=True)
class Platform:
    """One platform. `handler` is `module:class`, by name, so that the API never imports it.

    `post_hosts`: the domains that links to its posts are in.
    `token_margins`: per login by which accounts are connected, how long before it expires a token
    is refreshed; None if it cannot be refreshed.
    `counted_accounts`: how many accounts' post counts are read in one run.
    `has_feed`: a Reel may be left out of the feed. `cover_lies_within`: a cover at the very end
    of the video is refused.
    """

    name: str
    queue: str
    handler: str
    captions: CaptionRules
    privacy_levels: tuple[str, ...]
    options: Mapping[str, Option]
    limits: tuple[Limit, ...]
    video: VideoRules
    post_hosts: tuple[str, ...]
    token_margins: Mapping[LoginType, timedelta | None]
    default_privacy: str = "public"
    counted_accounts: int = 100
    has_feed: bool = False
    cover_lies_within: bool = False

    @property
    def logins(self) -> tuple[LoginType, ...]:
        """The logins by which its accounts can be connected, the preferred one first."""
        return tuple(self.token_margins)

    def native_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return `options` under the platform's own names, which win over their aliases."""
        renamed = {}
        for name, value in options.items():
            native = self.options[name].same_as if name in self.options else None
            if native is None:
                renamed[name] = value
            elif native not in options:
                renamed[native] = value
        return renamed


_FLAG = Option("bool")
_ROLL: Window = "rolling"
_DAY: Window = "pacific_day"

# https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
_TIKTOK = Platform(
    name="TikTok",
    queue="publish-tiktok",
    handler="workers.platforms.tiktok:TikTokHandler",
    captions=CaptionRules("utf16", 2200),
    privacy_levels=("public", "private"),  # friends or followers are not "unlisted"
    options={
        "disableComment": _FLAG,
        "disableDuet": _FLAG,
        "disableStitch": _FLAG,
        "coverTimestampMs": Option("int", max=INT32_MAX),
        "brandContentToggle": _FLAG,
        "brandOrganicToggle": _FLAG,
        "isAigc": _FLAG,
        "containsSyntheticMedia": Option("bool", same_as="isAigc"),
    },
    limits=(
        Limit("LIMIT_TIKTOK_POSTS_PER_MINUTE", 2, "posts", "account", window_seconds=60),
        Limit("LIMIT_TIKTOK_POSTS_PER_DAY", 15, "posts", "account"),
        # Calls per token: https://developers.tiktok.com/doc/tiktok-api-v2-rate-limit
        Limit("LIMIT_TIKTOK_INITS_PER_MINUTE", 6, "inits", "account", window_seconds=60),
        Limit("LIMIT_TIKTOK_CREATOR_READS_PER_MINUTE", 20, "creator_reads", "account", _ROLL, 60),
        Limit("LIMIT_TIKTOK_STATUS_READS_PER_MINUTE", 30, "status_reads", "account", _ROLL, 60),
        Limit("LIMIT_TIKTOK_CONCURRENT_UPLOADS", 3, "uploads", "platform", "at_once"),
        Limit("LIMIT_TIKTOK_CONCURRENT_PER_ACCOUNT", 1, "uploads", "account", "at_once"),
    ),
    video=VIDEO_RULES["TIKTOK"],
    post_hosts=("tiktok.com",),
    token_margins={LoginType.ONLY: timedelta(minutes=10)},
)

# https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
_INSTAGRAM = Platform(
    name="Instagram",
    queue="publish-instagram",
    handler="workers.platforms.instagram:InstagramHandler",
    captions=CaptionRules("characters", 2200, hashtags_max=30, mentions_max=20),
    privacy_levels=("public",),  # a post goes to the account's whole audience
    options={
        "coverUrl": Option("url", max=2000),
        "thumbOffsetMs": Option("int", max=INT32_MAX),
        "coverTimestampMs": Option("int", max=INT32_MAX, same_as="thumbOffsetMs"),
        "audioName": Option("text", max=200),
        "collaborators": Option("texts", max=3),
        "locationId": Option("text", max=64),
        "isAiGenerated": _FLAG,
        "commentEnabled": _FLAG,
        "containsSyntheticMedia": Option("bool", same_as="isAiGenerated"),
    },
    limits=(
        Limit("LIMIT_INSTAGRAM_CALLS_PER_HOUR", 200, "calls", "account", window_seconds=3600),
        # Until the account's own content_publishing_limit has been read.
        Limit("LIMIT_INSTAGRAM_POSTS_PER_DAY", 100, "posts", "account"),
        Limit("LIMIT_INSTAGRAM_CONTAINERS_PER_DAY", 400, "containers", "account"),
        Limit("LIMIT_INSTAGRAM_CONCURRENT_UPLOADS", 5, "uploads", "platform", "at_once"),
        Limit("LIMIT_INSTAGRAM_CONCURRENT_PER_ACCOUNT", 1, "uploads", "account", "at_once"),
    ),
    video=VIDEO_RULES["INSTAGRAM"],
    post_hosts=("instagram.com",),
    # Facebook Login has no refresh. A token of Instagram Login lives 60 days, and is renewed after
    # a week: it cannot be renewed on its first day, nor once it has ended.
    # https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
    token_margins={LoginType.FACEBOOK: None, LoginType.INSTAGRAM: timedelta(days=53)},
    has_feed=True,
    cover_lies_within=True,
)

# https://developers.google.com/youtube/v3/docs/videos
_YOUTUBE = Platform(
    name="YouTube",
    queue="publish-youtube",
    handler="workers.platforms.youtube:YouTubeHandler",
    captions=CaptionRules("bytes", 5000, title_max=100, tags_max=500, forbidden="<>"),
    privacy_levels=("public", "private", "unlisted"),
    options={
        "title": Option("text"),
        "coverTimestampMs": Option("int", max=INT32_MAX),
        "description": Option("text"),
        "tags": Option("texts"),
        "categoryId": Option("text", max=8),
        "madeForKids": _FLAG,
        "containsSyntheticMedia": _FLAG,
        "license": Option("text", choices=("youtube", "creativeCommon")),
        "embeddable": _FLAG,
        "publicStatsViewable": _FLAG,
        "notifySubscribers": _FLAG,
        "defaultLanguage": Option("language", max=35),
        "recordingDate": Option("date"),
    },
    limits=(
        # https://developers.google.com/youtube/v3/determine_quota_cost
        Limit("LIMIT_YOUTUBE_UNITS_PER_DAY", 10_000, "units", "application", _DAY),
        Limit("LIMIT_YOUTUBE_UPLOADS_PER_DAY", 100, "posts", "application", _DAY),
        # A session reopened for the same post counts again.
        Limit("LIMIT_YOUTUBE_UPLOADS_PER_DAY", 100, "inserts", "application", _DAY),
        Limit("LIMIT_YOUTUBE_CONCURRENT_UPLOADS", 10, "uploads", "platform", "at_once"),
        Limit("LIMIT_YOUTUBE_CONCURRENT_PER_ACCOUNT", 1, "uploads", "account", "at_once"),
    ),
    video=VIDEO_RULES["YOUTUBE"],
    post_hosts=("youtube.com", "youtu.be"),
    token_margins={LoginType.ONLY: timedelta(minutes=5)},
    # Its calls use the quota of the whole application: with a run at most every five minutes, they
    # cost at most 1,440 of its 10,000 units a day.
    counted_accounts=5,
)

PLATFORMS: dict[str, Platform] = {
    "TIKTOK": _TIKTOK,
    "INSTAGRAM": _INSTAGRAM,
    "YOUTUBE": _YOUTUBE,
}
