"""The retry policy: the only place that decides whether and when to try again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from workers.errors import (
    KeyMissing,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    Unfinished,
    UploadGone,
)

#: Times one attempt may replace a dead upload; after that, another one fails the attempt.
REOPEN_MAX = 2
#: Once the platform may have published, only reads follow. These say how far apart they are while
#: the platform does not respond, and when to give up and leave it to a person.
POLL_AGAIN_MIN_SECONDS = 5.0
POLL_AGAIN_MAX_SECONDS = 300.0
POLL_AGAIN_SHARE = 0.25
POLL_AGAIN_LIMIT = timedelta(hours=24)
#: How long an outage of the platform costs a job no attempt, and a missing key does not fail it.
OUTAGE_LIMIT = timedelta(hours=24)
#: First pause before a job whose encryption key is missing is tried again, and one whose run lost
#: the database; later ones are as long as it has waited (`growing_pause`).
KEY_MISSING_PAUSE = timedelta(seconds=30)
DATABASE_PAUSE = timedelta(seconds=5)
GROWING_PAUSE_MAX = timedelta(minutes=10)
#: Pause before a platform that refuses this service's client is called again.
SERVICE_REFUSED_PAUSE = timedelta(minutes=10)
#: Longest `Retry-After` of a failure that is honoured.
RETRY_AFTER_MAX = timedelta(hours=1)
#: Errors after which the upload may have gone through, unless it is known to be dead.
_UNSURE = (Transient, OutcomeUnknown, TokenExpired)
#: Shortest pause after a platform asks to wait, even if it names no time.
HOLD_BACK_MIN = timedelta(seconds=5)


class Action(Enum):
    """What follows an error."""

    #: end the attempt; the next one starts at the given time
    TRY_AGAIN = "try_again"
    #: give the attempt back and wait until the given time
    HOLD_BACK = "hold_back"
    #: drop the dead upload and open another
    REOPEN = "reopen"
    #: poll the platform again at the given time, within the same attempt
    POLL_AGAIN = "poll_again"
    #: end the job
    FAIL = "fail"
    #: end the job: whether it is live could not be found out
    GIVE_UP_UNKNOWN = "give_up_unknown"


@dataclass(frozen=True)
class Backoff:
    """A job's own backoff: how many attempts, and the pause between them."""

    kind: str
    delay_ms: int
    attempts: int

    def after(self, attempt: int) -> timedelta:
        """Return the pause after a failed attempt: exponential (for 5000 ms: 5 s, 10 s, 20 s …)
        up to a day, or fixed."""
        factor = 2 ** min(attempt - 1, 30) if self.kind == "exponential" else 1
        return min(timedelta(milliseconds=self.delay_ms) * factor, timedelta(days=1))


@dataclass(frozen=True)
class Situation:
    """The job and its platform at the time of the error."""

    attempt: int
    backoff: Backoff
    reopened: int
    committed_at: datetime | None
    unanswered_since: datetime | None = None
    #: until when the platform's circuit stays open; None: it is closed
    circuit_until: datetime | None = None
    #: since when it is open, and since when the job has tried
    circuit_opened_at: datetime | None = None
    started_at: datetime | None = None
    #: since when this same error has been holding the job up; None: it is the first of its kind
    same_error_since: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """What to do, and when where that matters."""

    action: Action
    at: datetime


def decide(error: PublishError, situation: Situation, now: datetime) -> Decision:
    """Return what to do about an error.

    What is not the post's own fault uses no attempt: a rate limit, an outage of the platform, a
    missing key, a client id that the platform refuses.
    """
    held_until = _held_until(error, situation, now)
    if held_until is not None:
        return Decision(Action.HOLD_BACK, held_until)
    if isinstance(error, UploadGone) and situation.reopened < REOPEN_MAX:
        return Decision(Action.REOPEN, now)
    if isinstance(error, (*_UNSURE, Unfinished, UploadGone)):
        is_proved = error.upload_is_dead or error.is_unpublished
        is_unsure = isinstance(error, _UNSURE) and not is_proved
        if is_unsure and situation.committed_at is not None:
            return _poll_again(error, situation, now)
        if situation.circuit_until is not None and not _is_out_too_long(situation, now):
            return Decision(Action.HOLD_BACK, max(situation.circuit_until, now + HOLD_BACK_MIN))
        if situation.attempt < situation.backoff.attempts:
            at = now + situation.backoff.after(situation.attempt)
            return Decision(Action.TRY_AGAIN, _no_sooner(at, error, now))
    return Decision(Action.FAIL, now)


def growing_pause(waited: timedelta, first: timedelta) -> timedelta:
    """Return the pause of what has been held up for `waited`: as long again, within bounds."""
    return min(max(waited, first), GROWING_PAUSE_MAX)


def is_service_refused(error: PublishError) -> bool:
    """Tell whether the platform refuses this service's client: no post or account is at fault."""
    return isinstance(error, RequestRefused) and error.application_wide


def _held_until(error: PublishError, situation: Situation, now: datetime) -> datetime | None:
    """Return until when an error that is not the job's fault holds it back; None: it does not."""
    if isinstance(error, RateLimited):
        return max(error.retry_at, now + HOLD_BACK_MIN)
    waited = now - (situation.same_error_since or now)
    if waited > OUTAGE_LIMIT:
        return None
    if isinstance(error, KeyMissing):
        return now + growing_pause(waited, KEY_MISSING_PAUSE)
    return now + SERVICE_REFUSED_PAUSE if is_service_refused(error) else None


def _is_out_too_long(situation: Situation, now: datetime) -> bool:
    """Tell whether the job has waited a day of this outage, counted from its own start."""
    since = (situation.circuit_opened_at, situation.started_at)
    return now - max((one for one in since if one is not None), default=now) > OUTAGE_LIMIT


def _no_sooner(at: datetime, error: PublishError, now: datetime) -> datetime:
    """Return `at`, or the later time that the platform asked for."""
    asked = at if error.not_before is None else error.not_before
    return max(at, min(asked, now + RETRY_AFTER_MAX))


def _poll_again(error: PublishError, situation: Situation, now: datetime) -> Decision:
    """Poll again after a pause in proportion to how long there has been no response."""
    missing = now - (situation.unanswered_since or now)
    if missing > POLL_AGAIN_LIMIT:
        return Decision(Action.GIVE_UP_UNKNOWN, now)
    seconds = missing.total_seconds() * POLL_AGAIN_SHARE
    pause = min(max(seconds, POLL_AGAIN_MIN_SECONDS), POLL_AGAIN_MAX_SECONDS)
    at = _no_sooner(now + timedelta(seconds=pause), error, now)
    return Decision(Action.POLL_AGAIN, max(at, situation.circuit_until or at))
