"""How a file is made for each platform where it has to be made anew, as data.

The rules of `app.media.video_rules` say what a platform takes; this says what to give it. TikTok
and Instagram show nothing larger than 1080p, so that more would only be scaled down there. All
three encode what they get once more: hence a quality at which the first loss is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: What an MP4 can hold for anyone to play, and a WebM.
_MP4_SOUND = ("aac", "mp3", "ac3", "eac3")
_WEBM_SOUND = ("opus", "vorbis")


@dataclass(frozen=True)
class Profile:
    """One platform's wishes for a new file; sizes in pixels, rates in bits/s.

    `short_side_max` and `long_side_max` bound the picture whichever way it stands. `keeps` says
    which codecs of pictures and of sound go into which container as they are. `adds_silence`: a
    file that is made anyway gets a sound track where it has none.
    """

    short_side_max: int
    long_side_max: int
    crf: int
    bit_rate_max: int
    sound_bit_rate: int
    keeps: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    sound_channels_max: int = 2
    adds_silence: bool = False


PROFILES: dict[str, Profile] = {
    "TIKTOK": Profile(
        short_side_max=1080,
        long_side_max=1920,
        crf=18,
        bit_rate_max=24_000_000,
        sound_bit_rate=192_000,
        keeps={
            "mp4": (("h264", "hevc"), _MP4_SOUND),
            "webm": (("vp8", "vp9"), _WEBM_SOUND),
        },
    ),
    # "Audio: AAC, 48khz sample rate maximum, 1 or 2 channels, 128kbps": its page says nothing of
    # files without any, and takes them; where one is made anew it costs nothing to be sure.
    # https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
    "INSTAGRAM": Profile(
        short_side_max=1080,
        long_side_max=1920,
        crf=18,
        bit_rate_max=20_000_000,
        sound_bit_rate=128_000,
        keeps={"mp4": (("h264", "hevc"), ("aac",))},
        adds_silence=True,
    ),
    # https://support.google.com/youtube/answer/1722171: AAC-LC at 384 kbit/s in stereo
    "YOUTUBE": Profile(
        short_side_max=2160,
        long_side_max=3840,
        crf=17,
        bit_rate_max=68_000_000,
        sound_bit_rate=384_000,
        keeps={
            "mp4": (("h264", "hevc", "av1", "mpeg4", "mpeg2video"), _MP4_SOUND),
            "webm": (("vp8", "vp9", "av1"), _WEBM_SOUND),
        },
    ),
}
