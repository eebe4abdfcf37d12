"""The checkpoint of an Instagram upload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workers.platforms.base import Upload


@dataclass(frozen=True)
class InstagramUpload(Upload):
    """The checkpoint of one job: its container. Times are epoch seconds.

    - `upload_url` is empty if Instagram fetches the video itself.
    - `moved_at` is when we last advanced the upload: opened it, began to send, finished sending.
    - `caption` is the container's, by which its post is recognized in the account's list.
    - `has_begun` and `is_sent` tell whether bytes may have been sent, and whether all were.
    - `publishing_at` is when the first `media_publish` was about to be sent. From then on,
      another container may be opened only with proof that this one is dead and unpublished.
    - `publish_calls` is the number of `media_publish` calls, `ended_calls` that of those which are
      certainly over: answered with an error, or never sent.
    - `settled_at` is when a container that is still FINISHED proves that the last
      `media_publish` had no effect.
    - `refusal` is the response to that call, if it is to be raised once proved.
    - `may_be_live` is reset once a refused `media_publish` has proved to be without effect.
    - `media_id` is the post's id, once known.
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
    ended_calls: int = 0
    settled_at: float = 0.0
    refusal: dict[str, Any] | None = None
    may_be_live: bool = False
    media_id: str | None = None
