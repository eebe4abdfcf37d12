"""Schemas of the platforms: their rules, and the use of their limits."""

from __future__ import annotations

from typing import get_args

from marshmallow import fields, missing

from app.platforms import PLATFORMS, CaptionUnit, OptionKind, Scope, Window
from app.schemas.base import CamelKeys, Moment, ResponseSchema, one_of
from app.schemas.publish import PRIVACY_LEVELS
from app.states import AccountState

#: What the limits count.
COUNTED = tuple(
    dict.fromkeys(limit.counts for entry in PLATFORMS.values() for limit in entry.limits)
)


class CaptionRulesSchema(ResponseSchema):
    """The rules for a post's text with its hashtags; null: no such rule."""

    unit = one_of(
        get_args(CaptionUnit),
        metadata={
            "description": "What is counted: `utf16` code units, `characters` (the larger count "
            "of code points and UTF-16 units) or `bytes` of UTF-8."
        },
    )
    max_length = fields.Integer(attribute="text_max")
    max_hashtags = fields.Integer(attribute="hashtags_max", allow_none=True)
    max_mentions = fields.Integer(attribute="mentions_max", allow_none=True)
    max_title_length = fields.Integer(attribute="title_max", allow_none=True)
    max_tags_length = fields.Integer(attribute="tags_max", allow_none=True)
    forbidden_characters = fields.String(attribute="forbidden")


class OptionRuleSchema(ResponseSchema):
    """One of the platform's options."""

    kind = one_of(
        get_args(OptionKind),
        metadata={
            "description": "`bool`; `int`; `text`: a string; `texts`: a list of strings; `url`: of "
            "https; `date`: a date or a time, ISO 8601; `language`: a BCP 47 tag."
        },
    )
    max = fields.Integer(
        allow_none=True,
        metadata={"description": "Of a number, a string's length or a list's entries."},
    )
    choices = fields.List(fields.String())
    same_as = fields.String(
        allow_none=True, metadata={"description": "The option for which this is another name."}
    )


class BoundsSchema(ResponseSchema):
    """From `min` to `max`, inclusive; null: unbounded on that side."""

    min = fields.Float(attribute="low", allow_none=True)
    max = fields.Float(attribute="high", allow_none=True)


class VideoRulesSchema(ResponseSchema):
    """What files the platform accepts; outside the `advised` ones it accepts but discourages."""

    ranges = CamelKeys(
        keys=fields.String(),
        values=fields.Nested(BoundsSchema),
        metadata={
            "description": "`duration` in seconds, `size` in bytes, `side` and `width` in pixels, "
            "`ratio` as width ÷ height, `frameRate` per second, `bitRate` per second, "
            "`audioChannels`, `audioSampleRate` in Hz."
        },
    )
    choices = CamelKeys(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "`container` (the media type), `videoCodec`, `audioCodec`, `chroma`, "
            "`h264Format`, `scan`, `index` (where an MP4 has its index) and `editList`."
        },
    )
    advised_ranges = CamelKeys(keys=fields.String(), values=fields.Nested(BoundsSchema))
    advised_choices = CamelKeys(keys=fields.String(), values=fields.List(fields.String()))


class LimitSchema(ResponseSchema):
    """One limit. `used`, `left` and `resetsAt` are null where the use is not counted here."""

    counts = one_of(
        COUNTED,
        attribute="limit.counts",
        metadata={
            "description": "What is counted: `posts` and `uploads` decide whether one may start;"
            " `inits`, `creator_reads`, `status_reads`, `calls`, `containers`, `units` and"
            " `inserts` whether a request may be made."
        },
    )
    scope = one_of(
        get_args(Scope),
        attribute="limit.scope",
        metadata={"description": "Whose use: each `account`, the `application` or the `platform`."},
    )
    window = one_of(
        get_args(Window),
        attribute="limit.window",
        metadata={
            "description": "`rolling`: the last `windowSeconds`; `pacific_day`: since midnight in "
            "Los Angeles; `at_once`: at the same time."
        },
    )
    window_seconds = fields.Function(
        lambda use: use.limit.window_seconds if use.limit.window == "rolling" else None,
        metadata={"type": ["integer", "null"]},
    )
    max = fields.Integer()
    used = fields.Integer(allow_none=True)
    left = fields.Integer(allow_none=True)
    resets_at = Moment(
        allow_none=True, metadata={"description": "When the next use leaves the window."}
    )


class NextPostSchema(ResponseSchema):
    """When a post created now would start, and what delays it, if anything does."""

    may_lack = frozenset({"reason"})

    begins_at = Moment(
        allow_none=True,
        metadata={
            "description": "null while the platform is paused or the account must be connected "
            "again."
        },
    )
    reason = fields.Function(lambda post: post.reason or missing, metadata={"type": "string"})


class AccountLimitsSchema(ResponseSchema):
    """A connected account and its limits."""

    account_id = fields.String(attribute="account.id")
    username = fields.String(attribute="account.username")
    state = one_of(AccountState, attribute="account.state.value")
    limits = fields.List(fields.Nested(LimitSchema), attribute="uses")
    next_post = fields.Nested(NextPostSchema)


class PlatformSchema(ResponseSchema):
    """A platform, its rules and its limits."""

    platform = one_of(PLATFORMS)
    name = fields.String(attribute="rules.name")
    paused_at = Moment(
        allow_none=True,
        metadata={"description": "Since when the operator has paused it; null: not paused."},
    )
    caption = fields.Nested(CaptionRulesSchema, attribute="rules.captions")
    privacy_levels = fields.List(one_of(PRIVACY_LEVELS), attribute="rules.privacy_levels")
    default_privacy_level = one_of(PRIVACY_LEVELS, attribute="rules.default_privacy")
    options = fields.Dict(
        keys=fields.String(), values=fields.Nested(OptionRuleSchema), attribute="rules.options"
    )
    video = fields.Nested(VideoRulesSchema, attribute="rules.video")
    limits = fields.List(fields.Nested(LimitSchema), attribute="uses")
    accounts = fields.List(fields.Nested(AccountLimitsSchema))


class PlatformsSchema(ResponseSchema):
    """All platforms."""

    platforms = fields.List(fields.Nested(PlatformSchema))
