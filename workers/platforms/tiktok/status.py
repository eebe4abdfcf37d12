"""The publish status of a TikTok upload: the read that settles every doubt.

https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.errors import Transient
from workers.platforms.fields import text, whole
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.fields import ids
from workers.platforms.tiktok.upload import TikTokUpload

PROCESSING_UPLOAD = "PROCESSING_UPLOAD"
PUBLISH_COMPLETE = "PUBLISH_COMPLETE"
SEND_TO_USER_INBOX = "SEND_TO_USER_INBOX"
FAILED = "FAILED"


@dataclass(frozen=True)
class Status:
    """One status response. `uploaded_bytes` is None if absent or not a count."""

    state: str
    fail_reason: str
    post_ids: tuple[str, ...]
    uploaded_bytes: int | None

    def missing_from(self, upload: TikTokUpload) -> int | None:
        """Return the offset from which bytes are missing; None unless some provably are."""
        if self.state != PROCESSING_UPLOAD or upload.delivered_at is not None:
            return None
        if self.uploaded_bytes is None:
            # Bytes that were never sent are missing, whatever TikTok reports.
            return 0 if upload.final_started_at is None else None
        return self.uploaded_bytes if self.uploaded_bytes < upload.size_bytes else None


def read_status(client: Client, upload: TikTokUpload) -> Status:
    """Read the publish status; raises any `PublishError`."""
    data = client.post("post/publish/status/fetch/", {"publish_id": upload.publish_id})
    state = text(data, "status")
    if not state:
        raise Transient("bad_answer", "TikTok's response has no status")
    return Status(
        state=state,
        fail_reason=text(data, "fail_reason"),
        # The misspelling is TikTok's documented field name.
        post_ids=ids(data, "publicaly_available_post_id")
        or ids(data, "publicly_available_post_id"),
        uploaded_bytes=whole(data, "uploaded_bytes"),
    )
