"""Stills from a stored video, extracted like a probe: by range reads, in a sandboxed process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.media.child_process import ProbeBounds, run_child
from app.media.facts import VideoInvalid
from app.media.window import Window
from app.storage import Storage, StoredObject

_CHILD = Path(__file__).with_name("frames_child.py")
_RESULT_MAX_BYTES = 8 * 2**20
_BOUNDS = ProbeBounds(read_bytes=192 * 2**20, cpu_seconds=30)
_JPEG = b"\xff\xd8\xff"
SHEET_COLUMNS = 3
SHEET_STILLS = 9


def still(storage: Storage, key: str, stat: StoredObject, seconds: float, side: int) -> bytes:
    """Return a video's frame at a position as JPEG, its longest side at most `side` pixels.

    Raises `VideoInvalid` where no frame can be decoded, and any `StorageError`.
    """
    return _extract(storage, key, stat, [seconds], side, columns=1)


def contact_sheet(
    storage: Storage, key: str, stat: StoredObject, duration_seconds: float, side: int
) -> bytes:
    """Return nine stills from across a video as one JPEG, each at most `side` pixels long.

    Raises as `still` does.
    """
    step = duration_seconds / SHEET_STILLS
    positions = [step * (number + 0.5) for number in range(SHEET_STILLS)]
    return _extract(storage, key, stat, positions, side, columns=SHEET_COLUMNS)


def _extract(
    storage: Storage,
    key: str,
    stat: StoredObject,
    positions: Sequence[float],
    side: int,
    *,
    columns: int,
) -> bytes:
    window = Window(storage, key, stat, _BOUNDS.read_bytes)
    arguments = [str(side), str(columns), *(str(int(position * 1000)) for position in positions)]
    image = run_child(_CHILD, window, _BOUNDS, _RESULT_MAX_BYTES, *arguments)
    if not image.startswith(_JPEG):
        raise VideoInvalid("video_unreadable", "No picture can be extracted from the video.")
    return image
