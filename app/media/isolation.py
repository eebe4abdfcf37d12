"""Running `probe_child.py`: its process, its bounds, its pipes, and what it may answer.

The child reads hostile files, so that it is believed no more than they are: what it asks for is
bounded, what it answers is checked.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.media.facts import VideoInvalid
from app.media.window import Window
from app.storage.errors import StoreUnavailable

_CHILD = Path(__file__).with_name("probe_child.py")
# What a dynamic loader may need; nothing else of the environment reaches the child.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_ANSWER_MAX_BYTES = 64 * 1024
_REQUEST_MAX_BYTES = 16 * 1024 * 1024
_SENTENCES = {
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


@dataclass(frozen=True)
class ProbeBounds:
    """What one probe may cost."""

    read_bytes: int = 64 * 2**20
    memory_bytes: int = 2**30
    cpu_seconds: int = 20
    wall_seconds: float = 60.0


def ask_child(window: Window, bounds: ProbeBounds) -> dict[str, Any]:
    """Return the facts of `probe_child.look`, checked; raises `VideoInvalid` and `StorageError`."""
    facts = _object(_answer(window, bounds))
    if not _is_sound(facts):
        named = str(facts.get("error"))
        code = named if named in _SENTENCES else "video_unreadable"
        raise VideoInvalid(code, _SENTENCES[code])
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


def _answer(window: Window, bounds: ProbeBounds) -> bytes:
    """Serve the child's reads until it answers; empty when it died or its time ran out."""
    store_seconds = 0.0
    began = time.monotonic()
    with _child(window.size_bytes, bounds) as (answers, requests):
        while header := _exactly(requests, 12):
            offset, length = struct.unpack(">QI", header)
            if length == 0:
                return _exactly(requests, min(offset, _ANSWER_MAX_BYTES))
            asked = time.monotonic()
            piece = window.read_at(offset, min(length, _REQUEST_MAX_BYTES))
            store_seconds += time.monotonic() - asked
            if not _send(answers, struct.pack(">I", len(piece)) + piece):
                break
    is_late = time.monotonic() - began >= bounds.wall_seconds
    if is_late and store_seconds > bounds.wall_seconds / 2:
        raise StoreUnavailable("The video store is too slow for looking into the video.")
    return b""


@contextmanager
def _child(size: int, bounds: ProbeBounds) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Run the child; it is gone at the end, and after `wall_seconds` in any case."""
    arguments = [str(size), str(bounds.memory_bytes), str(bounds.cpu_seconds)]
    process = subprocess.Popen(
        [sys.executable, "-I", str(_CHILD), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )
    alarm = threading.Timer(bounds.wall_seconds, process.kill)
    alarm.daemon = True
    alarm.start()
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin, process.stdout:
            yield process.stdin, process.stdout
    finally:
        alarm.cancel()
        process.kill()
        process.wait()


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    """Return `length` bytes, or none when the child is gone."""
    received = b""
    while len(received) < length:
        piece = pipe.read(length - len(received))
        if not piece:
            return b""
        received += piece
    return received


def _send(pipe: IO[bytes], message: bytes) -> bool:
    """Send all of a message; False when the child is gone."""
    view = memoryview(message)
    try:
        while view:
            view = view[pipe.write(view) :]
    except BrokenPipeError:
        return False
    return True
