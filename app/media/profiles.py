"""The encoding profile of each platform, as data.

`app.media.video_rules` says what a platform accepts; a profile says what to give it. TikTok and
Instagram show 1080p at most, so anything larger would only be scaled down there. All three
re-encode what they receive, hence a quality at which the first generation's loss is invisible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Audio codecs that players support in an MP4, and in a WebM.
_MP4_AUDIO = ("aac", "mp3", "ac3", "eac3")
_WEBM_AUDIO = ("opus", "vorbis")


@dataclass(frozen=True)
class Profile:
    """How to encode for one platform; sizes in pixels, rates in bits/s.

    `short_side_max` and `long_side_max` bound the frame in either orientation. `keeps` lists, per
    container, the video and audio codecs that are copied. `adds_silence`: a file that has to be
    transcoded anyway gets a silent audio track if it has none.
    """

    short_side_max: int
    long_side_max: int
    crf: int
    bit_rate_max: int
    audio_bit_rate: int
    keeps: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    audio_channels_max: int = 2
    adds_silence: bool = False


PROFILES: dict[str, Profile] = {
    "TIKTOK": Profile(
        short_side_max=1080,
        long_side_max=1920,
        crf=18,
        bit_rate_max=24_000_000,
        audio_bit_rate=192_000,
        keeps={
            "mp4": (("h264", "hevc"), _MP4_AUDIO),
            "webm": (("vp8", "vp9"), _WEBM_AUDIO),
        },
    ),
    # "Audio: AAC, 48khz sample rate maximum, 1 or 2 channels, 128kbps": the page does not mention
    # files without audio. They are accepted, but a silent track costs nothing in a transcode.
    # https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
    "INSTAGRAM": Profile(
        short_side_max=1080,
        long_side_max=1920,
        crf=18,
        bit_rate_max=20_000_000,
        audio_bit_rate=128_000,
        keeps={"mp4": (("h264", "hevc"), ("aac",))},
        adds_silence=True,
    ),
    # https://support.google.com/youtube/answer/1722171: AAC-LC at 384 kbit/s in stereo
    "YOUTUBE": Profile(
        short_side_max=2160,
        long_side_max=3840,
        crf=17,
        bit_rate_max=68_000_000,
        audio_bit_rate=384_000,
        keeps={
            "mp4": (("h264", "hevc", "av1", "mpeg4", "mpeg2video"), _MP4_AUDIO),
            "webm": (("vp8", "vp9", "av1"), _WEBM_AUDIO),
        },
    ),
}
