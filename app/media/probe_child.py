"""Looks into a video file with FFmpeg's libraries, in a process that can do nothing else.

Run by file with Python's `-I`, as `child_pipes.py` tells; answers JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import av.logging
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from app.media.child_pipes import Remote, answer, moving_pictures, opened, restrict
else:  # with `-I` not even a program's own folder is searched
    sys.path.append(str(Path(__file__).parent))
    from child_pipes import Remote, answer, moving_pictures, opened, restrict

_PACKETS_TO_FIRST_PICTURE = 500
#: Enough of a film to see whether its pictures come at even times.
_TIMES_LOOKED_AT = 300
_TIMES_BYTES = 4 * 1024 * 1024
_UNEVEN_SHARE = 0.1
_UNEVEN_SECONDS = 0.0012  # Matroska rounds to milliseconds
#: ITU-T H.273, the values that matter here, by FFmpeg's names.
_TRANSFERS = {1: "bt709", 6: "smpte170m", 13: "iec61966-2-1", 16: "smpte2084", 18: "arib-std-b67"}
_SOUND = ("audio_codec", "audio_channels", "audio_layout", "audio_sample_rate")


def look(file: Remote) -> dict[str, Any]:
    """Return what the file is, or `{"error": code}`."""
    try:
        with opened(file) as container:
            return _described(container)
    except (av.error.FFmpegError, ValueError):
        return {"error": "video_corrupt"}
    except MemoryError:
        return {"error": "video_unreadable"}


def _described(container: InputContainer) -> dict[str, Any]:
    video = moving_pictures(container)
    if video is None:
        return {"error": "video_no_pictures"}
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
    restrict(memory_bytes, cpu_seconds)
    answer(json.dumps(look(Remote(size))).encode())


if __name__ == "__main__":
    main()
