"""Validates the result of the probe's child: it parses hostile files, so it is not trusted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from app.media.child_process import ProbeBounds, run_child
from app.media.facts import VideoInvalid
from app.media.window import Window

_CHILD = Path(__file__).with_name("probe_child.py")
_RESULT_MAX_BYTES = 64 * 1024
SENTENCES = {
    "video_corrupt": "The file is not a video, or it is damaged.",
    "video_unreadable": "The file cannot be read safely.",
    "video_no_pictures": "The file contains no video stream.",
    "video_codec_unknown": "The video is encoded with an unknown codec.",
}
_TEXT, _OPTIONAL_TEXT, _OPTIONAL_COUNT = (str,), (str, type(None)), (int, type(None))
_OPTIONAL_FIGURE = (float, type(None))
_FACTS: dict[str, tuple[type, ...]] = {
    "format": _TEXT,
    "duration_seconds": (float,),
    "video_codec": _TEXT,
    "profile": _OPTIONAL_TEXT,
    "width": (int,),
    "height": (int,),
    "rotation": (int, float),
    "pixel_ratio": (float,),
    "pixel_format": _OPTIONAL_TEXT,
    "bit_depth": _OPTIONAL_COUNT,
    "transfer": _OPTIONAL_TEXT,
    "frame_rate": _OPTIONAL_FIGURE,
    "is_variable_rate": (bool,),
    "is_interlaced": (bool,),
    "audio_codec": _OPTIONAL_TEXT,
    "audio_channels": _OPTIONAL_COUNT,
    "audio_sample_rate": _OPTIONAL_COUNT,
    "sound_delay_seconds": _OPTIONAL_FIGURE,
}


def probe_in_child(window: Window, bounds: ProbeBounds) -> dict[str, Any]:
    """Return the validated facts of `probe_child`; raises `VideoInvalid` and `StorageError`."""
    facts = _object(run_child(_CHILD, window, bounds, _RESULT_MAX_BYTES))
    if not _is_valid(facts):
        error = str(facts.get("error"))
        code = error if error in SENTENCES else "video_unreadable"
        raise VideoInvalid(code, SENTENCES[code])
    return facts


def _object(result: bytes) -> dict[str, Any]:
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_valid(facts: dict[str, Any]) -> bool:
    """Whether these are exactly the expected facts, each of its type."""
    if facts.keys() != _FACTS.keys():
        return False
    if not all(isinstance(facts[name], kinds) for name, kinds in _FACTS.items()):
        return False
    numbers = [value for value in facts.values() if isinstance(value, float)]
    return min(facts["width"], facts["height"]) > 0 and all(map(math.isfinite, numbers))
