"""From a recipe to ffmpeg's arguments. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from app.media.recipe import Pictures, Recipe, Sound

#: As in the probe: a playlist would make ffmpeg open what it names.
FORMATS = "mov,matroska,avi,mpeg,mpegts,flv,asf"
#: No decoder makes pictures larger than these: 8K, with room for its padding.
PIXELS_MAX = 8192 * 4608
GOP_SECONDS = 2
_MP4 = ("-f", "mp4", "-use_editlist", "0", "-movflags", "+faststart+negative_cts_offsets")
#: Light of 100 cd/m² is the white of usual screens: ITU-R BT.2408.
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
    """Return the arguments of each run of ffmpeg, one or two, that make the file.

    `bit_rate` overrules the recipe's, where that has turned out to be too much.
    """
    rate = bit_rate or (recipe.pictures.bit_rate if recipe.pictures else None)
    begin = _input(source, recipe.sound, threads)
    end = [*_sound(recipe.sound), *_container(recipe), str(result)]
    if recipe.pictures is None:
        return [[*begin, "-c:v", "copy", *end]]
    pictures = _pictures(recipe.pictures, threads)
    if rate is None:
        quality = ("-crf", str(recipe.pictures.crf), *_cap(recipe.pictures.bit_rate_max))
        return [[*begin, *pictures, *quality, *end]]
    log = ("-passlogfile", str(result.parent / "passes"))
    target = ("-b:v", str(rate), *_cap(2 * rate), *log)
    nowhere = ("-an", "-f", "null", os.devnull)
    return [
        [*begin, *pictures, *target, "-pass", "1", *nowhere],
        [*begin, *pictures, *target, "-pass", "2", *end],
    ]


def _input(source: Path, sound: Sound | None, threads: int) -> list[str]:
    bounds = ("-protocol_whitelist", "file", "-format_whitelist", FORMATS)
    decoder = ("-threads", str(threads), "-max_pixels", str(PIXELS_MAX))
    arguments = [*bounds, *decoder, "-fflags", "+genpts", "-i", str(source)]
    if sound is not None and sound.is_silence:
        arguments += ["-f", "lavfi", "-i", f"anullsrc=r={sound.sample_rate}:cl=stereo"]
        return [*arguments, "-map", "0:V:0", "-map", "1:a:0", "-shortest"]
    # What was recorded of the place, the device and its owner is nobody's business.
    return [*arguments, "-map", "0:V:0", "-map", "0:a:0?"]


def _container(recipe: Recipe) -> Sequence[str]:
    plain = ("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn")
    return (*plain, "-f", "webm") if recipe.container == "webm" else (*plain, *_MP4)


def _sound(sound: Sound | None) -> Sequence[str]:
    if sound is None:
        return ("-c:a", "copy")
    made = ("-c:a", "aac", "-b:a", str(sound.bit_rate), "-ac", str(sound.channels))
    # Gaps are filled and a late beginning is kept: sound and lips stay together.
    steady = () if sound.is_silence else ("-af", "aresample=async=1:first_pts=0")
    return (*made, "-ar", str(sound.sample_rate), *steady)


def _pictures(pictures: Pictures, threads: int) -> list[str]:
    gop = round(Fraction(pictures.frame_rate) * GOP_SECONDS)
    return [
        *("-vf", ",".join(_filters(pictures)), "-r", pictures.frame_rate, "-fps_mode", "cfr"),
        *("-c:v", "libx264", "-preset", "medium", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *("-g", str(gop), "-flags", "+cgop", "-bf", "2", "-threads", str(threads)),
    ]


def _filters(pictures: Pictures) -> list[str]:
    """Return the chain; ffmpeg itself turns the pictures upright before it."""
    size = f"{pictures.width}:{pictures.height}"
    chain = ["bwdif=mode=send_frame"] if pictures.deinterlace else []
    chain.append(f"fps={pictures.frame_rate}")
    matrix = ":out_color_matrix=bt709" if pictures.is_rgb else ""
    chain.append(f"scale={size}:flags=lanczos:out_range=tv{matrix}")
    if pictures.transfer is not None:
        chain += [step.format(transfer=pictures.transfer) for step in _TO_SDR]
    return [*chain, "setsar=1", "format=yuv420p"]


def _cap(bit_rate: int) -> tuple[str, ...]:
    return ("-maxrate", str(bit_rate), "-bufsize", str(2 * bit_rate))
