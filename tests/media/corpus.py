"""Videos as people have them, made by ffmpeg, and the expected plan for each platform."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.media.plan import Work
from workers.media.ffmpeg import find_ffmpeg

N, R, A, V, E = Work.NOTHING, Work.REMUX, Work.AUDIO, Work.VIDEO, Work.ENCODE
PLATFORMS = ("TIKTOK", "INSTAGRAM", "YOUTUBE")
#: A refusal's rule, or the work.
Expected = Work | str


@dataclass(frozen=True)
class Film:
    """One file: ffmpeg's arguments, the damage done afterwards, and the expected plans.

    `plans` is for TikTok, Instagram and YouTube; a text is the rule by which the file is
    refused, or, alone, the fault for which every platform refuses it.
    """

    arguments: tuple[str, ...]
    plans: tuple[Expected, Expected, Expected] | str
    damage: Callable[[Path], None] | None = None


def pictures(
    size: str = "360x640", rate: str = "30", seconds: str = "4", extra: str = ""
) -> list[str]:
    """Return an input of moving pictures."""
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}{extra}"]


def plain(size: str, rate: str, seconds: str) -> list[str]:
    """Return an input of frames that encode at next to no cost."""
    return ["-f", "lavfi", "-i", f"color=c=teal:s={size}:r={rate}:d={seconds}"]


def sound(seconds: str = "4", rate: str = "48000", layout: str = "stereo") -> list[str]:
    """Return an input of a tone."""
    return ["-f", "lavfi", "-i", f"sine=r={rate}:d={seconds},aformat=channel_layouts={layout}"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2"]
HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]
TEN = ["-pix_fmt", "yuv420p10le"]
AAC = ["-c:a", "aac"]
#: An MP4 that every platform accepts unchanged.
READY = ["-movflags", "+faststart+negative_cts_offsets", "-use_editlist", "0"]
FRAGMENTS = ["-movflags", "frag_keyframe+empty_moov"]
#: Timestamps that do not start at 0, as in a part of a recording.
LATER = ["-output_ts_offset", "3"]
VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]
AV1 = ["-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p"]
BOTH = [*pictures(), *sound()]
#: 16 frames per second on average, at 30 and at 7.5.
UNEVEN = [*pictures(extra=",select='lt(n,45)+not(mod(n,4))'"), *sound(), "-fps_mode", "vfr"]


def light(transfer: str) -> str:
    """Return the filter that marks the video as HDR."""
    return f",setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc"


def cut(share: float) -> Callable[[Path], None]:
    """Return damage that truncates a file."""

    def damage(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return damage


def become(content: bytes) -> Callable[[Path], None]:
    """Return damage that replaces a file's content."""
    return lambda path: path.unlink(missing_ok=True) or (path.write_bytes(content), None)[1]


def turn(degrees: int) -> Callable[[Path], None]:
    """Return damage that marks a file as rotated counterclockwise."""

    def mark(path: Path) -> None:
        straight = path.rename(path.with_stem("straight"))
        run_ffmpeg("-display_rotation", str(degrees), "-i", str(straight), "-c", "copy", str(path))
        straight.unlink()

    return mark


def of(*parts: list[str]) -> tuple[str, ...]:
    """Return all the arguments as one tuple."""
    return tuple(word for part in parts for word in part)


CORPUS: Mapping[str, Film] = {
    # Accepted unchanged.
    "ready.mp4": Film(of(BOTH, H264, AAC, READY), (N, N, N)),
    "mono.mp4": Film(of(pictures(), sound(layout="mono"), H264, AAC, READY), (N, N, N)),
    "silent.mp4": Film(of(pictures(), H264, READY), (N, N, N)),
    "square.mp4": Film(of(pictures("480x480"), sound(), H264, AAC, READY), (N, N, N)),
    "landscape.mp4": Film(of(pictures("640x360"), sound(), H264, AAC, READY), (N, N, N)),
    "ready-hevc.mp4": Film(
        of(BOTH, HEVC, ["-pix_fmt", "yuv420p", "-tag:v", "hev1"], AAC, READY), (N, N, N)
    ),
    "hdr10.mp4": Film(
        of(pictures(extra=light("smpte2084")), sound(), HEVC, TEN, AAC, READY), (N, N, N)
    ),
    "anamorphic.mp4": Film(of(pictures(extra=",setsar=4/3"), sound(), H264, AAC, READY), (N, N, N)),
    "vp8.webm": Film(of(BOTH, ["-c:v", "libvpx", "-deadline", "realtime"]), (N, E, N)),
    "vp9.webm": Film(of(BOTH, VP9, ["-c:a", "libopus"]), (N, E, N)),
    "fragmented.mp4": Film(of(BOTH, H264, ["-bf", "0"], AAC, FRAGMENTS), (N, N, N)),
    # Only the container is wrong.
    "plain.mp4": Film(of(BOTH, H264, AAC), (N, R, N)),
    "no-edit-list.mp4": Film(of(BOTH, H264, AAC, ["-use_editlist", "0"]), (N, R, N)),
    "apple.mov": Film(of(BOTH, H264, AAC), (N, R, N)),
    "hevc.mp4": Film(of(BOTH, HEVC, ["-pix_fmt", "yuv420p"], AAC), (N, R, N)),
    "hlg.mov": Film(
        of(pictures(extra=light("arib-std-b67")), sound(), HEVC, TEN, ["-tag:v", "hvc1"], AAC),
        (N, R, N),
    ),
    "turned.mov": Film(of(pictures("640x360"), sound(), H264, AAC), (N, R, N), turn(90)),
    "upside-down.mp4": Film(of(pictures("640x360"), sound(), H264, AAC), (N, R, N), turn(180)),
    "clip.mkv": Film(of(BOTH, H264, AAC), (R, R, R)),
    "clip.ts": Film(of(BOTH, H264, AAC), (R, R, R)),
    "clip.flv": Film(of(BOTH, H264, AAC), (R, R, N)),
    "begins-later.mkv": Film(of(BOTH, H264, AAC, LATER), (R, R, R)),
    "vp9.mkv": Film(of(BOTH, VP9, ["-c:a", "libopus"]), (R, E, R)),
    # Only the audio is.
    "surround.mp4": Film(
        of(pictures(), sound(layout="5.1"), H264, AAC, ["-ac", "6"], READY), (N, A, N)
    ),
    "studio-rate.mp4": Film(
        of(pictures(), sound(rate="96000"), H264, AAC, ["-ar", "96000"], READY), (N, A, N)
    ),
    "mp3.mp4": Film(of(BOTH, H264, ["-c:a", "libmp3lame"], READY), (N, A, N)),
    "silent.mkv": Film(of(pictures(), H264), (R, A, R)),
    "phone.3gp": Film(
        of(BOTH, H264, ["-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"]), (A, A, N)
    ),
    "pcm.mkv": Film(of(BOTH, H264, ["-c:a", "pcm_s16le"]), (A, A, A)),
    # Only the video is.
    "av1.mp4": Film(of(BOTH, AV1, AAC, READY), (V, V, N)),
    "mpeg4.mp4": Film(of(BOTH, ["-c:v", "mpeg4", "-q:v", "5"], AAC, READY), (V, V, N)),
    "turned.mp4": Film(
        of(pictures("640x360"), sound(), ["-c:v", "mpeg4", "-q:v", "5"], AAC), (V, V, N), turn(-90)
    ),
    "ten-bits.mp4": Film(of(BOTH, H264, ["-pix_fmt", "yuv420p10le"], AAC, READY), (V, V, N)),
    "four-four-four.mp4": Film(of(BOTH, H264, ["-pix_fmt", "yuv444p"], AAC, READY), (V, V, N)),
    "four-two-two.mp4": Film(of(BOTH, H264, ["-pix_fmt", "yuv422p10le"], AAC, READY), (V, V, N)),
    "rgb.mp4": Film(
        of(BOTH, ["-c:v", "libx264rgb", "-preset", "ultrafast"], AAC, READY), (V, V, N)
    ),
    "hevc-444.mp4": Film(of(BOTH, HEVC, ["-pix_fmt", "yuv444p"], AAC, READY), (N, V, N)),
    "slow.mp4": Film(of(pictures(rate="15"), sound(), H264, AAC, READY), (V, V, N)),
    "fast.mp4": Film(of(pictures(rate="120"), sound(), H264, AAC, READY), (V, V, N)),
    "hlg-fast.mov": Film(
        of(
            pictures(rate="120", extra=light("arib-std-b67")),
            sound(),
            HEVC,
            [*TEN, "-tag:v", "hvc1"],
            AAC,
            READY,
        ),
        (V, V, N),
    ),
    "uneven.mp4": Film(of(UNEVEN, H264, AAC, READY), (V, V, N)),
    # These two do not state the number of frames.
    "uneven.mkv": Film(of(UNEVEN, H264, AAC), (V, V, R)),
    "uneven-fragments.mp4": Film(of(UNEVEN, H264, ["-bf", "0"], AAC, FRAGMENTS), (V, V, N)),
    "tiny.mp4": Film(of(pictures("64x64"), sound(), H264, AAC, READY), (V, N, N)),
    "uhd.mp4": Film(of(plain("3840x2160", "24", "3.2"), sound("3.2"), H264, AAC, READY), (N, V, N)),
    "heavy.mp4": Film(
        of(
            plain("360x640", "30", "3.2"),
            sound("3.2"),
            H264,
            ["-b:v", "40M", "-minrate", "40M", "-maxrate", "40M", "-bufsize", "4M"],
            ["-x264-params", "nal-hrd=cbr:filler=1"],
            AAC,
            READY,
        ),
        (N, V, N),
    ),
    "interlaced.mp4": Film(
        of(
            pictures(extra=",setfield=tff"),
            sound(),
            H264,
            ["-flags", "+ilme+ildct", "-x264-params", "tff=1"],
            AAC,
            READY,
        ),
        (N, V, N),
    ),
    "ten-minutes.mp4": Film(of(plain("360x640", "2", "590"), H264, READY), (V, E, N)),
    # Both are.
    "av1.webm": Film(of(BOTH, AV1, ["-c:a", "libopus"]), (E, E, N)),
    "clip.avi": Film(of(BOTH, ["-c:v", "mpeg4", "-c:a", "mp3"]), (E, E, N)),
    "h264.avi": Film(of(BOTH, H264, ["-c:a", "mp3"]), (E, E, N)),
    "camera.avi": Film(
        of(BOTH, ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"]), (E, E, N)
    ),
    "prores.mov": Film(
        of(BOTH, ["-c:v", "prores_ks", "-profile:v", "1"], ["-c:a", "pcm_s16le"]), (E, E, N)
    ),
    "clip.mpg": Film(of(BOTH, ["-c:v", "mpeg2video", "-c:a", "mp2"]), (E, E, N)),
    "clip.wmv": Film(of(BOTH, ["-c:v", "wmv2", "-c:a", "wmav2"]), (E, E, N)),
    "old-phone.3gp": Film(
        of(
            pictures("176x144"),
            sound(),
            ["-c:v", "h263", "-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"],
        ),
        (E, E, N),
    ),
    "odd.webm": Film(of(pictures("361x641"), sound(), VP9, ["-c:a", "libopus"]), (N, E, N)),
    "late-sound.mp4": Film(of(pictures(), ["-itsoffset", "0.5"], sound("3"), H264, AAC), (N, E, N)),
    # Nothing fixes these.
    "half-second.mp4": Film(
        of(pictures(seconds="0.5"), sound("0.5"), H264, AAC, READY), (N, "duration_min", N)
    ),
    "twenty-minutes.mp4": Film(
        of(plain("360x640", "1", "1200"), H264, READY), ("duration_max", "duration_max", N)
    ),
    "strip.mp4": Film(
        of(pictures("1200x100"), sound(), H264, AAC, READY), ("side_min", "ratio_max", N)
    ),
    # Not a video, or damaged.
    "cut.mp4": Film(of(BOTH, H264, AAC, READY), "video_corrupt", cut(0.6)),
    "cut-index.mp4": Film(of(BOTH, H264, AAC), "video_corrupt", cut(0.9)),
    "cut.mkv": Film(of(BOTH, H264, AAC), "video_corrupt", cut(0.6)),
    "cut.avi": Film(of(BOTH, ["-c:v", "mpeg4", "-c:a", "mp3"]), "video_corrupt", cut(0.6)),
    "empty.mp4": Film((), "video_empty", become(b"")),
    "text.mp4": Film((), "video_corrupt", become(b"This is the film I told you of.\n" * 100)),
    "playlist.mp4": Film(
        (), "video_corrupt", become(b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    ),
    "sound.m4a": Film(of(sound(), AAC), "video_no_pictures"),
    "still.png": Film(of(pictures(), ["-frames:v", "1"]), "video_corrupt"),
}


def make_film(name: str, folder: Path) -> Path:
    """Make one file of the corpus."""
    film, path = CORPUS[name], folder / name
    if film.arguments:
        run_ffmpeg(*film.arguments, "-shortest", str(path))
    if film.damage is not None:
        film.damage(path)
    return path


def run_ffmpeg(*arguments: str) -> None:
    """Run ffmpeg; an error of its own fails the test."""
    command = [find_ffmpeg().path, "-v", "error", "-nostdin", "-y", *arguments]
    subprocess.run(command, check=True, timeout=150)
