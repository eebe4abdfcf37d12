"""What a handler returns about an upload: its state at the platform."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Incomplete:
    """The platform lacks bytes and has `received_bytes`: call `send` again."""

    received_bytes: int = 0


@dataclass(frozen=True)
class Processing:
    """The platform is still working: poll again in `next_poll_seconds`.

    `percent` is 0–100, None where the platform reports no progress.
    """

    next_poll_seconds: float
    percent: int | None = None


@dataclass(frozen=True)
class Ready:
    """The platform has finished processing: `publish` makes the post public."""


@dataclass(frozen=True)
class Published:
    """The post is live, as far as its privacy allows.

    `post_id` and `url` may still be None (TikTok before moderation, an Instagram permalink);
    `follow_up` is True while the platform may still provide them. `warnings` are sentences for
    the owner, for example about a privacy level that the platform changed.
    """

    post_id: str | None
    url: str | None = None
    follow_up: bool = False
    warnings: tuple[str, ...] = ()
