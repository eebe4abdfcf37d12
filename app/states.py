"""The states of jobs and of the other rows, and the steps of a job. Pure vocabulary.

A row stores `waiting` both for what may start now and for what may not start yet. Which of the
two depends on the time, so `delayed` is derived when a job is shown (`shown_state`), and a
thousand posts that fall due at the same instant need no write.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum


class JobState(str, Enum):
    """The states of the contract."""

    #: may not start before `due_at`: scheduled, between two attempts, or held by a limit
    DELAYED = "delayed"
    #: may start as soon as a worker is free
    WAITING = "waiting"
    #: begun: claimed by a worker, or polled while the platform processes it
    ACTIVE = "active"
    #: live and recorded
    COMPLETED = "completed"
    #: ended without being live, or with an unknown outcome (category `ambiguous`)
    FAILED = "failed"
    #: cancelled by the user before the platform could publish it
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
#: Stored states of rows that a worker may claim once they are due.
OPEN_STATES = (JobState.WAITING, JobState.ACTIVE)


class Step(str, Enum):
    """The steps of the pipeline, in order."""

    TOKEN = "token"
    VIDEO = "video"
    OPTIMIZE = "optimize"
    UPLOAD = "upload"
    PROCESS = "process"
    RECORD = "record"


#: Progress (0–100) at the beginning and the end of each step.
STEP_PROGRESS: dict[Step, tuple[int, int]] = {
    Step.TOKEN: (10, 20),
    Step.VIDEO: (20, 30),
    Step.OPTIMIZE: (30, 40),
    Step.UPLOAD: (40, 80),
    Step.PROCESS: (80, 95),
    Step.RECORD: (95, 100),
}


class AccountState(str, Enum):
    """Whether an account's tokens work."""

    ACTIVE = "active"
    RECONNECT_REQUIRED = "reconnect_required"


class LoginType(str, Enum):
    """The login that an account was connected through; only Instagram has several."""

    ONLY = ""
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"


class VideoState(str, Enum):
    """Whether a video can be published."""

    #: a direct upload was signed; the object has not been seen yet
    UPLOADING = "uploading"
    #: the object is there and was probed
    READY = "ready"
    #: the object is there and is not a video
    INVALID = "invalid"


class RenditionState(str, Enum):
    """Where a rendition is."""

    #: to be transcoded, once a job waits for it
    PENDING = "pending"
    #: claimed by a worker
    ENCODING = "encoding"
    READY = "ready"
    FAILED = "failed"


class NotificationState(str, Enum):
    """Where a webhook is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    #: given up, after three days of retries
    DEAD = "dead"


class ConsentState(str, Enum):
    """Where the connecting of an account on a platform's page is."""

    #: the user was sent to the platform's page
    ASKED = "asked"
    #: the user agreed; a worker must exchange the authorization code for tokens
    GRANTED = "granted"
    #: a worker is exchanging the code
    EXCHANGING = "exchanging"
    #: the account is connected
    CONNECTED = "connected"
    #: the user refused, or the exchange failed
    FAILED = "failed"


def shown_state(state: JobState, due_at: datetime | None, now: datetime) -> JobState:
    """Return the contract's state for a row's stored state and due time."""
    if state is JobState.WAITING and due_at is not None and due_at > now:
        return JobState.DELAYED
    return state


def step_progress(step: Step, fraction: float) -> int:
    """Return the progress 0–100 at `fraction` (0–1) of a step."""
    first, last = STEP_PROGRESS[step]
    return first + int((last - first) * min(max(fraction, 0.0), 1.0))
