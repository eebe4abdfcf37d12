"""What the probe's child may answer: it reads hostile files, and is believed no more than they."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from app.media.children import ProbeBounds, ask
from app.media.facts import VideoInvalid
from app.media.window import Window

_CHILD = Path(__file__).with_name("probe_child.py")
_ANSWER_MAX_BYTES = 64 * 1024
SENTENCES = {
    "video_corrupt": "The file is no video, or it is damaged.",
    "video_unreadable": "The file is so made that it cannot be read safely.",
    "video_no_pictures": "There are no moving pictures in the file.",
    "video_codec_unknown": "The pictures are encoded in a way that nobody here knows.",
}
_TEXT, _OPTIONAL_TEXT, _OPTIONAL_COUNT = (str,), (str, type(None)), (int, type(None))
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
    "frame_rate": (float, type(None)),
    "is_variable_rate": (bool,),
    "is_interlaced": (bool,),
    "audio_codec": _OPTIONAL_TEXT,
    "audio_channels": _OPTIONAL_COUNT,
    "audio_layout": _OPTIONAL_TEXT,
    "audio_sample_rate": _OPTIONAL_COUNT,
}


def ask_child(window: Window, bounds: ProbeBounds) -> dict[str, Any]:
    """Return the facts of `probe_child.look`, checked; raises `VideoInvalid` and `StorageError`."""
    facts = _object(ask(_CHILD, window, bounds, _ANSWER_MAX_BYTES))
    if not _is_sound(facts):
        named = str(facts.get("error"))
        code = named if named in SENTENCES else "video_unreadable"
        raise VideoInvalid(code, SENTENCES[code])
    return facts


def _object(answer: bytes) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_sound(facts: dict[str, Any]) -> bool:
    """Whether these are the facts of a video, each of its kind and none beside them."""
    if facts.keys() != _FACTS.keys():
        return False
    if not all(isinstance(facts[name], kinds) for name, kinds in _FACTS.items()):
        return False
    numbers = [value for value in facts.values() if isinstance(value, float)]
    return min(facts["width"], facts["height"]) > 0 and all(map(math.isfinite, numbers))
