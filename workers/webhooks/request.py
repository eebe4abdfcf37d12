"""One signed webhook request, per Standard Webhooks (https://www.standardwebhooks.com)."""

from __future__ import annotations

from standardwebhooks import Webhook

from app.clock import utcnow
from app.config import Config
from workers import transport

READ_SECONDS = 15.0


def send_webhook(config: Config, event_id: str, body: str) -> int:
    """Post a body to the receiver and return the HTTP status of its response.

    `event_id` must be the same for every delivery of an event. Raises `NetworkFailure`.
    """
    now = utcnow()
    # One per secret, so that secrets can be rotated: a receiver accepts any that it knows.
    signatures = [Webhook(one).sign(event_id, now, body) for one in config.webhook_secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ViralMommy-Publishing-Queue",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    response = transport.call(
        "POST", config.webhook_url, read_seconds=READ_SECONDS, headers=headers, data=body.encode()
    )
    return response.status
