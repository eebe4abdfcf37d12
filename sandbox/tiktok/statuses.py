"""TikTok: the status of a publish. The post id comes late, and only for public posts."""

from datetime import datetime
from typing import Any

from flask import Response

from sandbox.core.world import current_world
from sandbox.tiktok.api import API, authorize, ok
from sandbox.tiktok.publishing import find_publish
from sandbox.tiktok.state import Publish, count_call


@API.call("tiktok.status", "/tiktok/v2/post/publish/status/fetch/", "POST")
def read_status() -> Response:
    """Return the publish's status, failure reason, bytes and, eventually, its post id."""
    account = authorize("video.publish", "video.upload")
    world = current_world()
    count_call("status", world.settings.tiktok_status_per_minute)
    publish = find_publish(account)
    count_name = "downloaded_bytes" if publish.plan is None else "uploaded_bytes"
    received_bytes = publish.received.settled_bytes()
    now = world.clock.now()
    data: dict[str, Any] = {
        "status": _status(publish, now),
        "fail_reason": _fail_reason(publish, now) or "",
        "publicaly_available_post_id": _post_ids(publish, now),  # TikTok's own spelling
        count_name: received_bytes,
    }
    return ok(data)


def _fail_reason(publish: Publish, now: datetime) -> str | None:
    if publish.failure is not None:
        return publish.failure
    outcome = publish.processing
    return outcome.failure if outcome and outcome.is_over(now) else None


def _status(publish: Publish, now: datetime) -> str:
    if _fail_reason(publish, now) is not None:
        return "FAILED"
    if publish.processing is None:
        return "PROCESSING_DOWNLOAD" if publish.plan is None else "PROCESSING_UPLOAD"
    if not publish.processing.is_over(now):
        return "PROCESSING_UPLOAD"
    return "SEND_TO_USER_INBOX" if publish.is_draft else "PUBLISH_COMPLETE"


def _post_ids(publish: Publish, now: datetime) -> list[int]:
    if publish.post_id is None or publish.post_id_at is None or not publish.is_public:
        return []
    return [int(publish.post_id)] if now >= publish.post_id_at else []
