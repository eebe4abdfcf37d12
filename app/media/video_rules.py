"""What each platform accepts, as data.

MB and GB on a platform's page are read as 10^6 and 10^9, the stricter interpretation. What a page
only recommends, or only clients report, is `advised`: worth a warning to the user, but no reason
to refuse or change a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MB = 10**6
GB = 10**9


@dataclass(frozen=True)
class Bounds:
    """From `low` to `high`, inclusive; None for an open end."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class VideoRules:
    """One platform's rules for a file; whatever is not named is unrestricted.

    `ranges` is keyed by the measures of `app.media.violations`: duration (s), size (bytes),
    frame_rate (frames/s), side and width (pixels as shown), ratio (width ÷ height), bit_rate
    (bit/s), audio_channels, audio_sample_rate (Hz). `choices` is keyed by container (the media
    type), video_codec, audio_codec, chroma, h264_format, scan, index (where the MP4 `moov` box is)
    and edit_list.
    """

    name: str
    ranges: Mapping[str, Bounds]
    choices: Mapping[str, tuple[str, ...]]
    advised_ranges: Mapping[str, Bounds] = field(default_factory=dict)
    advised_choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


#: On no page, but hardly any phone or hardware decoder supports more of H.264 than this.
_H264_EVERYWHERE = ("8 bits 4:2:0",)

VIDEO_RULES: dict[str, VideoRules] = {
    # https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
    "TIKTOK": VideoRules(
        name="TikTok",
        ranges={
            "duration": Bounds(high=600),
            "size": Bounds(high=4 * GB),
            "frame_rate": Bounds(23, 60),
            "side": Bounds(360, 4096),
        },
        choices={
            "container": ("video/mp4", "video/quicktime", "video/webm"),
            "video_codec": ("h264", "hevc", "vp8", "vp9"),
            "h264_format": _H264_EVERYWHERE,
        },
        advised_ranges={"duration": Bounds(low=3), "ratio": Bounds(9 / 16, 16 / 9)},
    ),
    # https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
    "INSTAGRAM": VideoRules(
        name="Instagram",
        ranges={
            "duration": Bounds(3, 900),
            "size": Bounds(high=300 * MB),
            "frame_rate": Bounds(23, 60),
            "width": Bounds(high=1920),
            "ratio": Bounds(0.01, 10),
            "bit_rate": Bounds(high=25_000_000),
            "audio_channels": Bounds(1, 2),
            "audio_sample_rate": Bounds(high=48_000),
        },
        choices={
            "container": ("video/mp4", "video/quicktime"),
            "video_codec": ("h264", "hevc"),
            "audio_codec": ("aac",),
            "chroma": ("4:2:0",),
            "h264_format": _H264_EVERYWHERE,
            "scan": ("progressive",),
            "index": ("in front",),
            "edit_list": ("none",),
        },
        advised_ranges={"duration": Bounds(5, 90), "ratio": Bounds(9 / 16, 9 / 16)},
    ),
    # https://developers.google.com/youtube/v3/docs/videos/insert (size), support.google.com/youtube
    # answers 71673 (length; more than 15 minutes for verified channels) and 1722171 (encoding)
    "YOUTUBE": VideoRules(
        name="YouTube",
        ranges={"duration": Bounds(high=12 * 3600), "size": Bounds(high=256 * GB)},
        choices={
            "container": (
                "video/mp4",
                "video/quicktime",
                "video/webm",
                "video/3gpp",
                "video/mpeg",
                "video/x-flv",
                "video/x-ms-asf",
                "video/x-msvideo",
            )
        },
        advised_ranges={"duration": Bounds(high=900), "frame_rate": Bounds(24, 60)},
        advised_choices={"index": ("in front",), "edit_list": ("none",)},
    ),
}
