"""Schemas of requests to publish, edit and resolve."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Range, Regexp

from app.platforms import PLATFORMS
from app.queues.names import KEEP_COMPLETED, KEEP_FAILED
from app.schemas.base import BaseSchema, Flag, Listing, Moment, Several, Whole, Words
from app.schemas.platform_options import described_options

CAPTION_MAX = 2200
HASHTAGS_MAX = 10
BATCH_MAX = 100
MAX_AHEAD_SECONDS = 366 * 24 * 3600
BACKOFF_TYPES = ("exponential", "fixed")
PRIVACY_LEVELS = ("public", "private", "unlisted")
_YEAR_MS = MAX_AHEAD_SECONDS * 1000
_DAY_MS = 24 * 3600 * 1000


class Keep(fields.Field[Any]):
    """How many finished runs RQ keeps: true removes them, false is the default, N keeps N.

    No queue keeps more than `most`.
    """

    def __init__(self, most: int, **options: Any) -> None:
        described = {
            "oneOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": most}],
            "description": "true removes the run, false keeps it among the last"
            f" {most}, N keeps it among the last N, up to {most}.",
        }
        super().__init__(metadata=described, **options)
        self._most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool | int:
        if not isinstance(value, int) or not 0 <= value <= self._most:
            raise ValidationError(f"Must be true, false or the number to keep (0 to {self._most}).")
        return value


class Number(fields.Float):
    """A JSON number."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf


def defaults_of(schema: type[Schema]) -> Callable[[], dict[str, Any]]:
    """Return a factory of the values that a schema loads from an empty object."""
    defaults = json.dumps(schema().load({}))
    return lambda: json.loads(defaults)  # ten times faster than a deep copy


class BackoffSchema(BaseSchema):
    """How long to wait between attempts."""

    type = fields.String(load_default="exponential", validate=OneOf(BACKOFF_TYPES))
    delay = Whole(
        load_default=5000,
        validate=Range(0, _DAY_MS),
        metadata={"description": "Milliseconds; exponential doubles it each time."},
    )


class OptionsSchema(BaseSchema):
    """How the queue treats the job."""

    priority = Whole(
        validate=Range(1, 10),
        metadata={"description": "Higher first. Default 5, for scheduled posts 3."},
    )
    attempts = Whole(load_default=3, validate=Range(1, 10))
    backoff = fields.Nested(BackoffSchema, load_default=defaults_of(BackoffSchema))
    delay = Whole(
        validate=Range(0, _YEAR_MS),
        metadata={"description": "Milliseconds from now; cannot be combined with scheduledTime."},
    )
    remove_on_complete = Keep(KEEP_COMPLETED, load_default=False)
    remove_on_fail = Keep(KEEP_FAILED, load_default=False)


class ContentSchema(BaseSchema):
    """A post's content, privacy and time, which may also be edited."""

    hashtags = Listing(
        fields.String(validate=Length(1, 200)),
        validate=Length(max=HASHTAGS_MAX),
        metadata={"description": "With or without #."},
    )
    privacy_level = fields.String(
        validate=OneOf(PRIVACY_LEVELS),
        metadata={"description": "Default public. Instagram has no other, TikTok no unlisted."},
    )
    share_to_feed = Flag(metadata={"description": "Instagram only; default true."})
    platform_options = fields.Dict(keys=fields.String(), metadata=described_options())
    scheduled_time = Moment(
        allow_none=True,
        metadata={"description": "With an offset, up to a year ahead. null: as soon as possible."},
    )


class PublishSchema(ContentSchema):
    """One post. Platform rules, and what needs the database, are checked afterwards."""

    gathers_faults = True

    video_id = fields.String(required=True, validate=Length(1, 64))
    platform = fields.String(required=True, validate=OneOf(tuple(PLATFORMS)))
    caption = Words(
        required=True,
        validate=Length(max=CAPTION_MAX),
        metadata={"description": "May be empty where the platform requires no text."},
    )
    account_id = fields.String(
        validate=Length(1, 64),
        metadata={"description": "Needed only with several accounts on the platform."},
    )
    options = fields.Nested(OptionsSchema, load_default=defaults_of(OptionsSchema))


class BatchSchema(BaseSchema):
    """Up to 100 posts, each `intervalMinutes` after the one before it; all or none."""

    gathers_faults = True

    posts = Several(PublishSchema, required=True, validate=Length(1, BATCH_MAX))
    interval_minutes = Number(
        load_default=0.0,
        validate=Range(0, MAX_AHEAD_SECONDS // 60),
        metadata={
            "description": "0 publishes all at once, such as one video to several platforms."
        },
    )
    start_time = Moment(
        allow_none=True,
        load_default=None,
        metadata={"description": "When the first post is due; by default now."},
    )


class EditOptionsSchema(BaseSchema):
    """The options that may still be changed."""

    priority = Whole(validate=Range(1, 10))


class EditSchema(ContentSchema):
    """An edit of a post that has not started: only the fields to change."""

    gathers_faults = True

    caption = Words(validate=Length(max=CAPTION_MAX))
    options = fields.Nested(EditOptionsSchema)

    @validates_schema(pass_original=True, skip_on_field_errors=True)
    def refuse_nothing(self, data: Any, original: Any, **kwargs: Any) -> None:
        """Refuse an empty edit, which is a mistake of the caller."""
        if not original:
            raise ValidationError("Name at least one field to change.")


class ResolveSchema(BaseSchema):
    """A person's decision on a job whose outcome is unknown."""

    live = Flag(required=True)
    platform_post_id = fields.String(
        load_default=None,
        validate=Regexp(
            r"[^\s\x00-\x1f]{1,255}\Z", error="Must be 1 to 255 characters without spaces."
        ),
    )
    url = fields.URL(
        load_default=None,
        schemes={"https"},
        validate=Length(max=1000),
        metadata={"description": "Of the post, on the platform's own site."},
    )

    @validates_schema
    def refuse_post_that_is_not_live(self, data: Any, **kwargs: Any) -> None:
        """Refuse the id or link of a post that is said not to be live."""
        if data["live"]:
            return
        named = [name for name in ("platform_post_id", "url") if data[name] is not None]
        if named:
            keys = [str(self.fields[name].data_key) for name in named]
            raise ValidationError({key: ["Only with live: true."] for key in keys})


class KeyHeader(BaseSchema):
    """The header that makes a request idempotent."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        validate=Regexp(
            r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?\Z", error="1 to 255 printable characters."
        ),
        metadata={"description": "The same key and body within 24 hours return the same job."},
    )
