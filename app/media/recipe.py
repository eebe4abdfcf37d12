"""How a file is to be made anew: what `app.media.plan` decides and the encoder carries out. Pure.

A recipe is all that the result depends on besides the source, so that its `digest` names the
result: two platforms that want the same file share it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Raised whenever the same recipe comes to be carried out differently.
VERSION = 1


@dataclass(frozen=True)
class Pictures:
    """H.264, 8 bits 4:2:0, progressive, of square pixels, upright, at a constant rate.

    `frame_rate` is a fraction such as `30000/1001`. `crf` is x264's quality; `bit_rate_max` caps
    it (bits/s). With `bit_rate`, two passes hit that rate instead. `transfer` is the source's
    where that is HDR and is brought to the range of usual screens. `is_rgb`: the source is.
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
class Sound:
    """AAC-LC. `is_silence`: the source has no sound and gets an empty track."""

    bit_rate: int
    channels: int
    sample_rate: int
    is_silence: bool = False


@dataclass(frozen=True)
class Recipe:
    """The file to make; `container` is `mp4` or `webm`.

    `pictures` and `sound` None: they are copied as they are, bit for bit. `size_max_bytes` is
    what the platform takes, None where that is out of reach.
    """

    container: str
    pictures: Pictures | None
    sound: Sound | None
    size_max_bytes: int | None = None

    def dump(self) -> dict[str, Any]:
        """Return the recipe as a JSON object, for the row."""
        return dataclasses.asdict(self)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `dump` wrote."""
        pictures, sound = fields["pictures"], fields["sound"]
        return cls(
            container=fields["container"],
            pictures=None if pictures is None else Pictures(**pictures),
            sound=None if sound is None else Sound(**sound),
            size_max_bytes=fields["size_max_bytes"],
        )

    @property
    def digest(self) -> str:
        """Return 32 hexadecimal digits that only this recipe has."""
        text = json.dumps({"version": VERSION, **self.dump()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
