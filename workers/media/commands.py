"""Translates a recipe into ffmpeg's arguments. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from app.media.recipe import BUFFER_SECONDS, AudioEncoding, Recipe, VideoEncoding

#: As in the probe: a playlist would make ffmpeg open whatever it names. The twin of `FORMATS` in
#: `app/media/child_pipes.py`, which is not imported: it would load PyAV into every worker.
FORMATS = "mov,matroska,avi,mpeg,mpegts,flv,asf"
#: The largest frame that may be decoded: 8K with padding.
PIXELS_MAX = 8192 * 4608
GOP_SECONDS = 2
_MP4 = ("-f", "mp4", "-use_editlist", "0", "-movflags")
#: HDR reference white, which becomes SDR white, is 203 cd/m²: ITU-R BT.2408.
_TO_SDR = (
    "zscale=t=linear:npl=203:tin={transfer}:pin=bt2020:min=bt2020nc:rin=tv",
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=tonemap=mobius:desat=2",
    "zscale=t=bt709:m=bt709:r=tv",
)


def passes(
    recipe: Recipe, source: Path, result: Path, *, threads: int, bit_rate: int | None = None
) -> list[list[str]]:
    """Return the arguments of each of ffmpeg's passes, one or two.

    `bit_rate` overrides the recipe's, where that has proved too high.
    """
    rate = bit_rate or (recipe.video.bit_rate if recipe.video else None)
    begin = _input(source, recipe.audio, threads)
    end = [*_audio(recipe.audio), *_container(recipe), str(result)]
    if recipe.video is None:
        return [[*begin, "-c:v", "copy", *end]]
    encoder = _video(recipe.video, threads)
    if rate is None:
        quality = ("-crf", str(recipe.video.crf), *_cap(recipe.video.bit_rate_max))
        return [[*begin, *encoder, *quality, *end]]
    log = ("-passlogfile", str(result.parent / "passes"))
    target = ("-b:v", str(rate), *_cap(2 * rate), *log)
    nowhere = ("-an", "-f", "null", os.devnull)
    return [
        [*begin, *encoder, *target, "-pass", "1", *nowhere],
        [*begin, *encoder, *target, "-pass", "2", *end],
    ]


def _input(source: Path, audio: AudioEncoding | None, threads: int) -> list[str]:
    bounds = ("-protocol_whitelist", "file", "-format_whitelist", FORMATS)
    decoder = ("-threads", str(threads), "-max_pixels", str(PIXELS_MAX))
    arguments = [*bounds, *decoder, "-fflags", "+genpts", "-i", str(source)]
    if audio is not None and audio.is_silence:
        arguments += ["-f", "lavfi", "-i", f"anullsrc=r={audio.sample_rate}:cl=stereo"]
        return [*arguments, "-map", "0:V:0", "-map", "1:a:0", "-shortest"]
    return [*arguments, "-map", "0:V:0", "-map", "0:a:0?"]


def _container(recipe: Recipe) -> Sequence[str]:
    # Metadata may reveal the place, the device and its owner.
    plain = ("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn")
    if recipe.container == "webm":
        return (*plain, "-f", "webm")
    # Negative offsets show the first picture at 0, though it is decoded frames before.
    return (*plain, *_MP4, "+faststart" + ("" if recipe.keeps_offsets else "+negative_cts_offsets"))


def _audio(audio: AudioEncoding | None) -> Sequence[str]:
    if audio is None:
        return ("-c:a", "copy")
    encoder = ("-c:a", "aac", "-b:a", str(audio.bit_rate), "-ac", str(audio.channels))
    # Fill gaps and keep a late start, so that the audio stays in sync.
    resync = () if audio.is_silence else ("-af", "aresample=async=1:first_pts=0")
    return (*encoder, "-ar", str(audio.sample_rate), *resync)


def _video(video: VideoEncoding, threads: int) -> list[str]:
    gop = round(Fraction(video.frame_rate) * GOP_SECONDS)
    return [
        *("-vf", ",".join(_filters(video)), "-r", video.frame_rate, "-fps_mode", "cfr"),
        *("-c:v", "libx264", "-preset", "medium", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *("-g", str(gop), "-flags", "+cgop", "-bf", "2", "-threads", str(threads)),
    ]


def _filters(video: VideoEncoding) -> list[str]:
    """Return the filter chain; ffmpeg applies the rotation before it."""
    size = f"{video.width}:{video.height}"
    chain = ["bwdif=mode=send_frame"] if video.deinterlace else []
    chain.append(f"fps={video.frame_rate}")
    matrix = ":out_color_matrix=bt709" if video.is_rgb else ""
    chain.append(f"scale={size}:flags=lanczos:out_range=tv{matrix}")
    if video.transfer is not None:
        chain += [step.format(transfer=video.transfer) for step in _TO_SDR]
    return [*chain, "setsar=1", "format=yuv420p"]


def _cap(bit_rate: int) -> tuple[str, ...]:
    return ("-maxrate", str(bit_rate), "-bufsize", str(BUFFER_SECONDS * bit_rate))
