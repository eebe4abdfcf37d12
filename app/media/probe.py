"""Finds out what a stored object is, without downloading it and without trusting it.

FFmpeg's libraries parse the file in a process of their own (`probe_child.py`), which gets the bytes
it requests through a pipe. It holds no connection and no secret: when a hostile file makes it
crash, hang or exhaust memory, only the probe of that file fails.
"""

from __future__ import annotations

from typing import Any

from app.media.child_process import ProbeBounds
from app.media.facts import Probe, VideoInvalid
from app.media.layout import Layout, read_layout, read_matroska_type, refuse_truncated_riff
from app.media.probe_answer import probe_in_child
from app.media.window import Window
from app.storage import Storage, StoredObject

_CONTENT_TYPES = {
    "avi": "video/x-msvideo",
    "mpeg": "video/mpeg",
    "mpegts": "video/mp2t",
    "flv": "video/x-flv",
    "asf": "video/x-ms-asf",
}


def probe(
    storage: Storage, key: str, stat: StoredObject, bounds: ProbeBounds = ProbeBounds()
) -> Probe:
    """Return the facts about the version of an object that `stat` describes.

    Raises `VideoInvalid` when it is not a publishable video, and any `StorageError`.
    """
    if stat.size_bytes == 0:
        raise VideoInvalid("video_empty", "The file is empty.")
    window = Window(storage, key, stat, bounds.read_bytes)
    facts = probe_in_child(window, bounds)
    if facts["duration_seconds"] <= 0:
        raise VideoInvalid("video_no_duration", "The video has no duration.")
    return _probe_of(window, facts)


def _probe_of(window: Window, facts: dict[str, Any]) -> Probe:
    container = facts.pop("format").partition(",")[0]
    layout: Layout | None = None
    if container == "mov":
        layout = read_layout(window)
        content_type = layout.content_type
        container = content_type.partition("/")[2]
    elif container == "matroska":
        content_type, container = read_matroska_type(window)
    else:
        if container == "avi":
            refuse_truncated_riff(window)
        content_type = _CONTENT_TYPES.get(container, "application/octet-stream")
    facts["rotation"] = round(-facts["rotation"] / 90) * 90 % 360  # FFmpeg counts counterclockwise
    if facts["rotation"] in (90, 270):
        facts["width"], facts["height"] = facts["height"], facts["width"]
        facts["pixel_ratio"] = 1 / facts["pixel_ratio"]
    return Probe(
        content_type=content_type,
        container=container,
        brand=layout.brand if layout else None,
        size_bytes=window.size_bytes,
        bit_rate=round(window.size_bytes * 8 / facts["duration_seconds"]),
        moov_first=layout.moov_first if layout else None,
        has_edit_list=layout.has_edit_list if layout else None,
        edit_list_cuts=layout.edit_list_cuts if layout else None,
        **facts,
    )
