"""What is remembered of one container between two calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workers.platforms.base import Upload


@dataclass(frozen=True)
class InstagramUpload(Upload):
    """One container. Times are epoch seconds.

    `upload_url` is empty where Instagram fetches the video by itself. `moved_at` is when we last
    brought it forward: opened, began to send, sent. `caption` is what the container was made
    with, by which its post is known again. `publishing_at` is when its first `media_publish` was
    about to go out; from then on no other container may be opened without proof that this one
    is dead and published nothing. `settled_at` is when a container that still calls itself
    FINISHED has shown that the last `media_publish` did nothing. `refusal` is what that was
    answered with, where it is to be believed then. `may_be_live` is False again once a refused
    `media_publish` was seen to have done nothing.
    """

    container_id: str
    upload_url: str = field(repr=False)
    created_at: float
    moved_at: float
    caption: str = field(default="", repr=False)
    has_begun: bool = False
    is_sent: bool = False
    publishing_at: float | None = None
    publish_calls: int = 0
    settled_at: float = 0.0
    refusal: dict[str, Any] | None = None
    may_be_live: bool = False
    media_id: str | None = None
