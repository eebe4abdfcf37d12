"""Pictures out of a stored video, taken as the probe looks: by range, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.media.children import ProbeBounds, ask
from app.media.facts import VideoInvalid
from app.media.window import Window
from app.storage import Storage, StoredObject

_CHILD = Path(__file__).with_name("frames_child.py")
_ANSWER_MAX_BYTES = 8 * 2**20
_BOUNDS = ProbeBounds(read_bytes=192 * 2**20, cpu_seconds=30)
_JPEG = b"\xff\xd8\xff"
SHEET_COLUMNS = 3
SHEET_PICTURES = 9


def picture(storage: Storage, key: str, stat: StoredObject, seconds: float, side: int) -> bytes:
    """Return what a video shows at a moment as JPEG, its longest side no longer than `side`.

    Raises `VideoInvalid` where no picture can be had, and any `StorageError`.
    """
    return _taken(storage, key, stat, [seconds], side, columns=1)


def contact_sheet(
    storage: Storage, key: str, stat: StoredObject, duration_seconds: float, side: int
) -> bytes:
    """Return nine pictures from a whole video as one JPEG, each no longer than `side`.

    Raises as `picture`.
    """
    step = duration_seconds / SHEET_PICTURES
    moments = [step * (number + 0.5) for number in range(SHEET_PICTURES)]
    return _taken(storage, key, stat, moments, side, columns=SHEET_COLUMNS)


def _taken(
    storage: Storage,
    key: str,
    stat: StoredObject,
    moments: Sequence[float],
    side: int,
    *,
    columns: int,
) -> bytes:
    window = Window(storage, key, stat, _BOUNDS.read_bytes)
    asked = [str(side), str(columns), *(str(int(moment * 1000)) for moment in moments)]
    image = ask(_CHILD, window, _BOUNDS, _ANSWER_MAX_BYTES, *asked)
    if not image.startswith(_JPEG):
        raise VideoInvalid("video_unreadable", "No picture can be taken out of the video.")
    return image
