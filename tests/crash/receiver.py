"""The back end that receives the notifications; it can stop answering for a while."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any

from sandbox.development.receiver import WebhookReceiver

UNAVAILABLE = 503


class Receiver(WebhookReceiver):
    """Records, for each job, the ids and types of its notifications, in order."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        self._deaf_until = 0.0
        self._told = threading.Lock()
        self.told: dict[str, dict[str, str]] = defaultdict(dict)

    def stop_listening(self, seconds: float) -> None:
        """Refuse deliveries for a while."""
        self._deaf_until = time.monotonic() + seconds

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Accept one delivery, or refuse it."""
        if time.monotonic() < self._deaf_until:
            return UNAVAILABLE
        status = super().take(headers, body)
        if status < UNAVAILABLE:
            event: dict[str, Any] = self.received[headers["webhook-id"]]
            if event["type"] != "publish.at_risk":  # a legitimate warning, given all the faults
                with self._told:
                    self.told[event["data"].get("jobId", "")][headers["webhook-id"]] = event["type"]
        return status
