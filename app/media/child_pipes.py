"""The child's side of sandboxed file inspection: the file through a pipe, and little else.

A child is run by path with Python's `-I`, so that it loads neither the application nor anything
from the environment. It has no network, no files and no secrets: the bytes it requests arrive on
its standard input. On standard output it writes requests (offset, length as `>QI`), and finally a
length of 0 with the byte count of its result, which follows, as the offset. Each request is
answered with a length (`>I`) and that many bytes, fewer than requested only at the file's end.
"""

from __future__ import annotations

import io
import math
import os
import resource
import struct
import sys
from typing import cast

import av

# PyAV imports these lazily when it meets such a stream, but by then no file can be opened.
import av.audio.codeccontext
import av.audio.stream
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
from av.container import InputContainer
from av.video.stream import VideoStream

# Real containers only: a playlist (HLS, DASH, concat, SDP …) would make FFmpeg open what it names.
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
    """The file at the other end of the pipes, as a seekable raw stream."""

    def __init__(self, size: int) -> None:
        self._input = sys.stdin.buffer
        self._output = sys.stdout.buffer
        self._size = size
        self._offset = 0
        self._left: float = math.inf

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

    def end_after(self, size: int) -> None:
        """Let the file appear to end once that many more bytes have been read."""
        self._left = size

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._offset) if self._left > 0 else 0
        wanted = left if size < 0 else min(size, left)
        if wanted == 0:
            return b""
        self._output.write(struct.pack(">QI", self._offset, wanted))
        self._output.flush()
        (length,) = struct.unpack(">I", self._read_exactly(4))
        piece = self._read_exactly(length)
        self._offset += length
        self._left -= length
        return piece

    def _read_exactly(self, length: int) -> bytes:
        piece = self._input.read(length)
        if len(piece) < length:  # the parent died or gave up
            os._exit(1)
        return piece


def restrict(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit memory and CPU time, and give up files and sockets. Call it after all imports."""
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
        except (ValueError, OSError):  # macOS lacks RLIMIT_AS; the parent's timeout still applies
            continue


def open_container(file: Remote) -> InputContainer:
    """Open the file as one of the allowed containers; raises FFmpeg's errors and `ValueError`."""
    return av.open(
        cast(io.BufferedIOBase, file), "r", options=_OPEN_OPTIONS, buffer_size=_BUFFER_BYTES
    )


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that is not an attached cover; None if there is none."""
    streams = (one for one in container.streams.video if one.disposition != _ATTACHED_PICTURE)
    return next(streams, None)


def respond(content: bytes) -> None:
    """Write the result and exit at once: cleaning up after a broken file could hang."""
    sys.stdout.buffer.write(struct.pack(">QI", len(content), 0) + content)
    sys.stdout.buffer.flush()
    os._exit(0)
