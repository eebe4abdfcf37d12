"""What a handler answers about an upload: where it stands at the platform."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Incomplete:
    """The platform lacks bytes: `send` again. It has `received_bytes`."""

    received_bytes: int = 0


@dataclass(frozen=True)
class Processing:
    """The platform is at work. Ask again in `again_seconds`; `percent` 0–100 where it says."""

    again_seconds: float
    percent: int | None = None


@dataclass(frozen=True)
class Ready:
    """Everything is in; `publish` makes it public."""


@dataclass(frozen=True)
class Published:
    """The post is live, or as live as its privacy lets it be.

    `post_id` and `url` may still be None (TikTok before moderation, an Instagram permalink):
    then `follow_up` is True while the platform may yet tell them. `warnings` are sentences for
    the owner, such as a privacy the platform changed.
    """

    post_id: str | None
    url: str | None = None
    follow_up: bool = False
    warnings: tuple[str, ...] = ()
