"""The facts that a probe finds in a video file. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: PQ and HLG: ITU-R BT.2100.
HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
#: A delay between sound and pictures that nobody notices.
DELAY_SECONDS = 0.05


class VideoInvalid(Exception):
    """Raised when an object is not a publishable video.

    `code` is stable; `sentence` is for a person.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Probe:
    """The facts about one version of one object.

    `content_type` and `container` come from the content, not from the name. `width` and `height`
    are as displayed, after `rotation` (clockwise, 0, 90, 180 or 270). `bit_rate` is the whole
    file's, in bits per second. `moov_first` and `has_edit_list` are None without MP4 boxes.
    `sound_delay_seconds` is how much later than the pictures the sound starts, negative for
    earlier; None without sound, or where the file does not tell.
    """

    content_type: str
    container: str
    brand: str | None
    size_bytes: int
    duration_seconds: float
    bit_rate: int
    video_codec: str
    profile: str | None
    width: int
    height: int
    rotation: int
    pixel_ratio: float
    frame_rate: float | None
    is_variable_rate: bool
    is_interlaced: bool
    pixel_format: str | None
    bit_depth: int | None
    transfer: str | None
    audio_codec: str | None
    audio_channels: int | None
    audio_sample_rate: int | None
    moov_first: bool | None
    has_edit_list: bool | None
    edit_list_cuts: bool | None
    sound_delay_seconds: float | None = None

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is HDR: PQ (HDR10) or HLG."""
        return self.transfer in HDR_TRANSFERS

    def dump(self) -> dict[str, Any]:
        """Return the facts as a JSON object, to be stored."""
        return dataclasses.asdict(self)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> Probe:
        """Return the facts from what `dump` returned; fields of a later version are ignored."""
        known = {one.name for one in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in fields.items() if name in known})
