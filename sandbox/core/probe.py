"""Probing a received file with PyAV: format, codecs, duration, dimensions and frame rate."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

_NESTED_BOXES = (b"moov", b"trak", b"edts")


@dataclass(frozen=True)
class Probe:
    """The facts of a file. `audio_codec` is empty for a video without audio."""

    containers: frozenset[str]
    video_codec: str
    pixel_format: str
    interlaced: bool
    width: int
    height: int
    frame_rate: float
    duration_seconds: float
    bits_per_second: int
    audio_codec: str
    audio_rate: int
    audio_channels: int
    moov_first: bool
    has_edit_list: bool


@dataclass(frozen=True)
class StoredVideo:
    """What is kept of a video after its file is deleted. `probe` None: it could not be opened."""

    sha256: str
    size_bytes: int
    probe: Probe | None


def probe(path: Path) -> Probe | None:
    """Return the file's facts; None when it is not a decodable video."""
    try:
        with av.open(str(path)) as container:
            video = next(iter(container.streams.video), None)
            if video is None:
                return None
            frame = next(container.decode(video), None)
            if frame is None:
                return None
            return _describe(path, container, video, bool(frame.interlaced_frame))
    except (FFmpegError, ValueError, struct.error):
        return None


def _describe(path: Path, container: InputContainer, video: VideoStream, interlaced: bool) -> Probe:
    boxes = _boxes(path)
    rate = video.average_rate or video.guessed_rate
    audio = next(iter(container.streams.audio), None)
    duration = (container.duration or 0) / 1_000_000
    return Probe(
        containers=frozenset(container.format.name.split(",")),
        video_codec=video.codec_context.name,
        pixel_format=video.codec_context.pix_fmt or "",
        interlaced=interlaced,
        width=video.codec_context.width,
        height=video.codec_context.height,
        frame_rate=float(rate) if rate else 0.0,
        duration_seconds=duration,
        bits_per_second=int(path.stat().st_size * 8 / duration) if duration else 0,
        audio_codec=audio.codec_context.name if audio else "",
        audio_rate=audio.codec_context.sample_rate if audio else 0,
        audio_channels=audio.codec_context.layout.nb_channels if audio else 0,
        moov_first=_comes_first(boxes, b"moov", b"mdat"),
        has_edit_list=b"elst" in boxes,
    )


def _comes_first(boxes: list[bytes], early: bytes, late: bytes) -> bool:
    return late not in boxes or (early in boxes and boxes.index(early) < boxes.index(late))


def _boxes(path: Path) -> list[bytes]:
    """Return the names of the MP4 boxes that matter here, in file order."""
    with path.open("rb") as file:
        return _walk(file, 0, path.stat().st_size)


def _walk(file: BinaryIO, start: int, end: int) -> list[bytes]:
    names: list[bytes] = []
    while start + 8 <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = end - start
        if size < header:
            break
        names.append(name)
        if name in _NESTED_BOXES:
            names += _walk(file, start + header, min(start + size, end))
        start += size
    return names
