"""Schemas of videos and direct uploads."""

from __future__ import annotations

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, Range

from app.media.plan import Work
from app.platforms import INT32_MAX, PLATFORMS
from app.schemas.base import NO_CONTROLS, BaseSchema, Moment, ResponseSchema, Whole, one_of
from app.schemas.pages import PageSchema
from app.states import VideoState
from app.videos import TITLE_MAX, UPLOAD_MAX_BYTES, is_upload_type

KEY_MAX = 1024
FILENAME_MAX = 255
CONTENT_TYPE_MAX = 255


def _check_upload_type(value: str) -> None:
    if not is_upload_type(value):
        raise ValidationError("Must be a video type, or application/octet-stream.")


class RegisterVideoSchema(BaseSchema):
    """An object in the store to register as a video."""

    r2_key = fields.String(
        required=True,
        data_key="r2Key",
        validate=Length(1, KEY_MAX),
        metadata={"description": "The object's key, or its path below the video folder."},
    )
    title = fields.String(required=True, validate=Length(1, TITLE_MAX))


class NewUploadSchema(BaseSchema):
    """The file that a client is about to upload."""

    filename = fields.String(
        required=True,
        validate=[Length(1, FILENAME_MAX), NO_CONTROLS],
        metadata={"description": "Becomes the title of the video, not its key."},
    )
    content_type = fields.String(
        required=True,
        validate=[Length(max=CONTENT_TYPE_MAX), _check_upload_type],
        metadata={
            "description": "Of the `File` or `Blob`, such as `video/webm;codecs=vp9`: any video, "
            "or `application/octet-stream` where the type is unknown. The link is signed for its "
            "lower case, which is what a browser sends."
        },
    )
    file_size = Whole(
        required=True,
        validate=Range(1, UPLOAD_MAX_BYTES),
        metadata={"description": "Bytes. Exactly this many must be sent."},
    )


class UploadSchema(ResponseSchema):
    """How to upload the file: one request, exactly as described, before `expiresAt`."""

    video_id = fields.String()
    upload_url = fields.String(metadata={"description": "Signed: needs no other credentials."})
    method = one_of(("PUT",))
    headers = fields.Dict(keys=fields.String(), values=fields.String())
    expires_at = Moment()


class CodecsSchema(ResponseSchema):
    """The codecs of the video and audio tracks."""

    video = fields.String(attribute="video_codec")
    audio = fields.String(attribute="audio_codec", allow_none=True)


class PreviewQuery(BaseSchema):
    """Which frame of the video to show."""

    at = fields.Integer(
        load_default=None,
        validate=Range(0, INT32_MAX),
        metadata={"description": "Milliseconds, as in `coverTimestampMs`."},
    )
    sheet = fields.Boolean(
        load_default=False, metadata={"description": "Nine frames from the whole video."}
    )


class BrokenRuleSchema(ResponseSchema):
    """A rule of the platform that the original file breaks."""

    rule = fields.String()
    limit = fields.Raw(metadata={"type": ["number", "string"]})
    actual = fields.Raw(metadata={"type": ["number", "string"]})
    message = fields.String()


class PlanSchema(ResponseSchema):
    """What a platform is sent of this video."""

    platform = one_of(PLATFORMS)
    is_possible = fields.Boolean(data_key="possible")
    work = one_of(
        Work,
        attribute="plan.work.value",
        metadata={
            "description": "`nothing`: the original bytes; `remux`: repackaged without loss; "
            "`audio`, `video`: only that track is transcoded; `encode`: both are."
        },
    )
    reasons = fields.List(
        fields.Nested(BrokenRuleSchema),
        attribute="plan.reasons",
        metadata={"description": "Why this is done."},
    )
    refusals = fields.List(
        fields.Nested(BrokenRuleSchema),
        attribute="plan.refusals",
        metadata={"description": "Why the platform cannot accept it in any form."},
    )


class VideoSchema(ResponseSchema):
    """A video; what the probe finds is null until then."""

    id = fields.String()
    r2_key = fields.String(data_key="r2Key")
    title = fields.String()
    state = one_of(
        VideoState,
        attribute="state.value",
        metadata={"description": "`stateReason` says why it is `invalid`."},
    )
    state_reason = fields.String()
    duration = fields.Float(
        attribute="duration_seconds", allow_none=True, metadata={"description": "Seconds."}
    )
    file_size = fields.Integer(allow_none=True, metadata={"description": "Bytes."})
    format = fields.String(allow_none=True)
    resolution = fields.String(allow_none=True, metadata={"description": "As in `1080x1920`."})
    codecs = fields.Nested(CodecsSchema, attribute="probe", allow_none=True)
    plans = fields.List(
        fields.Nested(PlanSchema),
        metadata={"description": "What each platform is sent of it; empty until it is probed."},
    )
    created_at = Moment()


class VideosSchema(PageSchema):
    """One page of a user's videos."""

    videos = fields.List(fields.Nested(VideoSchema), attribute="rows")
