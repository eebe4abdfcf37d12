"""The sandbox's control API, as tests use it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from sandbox.loopback import loopback_session


class Platforms:
    """Creates accounts, adds faults, and lists live posts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = loopback_session()

    def __enter__(self) -> Platforms:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def reset(self) -> None:
        """Reset the sandbox."""
        self._call("POST", "/reset")

    def account(self, platform: str, **options: Any) -> dict[str, Any]:
        """Create an account; returns a body for `PUT /api/accounts/{platform}`."""
        return self._call("POST", "/accounts", platform=platform, **options)

    def revoke(self, account: str) -> None:
        """Revoke the consent, as the account's owner can."""
        self._call("POST", f"/accounts/{account}/revoke")

    def expire_token(self, account: str) -> None:
        """Expire an account's access tokens now; refreshing still works."""
        self._call("POST", f"/accounts/{account}/expire-token")

    def fault(self, platform: str, kind: str, **fields: Any) -> dict[str, Any]:
        """Add a fault."""
        return self._call("POST", "/faults", platform=platform, kind=kind, **fields)

    def release(self, fault: dict[str, Any]) -> None:
        """Let go what a fault of the kind `hold` holds."""
        self._call("POST", f"/faults/{fault['id']}/release")

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "/faults")

    def active_faults(self) -> list[dict[str, Any]]:
        """Return the faults that have not been used up yet."""
        faults: list[dict[str, Any]] = self._call("GET", "/faults")["active"]
        return faults

    def struck(self, one: dict[str, Any] | None = None) -> int:
        """Count how often a fault has hit, or all of them together; a call that hangs is
        journalled only at its end."""
        faults = self._call("GET", "/faults")
        found = [*faults["active"], *faults["spent"]]
        return sum(fault["fired"] for fault in found if one is None or fault["id"] == one["id"])

    def settings(self, **changes: Any) -> None:
        """Change the sandbox's settings."""
        self._call("POST", "/settings", **changes)

    def advance(self, seconds: float) -> None:
        """Advance the sandbox's clock."""
        self._call("POST", "/clock", advance_seconds=seconds)

    def posts(self) -> list[dict[str, Any]]:
        """Return the live posts."""
        posts: list[dict[str, Any]] = self._call("GET", "/posts")["posts"]
        return posts

    def journal(self, call: str | None = None) -> list[dict[str, Any]]:
        """Return the calls made, in order, of one name if given."""
        entries = self._call("GET", "/journal")["entries"]
        return [entry for entry in entries if call is None or entry.get("call") == call]

    def _call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        url = f"{self.url}/_sandbox{path}"
        options = {"json": body} if method == "POST" else {}
        answer = self._session.request(method, url, timeout=60, **options)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found
