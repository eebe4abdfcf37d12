"""How to transcode a file: decided by `app.media.plan`, carried out by `workers.media`. Pure.

Besides the source, the result depends on the recipe alone. Its `digest` therefore identifies the
rendition, and platforms that need the same file share one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Incremented whenever the same recipe starts to give another result.
VERSION = 1
#: The decoder's buffer that an encoder may count on, at the maximum rate: so much more than that
#: rate it can spend at the beginning.
BUFFER_SECONDS = 2


@dataclass(frozen=True)
class VideoEncoding:
    """H.264, 8-bit 4:2:0, progressive, with square pixels, upright, at a constant frame rate.

    `frame_rate` is a fraction such as `30000/1001`. `crf` is x264's quality, and `bit_rate_max`
    caps the rate (bits/s). With `bit_rate`, two passes aim for that rate instead. `transfer` is
    the source's if it is HDR, which is tone-mapped to SDR. `is_rgb`: the source is RGB.
    """

    width: int
    height: int
    frame_rate: str
    crf: int
    bit_rate_max: int
    bit_rate: int | None = None
    transfer: str | None = None
    is_rgb: bool = False
    deinterlace: bool = False


@dataclass(frozen=True)
class AudioEncoding:
    """AAC-LC. `is_silence`: the source has no audio and gets a silent track."""

    bit_rate: int
    channels: int
    sample_rate: int
    is_silence: bool = False


@dataclass(frozen=True)
class Recipe:
    """The file to produce; `container` is `mp4` or `webm`.

    `video` or `audio` None: the stream is copied bit for bit. `size_max_bytes` is the platform's
    limit; None where there is none or the video is copied. `keeps_offsets`: the first picture of
    an MP4 is shown as long after it is decoded as in the source, instead of at 0.
    """

    container: str
    video: VideoEncoding | None
    audio: AudioEncoding | None
    size_max_bytes: int | None = None
    keeps_offsets: bool = False

    def dump(self) -> dict[str, Any]:
        """Return the recipe as a JSON object, to be stored."""
        return dataclasses.asdict(self)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> Recipe:
        """Return the recipe from what `dump` returned."""
        video, audio = fields["video"], fields["audio"]
        return cls(
            container=fields["container"],
            video=None if video is None else VideoEncoding(**video),
            audio=None if audio is None else AudioEncoding(**audio),
            size_max_bytes=fields["size_max_bytes"],
            keeps_offsets=fields["keeps_offsets"],
        )

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that identify the recipe."""
        text = json.dumps({"version": VERSION, **self.dump()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
