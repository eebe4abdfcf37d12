"""Inspects a video file with FFmpeg's libraries, in a sandboxed process.

Run by path with Python's `-I`; see `child_pipes.py`. Arguments: size, memory bytes and CPU seconds.
The result is JSON.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from app.media.child_pipes import Remote, open_container, respond, restrict, video_stream
else:  # `-I` excludes even the script's own folder from the search path
    sys.path.append(str(Path(__file__).parent))
    from child_pipes import Remote, open_container, respond, restrict, video_stream

_PACKETS_TO_FIRST_FRAME = 500
#: Enough frames to see whether the frame rate is constant.
_TIMES_SAMPLED = 300
_TIMES_BYTES = 4 * 1024 * 1024
#: Enough of a file to average a variable frame rate.
_AVERAGE_BYTES = 16 * 1024 * 1024
#: Containers of which it is not clear where their duration counts from, if not from 0.
_UNCLEAR_DURATION = frozenset({"matroska", "asf"})
_LATE_SECONDS = 0.1
#: Enough to find the last frames, by an index.
_END_BYTES = 16 * 1024 * 1024
_UNEVEN_SHARE = 0.1
_UNEVEN_SECONDS = 0.0012  # Matroska rounds to milliseconds
#: The transfer characteristics of ITU-T H.273 that matter here, by FFmpeg's names.
_TRANSFERS = {1: "bt709", 6: "smpte170m", 13: "iec61966-2-1", 16: "smpte2084", 18: "arib-std-b67"}
_AUDIO_FACTS = ("audio_codec", "audio_channels", "audio_sample_rate", "sound_delay_seconds")


def inspect(file: Remote) -> dict[str, Any]:
    """Return the facts about the file, or `{"error": code}`."""
    try:
        with open_container(file) as container:
            return _facts_of(container, file)
    except (av.error.FFmpegError, ValueError):
        return {"error": "video_corrupt"}
    except MemoryError:
        return {"error": "video_unreadable"}


def _facts_of(container: InputContainer, file: Remote) -> dict[str, Any]:
    video = video_stream(container)
    if video is None:
        return {"error": "video_no_pictures"}
    # PyAV's types omit that a codec without a decoder has no context.
    if cast("VideoCodecContext | None", video.codec_context) is None:
        return {"error": "video_codec_unknown"}
    stated_seconds = float(container.duration or 0) / av.time_base
    facts = {
        "format": container.format.name,
        **_video(container, video),
        **_audio(container, video),
    }
    times = _times(container, video, is_whole=not stated_seconds)
    facts["is_variable_rate"] = _is_uneven(times[:_TIMES_SAMPLED])
    if facts["is_variable_rate"] and not video.frames:
        # Only the muxer of an MP4 counted the frames; others state their usual rate.
        times = sorted([*times, *_read_on(container, video, bytes_max=_AVERAGE_BYTES)])
        facts["frame_rate"] = _average(times, facts["frame_rate"])
    if stated_seconds:
        facts["duration_seconds"] = _shown_seconds(container, video, file, stated_seconds)
    else:  # Browser recordings state no duration: it is the end of the last frame.
        frame_seconds = 1 / facts["frame_rate"] if facts["frame_rate"] else 0.0
        end_seconds = times[-1] + frame_seconds if times else 0.0
        facts["duration_seconds"] = end_seconds - _start_seconds(container)
    return facts


def _start_seconds(container: InputContainer) -> float:
    return float(container.start_time or 0) / av.time_base


def _shown_seconds(
    container: InputContainer, video: VideoStream, file: Remote, stated_seconds: float
) -> float:
    """Return how long the video is shown. Seeks, so it comes last.

    The duration in Matroska and ASF counts from 0 by some muxers, from the first frame by others:
    which one, the last frames tell.
    """
    start_seconds = _start_seconds(container)
    is_clear = container.format.name.partition(",")[0] not in _UNCLEAR_DURATION
    if is_clear or not _LATE_SECONDS < start_seconds < stated_seconds:
        return stated_seconds
    between_seconds = stated_seconds + start_seconds / 2  # of the two ends that are possible
    file.end_after(_END_BYTES)
    try:
        container.seek(int(between_seconds * av.time_base))
        times = _read_on(container, video, bytes_max=_TIMES_BYTES)
    except av.error.FFmpegError:
        times = []
    is_from_start = max(times, default=0.0) > between_seconds
    return stated_seconds if is_from_start else stated_seconds - start_seconds


def _video(container: InputContainer, video: VideoStream) -> dict[str, Any]:
    """Decode one frame: what cannot be decoded here, no platform will show."""
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
        if number > _PACKETS_TO_FIRST_FRAME:
            break
    raise ValueError("no frame")


def _times(container: InputContainer, video: VideoStream, *, is_whole: bool) -> list[float]:
    """Return the timestamps of the first frames, in seconds, from the index or by reading on.

    Where `is_whole`, of all the remaining frames.
    """
    if is_whole:
        return sorted(_read_on(container, video))
    if container.format.name.startswith("mov") and video.frames:
        index, base = video.index_entries, float(video.time_base or 0)
        return [float(index[at].timestamp) * base for at in range(min(len(index), _TIMES_SAMPLED))]
    return sorted(_read_on(container, video, frames_max=_TIMES_SAMPLED, bytes_max=_TIMES_BYTES))


def _read_on(
    container: InputContainer,
    video: VideoStream,
    *,
    frames_max: float = math.inf,
    bytes_max: float = math.inf,
) -> list[float]:
    """Return the timestamps of the frames that follow, in seconds, in the order of decoding."""
    times, left = [], bytes_max
    base = float(video.time_base or 0)
    for packet in container.demux(video):
        if packet.pts is not None:
            times.append(float(packet.pts) * base)
        left -= packet.size
        if len(times) >= frames_max or left < 0:
            break
    return times


def _is_uneven(times: list[float]) -> bool:
    """Whether more than a few intervals between frames differ from the median."""
    intervals = sorted(later - earlier for earlier, later in zip(times, times[1:]))
    if len(intervals) < 4:
        return False
    median = intervals[len(intervals) // 2]
    slack = max(_UNEVEN_SECONDS, median * _UNEVEN_SHARE)
    return sum(abs(one - median) > slack for one in intervals) > max(2, len(intervals) // 50)


def _average(times: list[float], usual_rate: float | None) -> float:
    """Return the average frame rate; the last frame is shown as long as usual."""
    return len(times) / (times[-1] - times[0] + (1 / usual_rate if usual_rate else 0.0))


def _audio(container: InputContainer, video: VideoStream) -> dict[str, Any]:
    audio = container.streams.audio[0] if container.streams.audio else None
    if audio is None or audio.codec_context is None:  # no audio, or an unknown codec
        return dict.fromkeys(_AUDIO_FACTS)
    codec = audio.codec_context
    return {
        "audio_codec": codec.codec.canonical_name,
        "audio_channels": codec.channels,
        "audio_sample_rate": codec.sample_rate,
        "sound_delay_seconds": _delay_seconds(audio, video),
    }


def _delay_seconds(later: Stream, earlier: Stream) -> float | None:
    """Return how long after `earlier` the stream `later` starts; None if the file does not tell."""
    starts = [
        float(one.start_time * one.time_base)
        for one in (later, earlier)
        if one.start_time is not None and one.time_base is not None
    ]
    return starts[0] - starts[1] if len(starts) == 2 else None


def main() -> None:
    """Read the arguments and write the result."""
    size, memory_bytes, cpu_seconds = map(int, sys.argv[1:])
    av.logging.set_level(None)
    restrict(memory_bytes, cpu_seconds)
    respond(json.dumps(inspect(Remote(size))).encode())


if __name__ == "__main__":
    main()
