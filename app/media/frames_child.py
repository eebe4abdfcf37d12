"""Extracts stills from a video file, in a sandboxed process.

Run by path with Python's `-I`; see `child_pipes.py`. Arguments: size, memory bytes, CPU seconds,
the longest side in pixels, the columns of a sheet, and the positions in milliseconds. The result is
one JPEG, a sheet where there are several positions, or nothing.
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
    from app.media.child_pipes import Remote, open_container, respond, restrict, video_stream
else:  # `-I` excludes even the script's own folder from the search path
    sys.path.append(str(Path(__file__).parent))
    from child_pipes import Remote, open_container, respond, restrict, video_stream

_FRAMES_PER_SEEK = 1500
_ROTATIONS = {90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"}
_MARGIN = 4
_QUALITY = "4"  # JPEG quality, on FFmpeg's scale of 2 (best) to 31


def stills(file: Remote, positions_ms: Sequence[int], side: int, columns: int) -> bytes:
    """Return the frames at some positions as one JPEG; empty where none can be decoded."""
    try:
        with open_container(file) as container:
            video = video_stream(container)
            if video is None:
                return b""
            video.codec_context.thread_count = 1
            found = [frame_at(container, video, position / 1000) for position in positions_ms]
            small = [scaled(video, frame, side) for frame in found if frame is not None]
            return b"" if not small else jpeg(small[0] if columns == 1 else sheet(small, columns))
    except (av.error.FFmpegError, ValueError, MemoryError):
        return b""


def frame_at(container: InputContainer, video: VideoStream, seconds: float) -> VideoFrame | None:
    """Return the frame shown at a position, or the last one before the end."""
    container.seek(int(seconds * av.time_base), backward=True)
    found = None
    for number, frame in enumerate(container.decode(video)):
        is_later = frame.time is not None and frame.time > seconds
        if found is not None and (is_later or number > _FRAMES_PER_SEEK):
            break
        found = frame
    return found


def scaled(video: VideoStream, frame: VideoFrame, side: int) -> VideoFrame:
    """Return a frame upright, with square pixels, no side longer than `side`."""
    rotation = _ROTATIONS.get(round(frame.rotation) % 360)
    ratio = float(video.sample_aspect_ratio or 0) or 1.0
    width, height = frame.width * ratio, float(frame.height)
    if rotation is not None and "transpose" in rotation:
        width, height = height, width
    scale = min(1.0, side / max(width, height))
    size = f"{max(2, round(width * scale))}:{max(2, round(height * scale))}"
    steps = [] if rotation is None else [rotation]
    steps += [f"scale={size}:flags=area:out_range=pc", "setsar=1", "format=yuvj420p"]
    return filtered([frame], ",".join(steps))


def sheet(frames: Sequence[VideoFrame], columns: int) -> VideoFrame:
    """Return frames of one size, tiled."""
    rows = math.ceil(len(frames) / columns)
    layout = f"tile={columns}x{rows}:nb_frames={len(frames)}:padding={_MARGIN}:margin={_MARGIN}"
    return filtered(frames, f"{layout},format=yuvj420p")


def filtered(frames: Sequence[VideoFrame], chain: str) -> VideoFrame:
    """Return the output of a filter chain after all frames went in."""
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
    """Return a frame as JPEG."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": _QUALITY, "qmax": _QUALITY}
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def main() -> None:
    """Read the arguments and write the result."""
    size, memory_bytes, cpu_seconds, side, columns, *positions_ms = map(int, sys.argv[1:])
    av.logging.set_level(None)
    restrict(memory_bytes, cpu_seconds)
    respond(stills(Remote(size), positions_ms, side, columns))


if __name__ == "__main__":
    main()
