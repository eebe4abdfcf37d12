"""The meaning of ffmpeg's exit statuses. Pure.

Since 6.1 ffmpeg exits with the low byte of its error code: of `-errno`, or of a tag's first letter.
Only errors that are always the file's fault are attributed to it. The rest may be the machine's,
which can get more memory or disk. That includes EINVAL: x264 returns it when out of memory.
So does the status of any error within a library, which only x264's own message tells apart.
https://github.com/FFmpeg/FFmpeg/blob/release/7.1/fftools/ffmpeg.c (`main`)
https://github.com/FFmpeg/FFmpeg/blob/release/7.1/libavutil/error.h
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """A failure. `is_video_fault`: the file is at fault, and another run would fail alike."""

    code: str
    sentence: str
    is_video_fault: bool = False


_DAMAGED = Meaning(
    "conversion_failed", "The file cannot be decoded to its end: it may be damaged.", True
)
_UNSUPPORTED = Meaning(
    "conversion_failed", "The file is of a kind that cannot be decoded here.", True
)
_DISK_FULL = Meaning("disk_full", "the disk ran full during the conversion")
_NO_MEMORY = Meaning("out_of_memory", "the conversion needs more memory than it is allowed")
_KILLED = Meaning("conversion_killed", "the conversion was killed by the machine it ran on")
_ABORTED = Meaning("conversion_broke_off", "the conversion ended prematurely")


#: What x264 prints by itself, not through ffmpeg's log, when it gets no memory: a whole line.
#: https://code.videolan.org/videolan/x264/-/blob/stable/common/base.c (`x264_malloc`)
_X264_NO_MEMORY = re.compile(r"x264 \[error\]: malloc of size [0-9]+ failed")


def _tag(letter: str) -> int:
    return -ord(letter) & 0xFF


def _error(number: int) -> int:
    return -number & 0xFF


def _reports(number: int, stderr: str) -> bool:
    """Tell whether a line of ffmpeg's output ends with the message of a system error."""
    message = f": {os.strerror(number)}"
    return any(line.rstrip().endswith(message) for line in stderr.splitlines())


def _x264_lacks_memory(stderr: str) -> bool:
    return any(_X264_NO_MEMORY.fullmatch(line) for line in stderr.split("\n"))


#: More decoding errors than `-max_error_rate` allows.
TOO_MANY_ERRORS = 69
_STATUSES: Mapping[int, Meaning] = {
    TOO_MANY_ERRORS: _DAMAGED,
    _tag("I"): _DAMAGED,  # INVALIDDATA
    _tag("P"): _UNSUPPORTED,  # PATCHWELCOME
    _tag("\xf8"): _UNSUPPORTED,  # DECODER_NOT_FOUND; encoders and filters were checked before
    _error(errno.ENOSPC): _DISK_FULL,
    _error(errno.EDQUOT): _DISK_FULL,
    _error(errno.EFBIG): _DISK_FULL,
    -signal.SIGXFSZ: _DISK_FULL,
    _error(errno.ENOMEM): _NO_MEMORY,
}


def meaning_of(status: int, stderr: str = "") -> Meaning:
    """Return the meaning of a non-zero exit status; a negative one is the signal that killed it.

    Decoding errors are counted whatever their cause, and only `stderr` names each of them:
    out of memory, nothing can be decoded either. Statuses without a meaning of their own get that
    of x264's message, if it has left one.
    """
    if status == TOO_MANY_ERRORS and _reports(errno.ENOMEM, stderr):
        return _NO_MEMORY
    if status in _STATUSES:
        return _STATUSES[status]
    if status < 0:
        return _KILLED
    return _NO_MEMORY if _x264_lacks_memory(stderr) else _ABORTED
