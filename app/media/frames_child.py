"""Takes pictures out of a video file, in a process that can do nothing else.

Run by file with Python's `-I`, as `child_pipes.py` tells. Arguments: size, memory bytes, CPU
seconds, the longest side in pixels, the columns of a sheet, and the moments in milliseconds.
Answers one JPEG, a sheet where there are several moments, or nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
import av.filter
import av.logging
import av.video.codeccontext
import av.video.stream
from av.container import InputContainer
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from app.media.child_pipes import Remote, answer, moving_pictures, opened, restrict
else:  # with `-I` not even a program's own folder is searched
    sys.path.append(str(Path(__file__).parent))
    from child_pipes import Remote, answer, moving_pictures, opened, restrict

_FRAMES_TO_A_MOMENT = 1500
_TURNS = {90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"}
_MARGIN = 4
_QUALITY = "4"  # of JPEG, by FFmpeg's scale of 2 to 31


def pictures(file: Remote, moments_ms: Sequence[int], side: int, columns: int) -> bytes:
    """Return the pictures at some moments as one JPEG; empty where none can be had."""
    try:
        with opened(file) as container:
            video = moving_pictures(container)
            if video is None:
                return b""
            video.codec_context.thread_count = 1
            found = [frame_at(container, video, moment / 1000) for moment in moments_ms]
            small = [shrunk(video, frame, side) for frame in found if frame is not None]
            return b"" if not small else jpeg(small[0] if columns == 1 else sheet(small, columns))
    except (av.error.FFmpegError, ValueError, MemoryError):
        return b""


def frame_at(container: InputContainer, video: VideoStream, seconds: float) -> VideoFrame | None:
    """Return the picture that is shown at a moment, or the last one before the end."""
    container.seek(int(seconds * av.time_base), backward=True)
    found = None
    for number, frame in enumerate(container.decode(video)):
        is_later = frame.time is not None and frame.time > seconds
        if found is not None and (is_later or number > _FRAMES_TO_A_MOMENT):
            break
        found = frame
    return found


def shrunk(video: VideoStream, frame: VideoFrame, side: int) -> VideoFrame:
    """Return a picture upright, of square pixels, no side longer than `side`."""
    turn = _TURNS.get(round(frame.rotation) % 360)
    ratio = float(video.sample_aspect_ratio or 0) or 1.0
    width, height = frame.width * ratio, float(frame.height)
    if turn is not None and "transpose" in turn:
        width, height = height, width
    scale = min(1.0, side / max(width, height))
    size = f"{max(2, round(width * scale))}:{max(2, round(height * scale))}"
    steps = [] if turn is None else [turn]
    steps += [f"scale={size}:flags=area:out_range=pc", "setsar=1", "format=yuvj420p"]
    return filtered([frame], ",".join(steps))


def sheet(frames: Sequence[VideoFrame], columns: int) -> VideoFrame:
    """Return pictures of one size side by side."""
    rows = math.ceil(len(frames) / columns)
    layout = f"tile={columns}x{rows}:nb_frames={len(frames)}:padding={_MARGIN}:margin={_MARGIN}"
    return filtered(frames, f"{layout},format=yuvj420p")


def filtered(frames: Sequence[VideoFrame], chain: str) -> VideoFrame:
    """Return what comes of a chain of filters when all frames are in."""
    first, graph = frames[0], Graph()
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=first.time_base
    )
    last = source
    for step in chain.split(","):
        name, _, arguments = step.partition("=")
        following = graph.add(name, arguments or None)
        last.link_to(following)
        last = following
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    for number, frame in enumerate(frames):
        frame.pts = number
        source.push(frame)
    source.push(None)
    result = sink.pull()
    assert isinstance(result, VideoFrame)
    return result


def jpeg(frame: VideoFrame) -> bytes:
    """Return a picture as JPEG."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": _QUALITY, "qmax": _QUALITY}
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def main() -> None:
    """Take the arguments, and answer."""
    size, memory_bytes, cpu_seconds, side, columns, *moments_ms = map(int, sys.argv[1:])
    av.logging.set_level(None)
    restrict(memory_bytes, cpu_seconds)
    answer(pictures(Remote(size), moments_ms, side, columns))


if __name__ == "__main__":
    main()
