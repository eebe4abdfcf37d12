"""The sandbox's control API, as tests use it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import requests

from sandbox.loopback import loopback_session


def settings_of(url: str, *, poll_seconds: float) -> dict[str, Any]:
    """Return the settings by which the service takes the sandbox at `url` for the platforms."""
    return {
        "tiktok_api_url": f"{url}/tiktok",
        "tiktok_client_key": "sandbox-client",
        "tiktok_client_secret": "sandbox-secret",
        "tiktok_consent_url": f"{url}/tiktok",
        "facebook_client_id": "sandbox-client",
        "facebook_client_secret": "sandbox-secret",
        "facebook_consent_url": f"{url}/graph",
        "instagram_client_id": "sandbox-client",
        "instagram_client_secret": "sandbox-secret",
        "instagram_consent_url": f"{url}/instagram",
        "instagram_token_url": f"{url}/instagram",
        "instagram_graph_url": f"{url}/graph",
        "instagram_login_url": f"{url}/instagram",
        "youtube_api_url": f"{url}/youtube",
        "youtube_client_id": "sandbox-client",
        "youtube_client_secret": "sandbox-secret",
        "google_oauth_url": f"{url}/google",
        "google_consent_url": f"{url}/google",
        "tiktok_poll_seconds": poll_seconds,
        "instagram_poll_seconds": poll_seconds,
        "youtube_poll_seconds": poll_seconds,
    }


class ControlApi:
    """What every client of the control API has in common."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self.session = session

    def post(self, path: str, **body: Any) -> Any:
        """Send a JSON body."""
        return self._call("POST", path, json=body)

    def get(self, path: str) -> Any:
        """Read what is at a path."""
        return self._call("GET", path)

    def delete(self, path: str) -> Any:
        """Delete what is at a path."""
        return self._call("DELETE", path)

    def account(self, platform: str, **options: Any) -> dict[str, Any]:
        """Create an account; returns a body for `PUT /api/accounts/{platform}`."""
        account: dict[str, Any] = self.post("/accounts", platform=platform, **options)
        return account

    def settings(self, **changes: Any) -> None:
        """Change the sandbox's settings."""
        self.post("/settings", **changes)

    def advance(self, seconds: float) -> None:
        """Advance the sandbox's clock."""
        self.post("/clock", advance_seconds=seconds)

    def posts(self) -> list[dict[str, Any]]:
        """Return the live posts."""
        posts: list[dict[str, Any]] = self.get("/posts")["posts"]
        return posts

    def journal(self, call: str | None = None) -> list[dict[str, Any]]:
        """Return the journal, in order, or only the calls of one name."""
        entries = self.get("/journal")["entries"]
        return [entry for entry in entries if call is None or entry.get("call") == call]

    def _call(self, method: str, path: str, **options: Any) -> Any:
        url = f"{self.url}/_sandbox{path}"
        answer = self.session.request(method, url, timeout=60, **options)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


class Control(ControlApi):
    """For tests that are about single calls: a fault names its call first."""

    def fault(self, platform: str, call: str | None, kind: str, **fields: Any) -> dict[str, Any]:
        """Add a fault."""
        named = {} if call is None else {"call": call}
        fault: dict[str, Any] = self.post(
            "/faults", platform=platform, kind=kind, **named, **fields
        )
        return fault


class Platforms(ControlApi):
    """For tests of the service: what a platform does, with a session of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(url, loopback_session())

    def __enter__(self) -> Platforms:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    def reset(self) -> None:
        """Reset the sandbox."""
        self.post("/reset")

    def revoke(self, account: str) -> None:
        """Revoke the consent, as the account's owner can."""
        self.post(f"/accounts/{account}/revoke")

    def expire_token(self, account: str) -> None:
        """Expire an account's access tokens now; refreshing still works."""
        self.post(f"/accounts/{account}/expire-token")

    def fault(self, platform: str, kind: str, **fields: Any) -> dict[str, Any]:
        """Add a fault."""
        fault: dict[str, Any] = self.post("/faults", platform=platform, kind=kind, **fields)
        return fault

    def release(self, fault: dict[str, Any]) -> None:
        """Let go what a fault of the kind `hold` holds."""
        self.post(f"/faults/{fault['id']}/release")

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.delete("/faults")

    def active_faults(self) -> list[dict[str, Any]]:
        """Return the faults that have not been used up yet."""
        faults: list[dict[str, Any]] = self.get("/faults")["active"]
        return faults

    def struck(self, one: dict[str, Any] | None = None) -> int:
        """Count how often a fault has hit, or all of them together; a call that hangs is
        journalled only at its end."""
        faults = self.get("/faults")
        found = [*faults["active"], *faults["spent"]]
        return sum(fault["fired"] for fault in found if one is None or fault["id"] == one["id"])
