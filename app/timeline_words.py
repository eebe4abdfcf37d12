"""The words of a timeline, each with its meaning. Pure vocabulary; docs/timeline.md lists them."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["done", "failed", "given_back", "lost", "cancelled"]
WaitReason = Literal["scheduled", "queue", "backoff", "limit", "outage", "pause"]
ChangeName = Literal[
    "accepted",
    "edited",
    "rescheduled",
    "conversion",
    "warning",
    "cancel_requested",
    "completed",
    "failed",
    "cancelled",
    "retried",
    "resolved_live",
    "resolved_not_live",
]

#: How an attempt, step or wait ended.
OUTCOMES: dict[Outcome, str] = {
    "done": "it ended, and the job went on",
    "failed": "it ended with `error`",
    "given_back": "it was broken off through no fault of the post; such an attempt does not count",
    "lost": "its worker disappeared; the attempt goes on in another",
    "cancelled": "the job was cancelled",
}
#: Why a job waits.
WAITS: dict[WaitReason, str] = {
    "scheduled": "it is not due yet",
    "queue": "it waits for its turn and a free worker",
    "backoff": "the pause before the next attempt after a failure",
    "limit": "a limit of the platform or of this service",
    "outage": "the platform, or a part that publishing to it needs, is not available",
    "pause": "the operator has paused the platform",
}
#: What happened to a job at one moment.
CHANGES: dict[ChangeName, str] = {
    "accepted": "the job was stored",
    "edited": "its content or priority was changed",
    "rescheduled": "its time was changed",
    "conversion": "its video is converted for the platform; `error.message` says why and how",
    "warning": "it is live, but not quite as requested; `error.message` says how",
    "cancel_requested": "its worker was asked to stop before the platform would publish",
    "completed": "it is live",
    "failed": "it ended without being live, or with an unknown outcome",
    "cancelled": "it ended before the platform could publish it",
    "retried": "it runs again, with fresh attempts",
    "resolved_live": "a person said that it is live",
    "resolved_not_live": "a person said that it is not live",
}
