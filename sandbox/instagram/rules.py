"""Rules for a Reel's container and for the files Instagram accepts (docs: IG User media)."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from sandbox.core.errors import Refusal
from sandbox.core.fields import json_object, utf16_units
from sandbox.core.probe import Probe
from sandbox.core.world import World

MAX_CAPTION_UNITS = 2200
MAX_HASHTAGS = 30
MAX_MENTIONS = 20
MAX_VIDEO_BYTES = 300 * 2**20
GRADUATION = ("MANUAL", "SS_PERFORMANCE")
HASHTAG = re.compile(r"#\w+")
MENTION = re.compile(r"(?<!\w)@[\w.]+")


def read_parameters() -> dict[str, Any]:
    """Return the parameters of the query, form or JSON body. Refuses other bodies."""
    parameters: dict[str, Any] = request.args.to_dict()
    if request.mimetype == "application/json":
        try:
            parameters.update(json_object())
        except ValueError as exc:
            raise Refusal("100", f"(#100) {exc}") from exc
    elif request.content_length and request.mimetype not in (
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ):
        raise Refusal("100", "(#100) Unsupported content type")
    parameters.update(request.form.to_dict())
    parameters.pop("access_token", None)
    return parameters


def _flag(value: Any) -> bool:
    return value in (True, False, "true", "false")


def _whole(value: Any) -> bool:
    return re.fullmatch(r"\d+", str(value)) is not None and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _listed(most: int | None = None) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        parsed = _parsed(value)
        return isinstance(parsed, list) and (most is None or len(parsed) <= most)

    return check


def _trial(value: Any) -> bool:
    parsed = _parsed(value)
    return isinstance(parsed, dict) and parsed.get("graduation_strategy") in GRADUATION


PARAMETERS: Mapping[str, Callable[[Any], bool]] = {
    "media_type": _text,
    "video_url": _text,
    "upload_type": lambda value: value == "resumable",
    "caption": _text,
    "share_to_feed": _flag,
    "cover_url": _text,
    "thumb_offset": _whole,
    "audio_name": _text,
    "collaborators": _listed(3),
    "user_tags": _listed(),
    "location_id": _text,
    "trial_params": _trial,
    "is_ai_generated": _flag,
    "is_paid_partnership": _flag,
    "branded_content_sponsor_ids": _listed(2),
}


def check_container(parameters: dict[str, Any], *, may_resume: bool) -> None:
    """Refuse a container that Instagram would not create; `may_resume`: Facebook Login only."""
    for name, value in parameters.items():
        if name not in PARAMETERS or not PARAMETERS[name](value):
            raise Refusal("100", f"(#100) Param {name} is unknown or has a bad value")
    if parameters.get("media_type") != "REELS":
        raise Refusal("100/2207023")
    has_url, resumes = "video_url" in parameters, "upload_type" in parameters
    if not has_url and not (resumes and may_resume):
        raise Refusal("100", "(#100) The parameter video_url is required")
    if has_url and resumes:
        raise Refusal("100", "(#100) Give either video_url or upload_type")
    check_caption(parameters.get("caption", ""))
    if not _whole(parameters.get("location_id", "0")):
        raise Refusal("INSTAGRAM_PLATFORM_API__INVALID_LOCATION_ID")


def check_caption(caption: str) -> None:
    """Refuse a caption that is too long or has too many hashtags or mentions.

    The unit of length is undocumented, so the larger count has to fit.
    """
    if utf16_units(caption) > MAX_CAPTION_UNITS:
        raise Refusal("36004/2207010")
    if len(HASHTAG.findall(caption)) > MAX_HASHTAGS:
        raise Refusal("36004/2207010", "The caption has more than 30 hashtags.")
    if len(MENTION.findall(caption)) > MAX_MENTIONS:
        raise Refusal("100/2207040")


def video_failure(
    world: World, probe: Probe | None, size_bytes: int, parameters: dict[str, Any]
) -> str | None:
    """Return the subcode with which Instagram rejects a file; None for a good one."""
    if probe is None or size_bytes > MAX_VIDEO_BYTES:
        return "2207026"
    sound = all(check(probe) for check in VIDEO_RULES)
    if world.settings.instagram_strict_layout:
        sound = sound and probe.moov_first and not probe.has_edit_list
    if not sound:
        return "2207026"
    offset_seconds = int(parameters.get("thumb_offset", 0)) / 1000
    return "2207057" if offset_seconds and offset_seconds >= probe.duration_seconds else None


VIDEO_RULES: tuple[Callable[[Probe], bool], ...] = (
    lambda probe: bool(probe.containers & {"mov", "mp4"}),
    lambda probe: probe.video_codec in ("h264", "hevc"),
    lambda probe: probe.pixel_format in ("yuv420p", "yuvj420p", "yuv420p10le"),
    lambda probe: not probe.interlaced,
    lambda probe: probe.audio_codec in ("", "aac"),
    lambda probe: probe.audio_rate <= 48_000 and probe.audio_channels <= 2,
    lambda probe: 23 <= probe.frame_rate <= 60,
    lambda probe: probe.width <= 1920 and 0.01 <= probe.width / probe.height <= 10,
    lambda probe: probe.bits_per_second <= 25_000_000,
    # The sound of an encoded file ends with a whole frame.
    lambda probe: 3 <= probe.duration_seconds <= 900.1,
)
