"""One signed webhook, as Standard Webhooks has it (https://www.standardwebhooks.com)."""

from __future__ import annotations

from standardwebhooks import Webhook

from app.clock import utcnow
from app.config import Config
from workers import transport

READ_SECONDS = 15.0


def send_webhook(config: Config, event_id: str, body: str) -> int:
    """Post a body to the receiver and return the HTTP status it answers.

    `event_id` must be the same at every delivery of one event. Raises `NetworkFailure`.
    """
    moment = utcnow()
    # One for each secret: a receiver takes the event by whichever it knows.
    signatures = [Webhook(one).sign(event_id, moment, body) for one in config.webhook_secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ViralMommy-Publishing-Queue",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    answer = transport.call(
        "POST", config.webhook_url, read_seconds=READ_SECONDS, headers=headers, data=body.encode()
    )
    return answer.status
