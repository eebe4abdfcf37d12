"""What ffmpeg's exit status means. Pure.

From 6.1 on ffmpeg ends with the low byte of its error: of `-errno`, or of a tag's first letter.
Only errors that are the file's in every case are put down to it: the rest may be the machine's,
which is given more memory or disk one day. EINVAL is of that rest: x264 has it without memory.
https://github.com/FFmpeg/FFmpeg/blob/release/7.1/fftools/ffmpeg.c (`main`)
https://github.com/FFmpeg/FFmpeg/blob/release/7.1/libavutil/error.h
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """`is_videos`: the file is to blame, and another run would end alike."""

    code: str
    sentence: str
    is_videos: bool = False


_DAMAGED = Meaning(
    "conversion_failed", "The file cannot be decoded to its end: it may be damaged.", True
)
_UNKNOWN_KIND = Meaning(
    "conversion_failed", "The file is of a kind that cannot be decoded here.", True
)
_NO_ROOM = Meaning("disk_full", "there was no room left to convert in")
_NO_MEMORY = Meaning("out_of_memory", "the conversion needs more memory than it may have")
_KILLED = Meaning("conversion_killed", "the conversion was ended by the machine it ran on")
_BROKE_OFF = Meaning("conversion_broke_off", "the conversion broke off")


def _tag(letter: str) -> int:
    return -ord(letter) & 0xFF


def _error(number: int) -> int:
    return -number & 0xFF


def _tells_of(number: int, complaint: str) -> bool:
    """Tell whether a line ends with an error of the system's, as ffmpeg writes one."""
    words = f": {os.strerror(number)}"
    return any(line.rstrip().endswith(words) for line in complaint.splitlines())


#: More errors of decoding than `-max_error_rate`.
TOO_MANY_ERRORS = 69
_STATUSES: Mapping[int, Meaning] = {
    TOO_MANY_ERRORS: _DAMAGED,
    _tag("I"): _DAMAGED,  # INVALIDDATA
    _tag("P"): _UNKNOWN_KIND,  # PATCHWELCOME
    _tag("\xf8"): _UNKNOWN_KIND,  # DECODER_NOT_FOUND; that all else is there was seen before
    _error(errno.ENOSPC): _NO_ROOM,
    _error(errno.EDQUOT): _NO_ROOM,
    _error(errno.EFBIG): _NO_ROOM,
    -signal.SIGXFSZ: _NO_ROOM,
    _error(errno.ENOMEM): _NO_MEMORY,
}


def meaning_of(status: int, complaint: str = "") -> Meaning:
    """Return what an exit status other than 0 means; negative: the signal that ended it.

    `complaint` is what ffmpeg wrote. Errors of decoding are counted whatever they are, and only
    there it says of each which it was: without memory nothing can be decoded, either.
    """
    if status == TOO_MANY_ERRORS and _tells_of(errno.ENOMEM, complaint):
        return _NO_MEMORY
    return _STATUSES.get(status, _KILLED if status < 0 else _BROKE_OFF)
