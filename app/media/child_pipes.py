"""What a child that looks into a file has: the file through a pipe, and next to nothing else.

A child is run by file with Python's `-I`, so that it loads neither the application nor anything of
the environment. It has no network, no files and no secrets: the bytes it asks for come through its
standard input. On standard output it writes requests (offset, length as `>QI`) and at last a
length of 0 with the number of bytes of its answer, which follow, as offset. Each request is
answered with a length (`>I`) and that many bytes, fewer than asked for only at the file's end.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import sys
from typing import cast

import av

# PyAV imports some of these when it meets such a stream; by then no file may be opened any more.
import av.audio.codeccontext
import av.audio.stream
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
from av.container import InputContainer
from av.video.stream import VideoStream

# Real containers only. A playlist (HLS, DASH, concat, SDP …) would make FFmpeg open what it names.
FORMATS = "mov,matroska,avi,mpeg,mpegts,flv,asf"
_OPEN_OPTIONS = {
    "format_whitelist": FORMATS,
    "protocol_whitelist": "",
    "probesize": str(5 * 1024 * 1024),
    "analyzeduration": str(10 * 1_000_000),
}
_BUFFER_BYTES = 64 * 1024
_ATTACHED_PICTURE = av.stream.Disposition.attached_pic


class Remote(io.RawIOBase):
    """The file, at the other end of two pipes."""

    def __init__(self, size: int) -> None:
        self._answers = sys.stdin.buffer
        self._requests = sys.stdout.buffer
        self._size = size
        self._offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._size}[whence]
        self._offset = max(0, base + offset)
        return self._offset

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._offset)
        wanted = left if size < 0 else min(size, left)
        if wanted == 0:
            return b""
        self._requests.write(struct.pack(">QI", self._offset, wanted))
        self._requests.flush()
        (length,) = struct.unpack(">I", self._exactly(4))
        piece = self._exactly(length)
        self._offset += length
        return piece

    def _exactly(self, length: int) -> bytes:
        piece = self._answers.read(length)
        if len(piece) < length:  # the parent is gone or has given up
            os._exit(1)
        return piece


def restrict(memory_bytes: int, cpu_seconds: int) -> None:
    """Give up the right to memory, time, files and sockets. Call it once all is imported."""
    bounds = {
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        # The soft one ends with SIGXCPU, which tells it from a SIGKILL of the system's.
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (0, 0),
    }
    for kind, bound in bounds.items():
        try:
            resource.setrlimit(kind, bound)
        except (ValueError, OSError):  # macOS has no RLIMIT_AS; the parent's clock still holds
            continue


def opened(file: Remote) -> InputContainer:
    """Open the file as one of the known containers; raises FFmpeg's errors and `ValueError`."""
    container = av.open(
        cast(io.BufferedIOBase, file), "r", options=_OPEN_OPTIONS, buffer_size=_BUFFER_BYTES
    )
    return container


def moving_pictures(container: InputContainer) -> VideoStream | None:
    """Return the first stream of pictures that is no attached cover."""
    streams = (one for one in container.streams.video if one.disposition != _ATTACHED_PICTURE)
    return next(streams, None)


def answer(content: bytes) -> None:
    """Answer, and end: a broken file's clean-up is nobody's business."""
    sys.stdout.buffer.write(struct.pack(">QI", len(content), 0) + content)
    sys.stdout.buffer.flush()
    os._exit(0)
