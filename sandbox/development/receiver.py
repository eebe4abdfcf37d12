"""A small webhook endpoint: receives notifications and verifies their signatures."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


class WebhookReceiver:
    """Listens on loopback. `received` maps each webhook-id to its verified body."""

    def __init__(self, secret: str) -> None:
        self.received: dict[str, dict[str, Any]] = {}
        self.refused = 0
        self._webhook = Webhook(secret)
        self._changed = threading.Condition()
        receiver = self

        class Route(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.take(dict(self.headers.items()), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing: the demo draws on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Route)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Verify one delivery and return the HTTP status to answer."""
        try:
            event = self._webhook.verify(body, {k.lower(): v for k, v in headers.items()})
        except WebhookVerificationError:
            self.refused += 1
            return 401
        with self._changed:
            # Delivery is at least once: a repeated id is the same event, counted once.
            self.received[headers["webhook-id"]] = event
            self._changed.notify_all()
        return 204

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until `count` events have arrived; return False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= count, seconds)

    def __enter__(self) -> WebhookReceiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
