"""A minimal client of the HTTP API, as a back end would write it; the demo uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.loopback import loopback_session

TIMEOUT_SECONDS = 60


class ApiError(Exception):
    """Raised with the API's own message when it refuses a call."""


class ApiClient:
    """Calls the API as one user."""

    def __init__(self, api_url: str, api_key: str, user: str) -> None:
        self._url = api_url
        self._session = loopback_session()
        self._session.headers.update({"Authorization": f"Bearer {api_key}", "X-User-Id": user})

    def connect(self, platform: str, account: dict[str, Any]) -> None:
        """Hand over an account's tokens."""
        self._call("PUT", f"/api/accounts/{platform}", json=account)

    def upload(self, video: Path) -> str:
        """Upload a video straight to the store and return its id."""
        ticket = self._call(
            "POST",
            "/api/videos/uploads",
            json={
                "filename": video.name,
                "contentType": "video/mp4",
                "fileSize": video.stat().st_size,
            },
        )
        with video.open("rb") as body, loopback_session() as session:
            answer = session.request(
                ticket["method"],
                ticket["uploadUrl"],
                headers=ticket["headers"],
                data=body,
                timeout=TIMEOUT_SECONDS,
            )
        if not answer.ok:
            raise ApiError(f"upload of {video.name}: HTTP {answer.status_code}")
        return str(ticket["videoId"])

    def publish(self, post: dict[str, Any]) -> str:
        """Publish one post and return its job id."""
        return str(self._call("POST", "/api/publish", json=post)["jobId"])

    def publish_batch(self, body: dict[str, Any]) -> list[str]:
        """Publish several posts and return their job ids."""
        made = self._call("POST", "/api/publish/batch", json=body)
        return [job["jobId"] for job in made["jobs"]]

    def status(self, job_id: str) -> dict[str, Any]:
        """Return a job's status."""
        return self._call("GET", f"/api/publish/{job_id}/status")

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._session.request(method, self._url + path, timeout=TIMEOUT_SECONDS, **options)
        body: dict[str, Any] = answer.json() if answer.content else {}
        if not answer.ok:
            faults = body.get("errors") or ""
            raise ApiError(f"{method} {path}: {body.get('error', answer.status_code)} {faults}")
        return body
