"""Looks into a video file with FFmpeg's libraries, in a process that can do nothing else.

Run by file with Python's `-I`, so that it loads neither the application nor anything of the
environment. It has no network, no files and no secrets: the bytes it asks for come through its
standard input. On standard output it writes requests (offset, length as `>QI`) and at last a
length of 0 with the number of bytes of JSON that follow as offset. Each request is answered with a
length (`>I`) and that many bytes, fewer than asked for only at the file's end.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO, cast

import av

# PyAV imports some of these when it meets such a stream; by then no file may be opened any more.
import av.audio.codeccontext
import av.audio.stream
import av.error
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
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
_PACKETS_TO_FIRST_PICTURE = 500
#: Enough of a film to see whether its pictures come at even times.
_TIMES_LOOKED_AT = 300
_TIMES_BYTES = 4 * 1024 * 1024
_UNEVEN_SHARE = 0.1
_UNEVEN_SECONDS = 0.0012  # Matroska rounds to milliseconds
#: ITU-T H.273, the values that matter here, by FFmpeg's names.
_TRANSFERS = {1: "bt709", 6: "smpte170m", 13: "iec61966-2-1", 16: "smpte2084", 18: "arib-std-b67"}
_SOUND = ("audio_codec", "audio_channels", "audio_layout", "audio_sample_rate")
_ATTACHED_PICTURE = av.stream.Disposition.attached_pic


class Remote(io.RawIOBase):
    """The file, at the other end of two pipes."""

    def __init__(self, answers: BinaryIO, requests: BinaryIO, size: int) -> None:
        self._answers = answers
        self._requests = requests
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
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    for kind, bound in bounds.items():
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):  # macOS has no RLIMIT_AS; the parent's clock still holds
            continue


def look(file: Remote) -> dict[str, Any]:
    """Return what the file is, or `{"error": code}`."""
    try:
        with av.open(file, "r", options=_OPEN_OPTIONS, buffer_size=_BUFFER_BYTES) as container:
            return _described(container)
    except (av.error.FFmpegError, ValueError):
        return {"error": "video_corrupt"}
    except MemoryError:
        return {"error": "video_unreadable"}


def _described(container: InputContainer) -> dict[str, Any]:
    streams = [one for one in container.streams.video if one.disposition != _ATTACHED_PICTURE]
    if not streams:
        return {"error": "video_no_pictures"}
    video = streams[0]
    # PyAV's types do not say that a codec without a decoder has no context.
    if cast("VideoCodecContext | None", video.codec_context) is None:
        return {"error": "video_codec_unknown"}
    duration_seconds = float(container.duration or 0) / av.time_base
    facts = {"format": container.format.name, **_picture(container, video), **_sound(container)}
    times = _times(container, video, is_whole=not duration_seconds)
    facts["is_variable_rate"] = _is_uneven(times[:_TIMES_LOOKED_AT])
    # What a browser records names no duration: it lasts until its last picture ends.
    pause = 1 / facts["frame_rate"] if facts["frame_rate"] else 0.0
    facts["duration_seconds"] = duration_seconds or (times[-1] + pause if times else 0.0)
    return facts


def _picture(container: InputContainer, video: VideoStream) -> dict[str, Any]:
    """Decode one picture: what cannot be decoded here, no platform will show."""
    codec = video.codec_context
    codec.thread_count = 1
    frame_rate = video.average_rate or video.guessed_rate
    for number, packet in enumerate(container.demux(video)):
        for frame in packet.decode():
            return {
                "video_codec": codec.codec.canonical_name,
                "profile": codec.profile,
                "width": frame.width,
                "height": frame.height,
                "rotation": frame.rotation,
                "pixel_ratio": float(video.sample_aspect_ratio or 0) or 1.0,
                "pixel_format": frame.format.name,
                "bit_depth": frame.format.components[0].bits,
                "transfer": _TRANSFERS.get(frame.color_trc or codec.color_trc or 0),
                "is_interlaced": bool(frame.interlaced_frame),
                "frame_rate": float(frame_rate) if frame_rate else None,
            }
        if number > _PACKETS_TO_FIRST_PICTURE:
            break
    raise ValueError("no picture")


def _times(container: InputContainer, video: VideoStream, *, is_whole: bool) -> list[float]:
    """Return when pictures come, in seconds: the first ones, from the index or by reading on, or
    all that are left where `is_whole`."""
    index = video.index_entries
    base = float(video.time_base or 0)
    if not is_whole and container.format.name.startswith("mov"):
        return [
            float(index[at].timestamp) * base for at in range(min(len(index), _TIMES_LOOKED_AT))
        ]
    times, left = [], _TIMES_BYTES
    for packet in container.demux(video):
        if packet.pts is not None:
            times.append(float(packet.pts) * base)
        left -= packet.size
        if not is_whole and (len(times) >= _TIMES_LOOKED_AT or left < 0):
            break
    return sorted(times)


def _is_uneven(times: list[float]) -> bool:
    """Whether more than a few of the pauses between pictures are unlike the usual one."""
    pauses = sorted(later - earlier for earlier, later in zip(times, times[1:]))
    if len(pauses) < 4:
        return False
    usual = pauses[len(pauses) // 2]
    slack = max(_UNEVEN_SECONDS, usual * _UNEVEN_SHARE)
    return sum(abs(pause - usual) > slack for pause in pauses) > max(2, len(pauses) // 50)


def _sound(container: InputContainer) -> dict[str, Any]:
    codec = container.streams.audio[0].codec_context if container.streams.audio else None
    if codec is None:  # silent, or with sound that nobody here knows
        return dict.fromkeys(_SOUND)
    return {
        "audio_codec": codec.codec.canonical_name,
        "audio_channels": codec.channels,
        "audio_layout": codec.layout.name,
        "audio_sample_rate": codec.sample_rate,
    }


def main() -> None:
    """Take size, memory bytes and CPU seconds as arguments, and answer."""
    size, memory_bytes, cpu_seconds = map(int, sys.argv[1:])
    av.logging.set_level(None)
    answers, requests = sys.stdin.buffer, sys.stdout.buffer
    restrict(memory_bytes, cpu_seconds)
    answer = json.dumps(look(Remote(answers, requests, size))).encode()
    requests.write(struct.pack(">QI", len(answer), 0) + answer)
    requests.flush()
    os._exit(0)  # a broken file's clean-up is nobody's business


if __name__ == "__main__":
    main()
