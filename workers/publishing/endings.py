"""How the end of a run is recorded: a result, a stop, an error, a bug, or the database's absence.

`workers.publishing.retry` decides what follows an error.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from app.causes import why
from app.clock import utcnow
from app.database.engine import is_database_away
from app.failures import Category, Failure
from app.limits.circuits import Circuit
from app.limits.gates import Closing
from app.publishing import outcomes
from app.publishing.claims import Claim
from app.publishing.leased import Proof, forget_upload, read_current
from app.renditions.outcomes import wake_waiting
from app.run_stops import CancelRequested, RunStopped, Superseded
from app.states import Step, step_progress
from workers.errors import Ambiguous, KeyMissing, PublishError, Unfinished, UploadGone
from workers.platforms.results import Processing, Published
from workers.publishing.budget import RunBudget
from workers.publishing.failures import internal, outcome_unknown
from workers.publishing.kept_runs import keep_completed, keep_failed
from workers.publishing.known_posts import known_post
from workers.publishing.optimize_step import Transcoding
from workers.publishing.platform_state import closing_of
from workers.publishing.retry import (
    DATABASE_PAUSE,
    OUTAGE_LIMIT,
    Action,
    Backoff,
    Decision,
    Situation,
    decide,
    growing_pause,
    is_service_refused,
)
from workers.publishing.steps import Result, Uploaded, UploadNeeded
from workers.stopping import Stopping

logger = logging.getLogger(__name__)
#: How soon a live post whose id or link is still missing is checked again.
FOLLOW_UP_FIRST = timedelta(seconds=60)
#: A job that waits for a transcode is woken at its end, and also checks at this interval.
TRANSCODING_PAUSE = timedelta(seconds=30)
DATABASE_AWAY = Failure(
    "database_away",
    Category.INTERNAL,
    "the service's database could not be used",
    "Nothing needs to be done: the post goes on by itself",
)


def record_result(claim: Claim, result: Result, budget: RunBudget) -> None:
    """Record what a run has achieved: the post is live, or waits for a poll or a conversion."""
    now = utcnow()
    if isinstance(result, Transcoding):
        progress = step_progress(Step.OPTIMIZE, result.percent / 100)
        outcomes.wait_for_rendition(claim, now + TRANSCODING_PAUSE, now, progress=progress)
        wake_waiting(result.rendition_id, utcnow())  # it may have ended just before
        return
    if isinstance(result, Processing):
        due_at = now + timedelta(seconds=budget.stretch(result.next_poll_seconds))
        progress = step_progress(Step.PROCESS, (result.percent or 0) / 100)
        sent_bytes = result.sent_bytes if isinstance(result, Uploaded) else None
        outcomes.poll_again(claim, due_at, now, progress=progress, sent_bytes=sent_bytes)
        return
    _complete(claim, result, now)


def _complete(claim: Claim, post: Published, now: datetime) -> None:
    outcomes.complete(
        claim,
        now,
        platform_post_id=post.post_id,
        url=post.url,
        warnings=post.warnings,
        follow_up_at=now + FOLLOW_UP_FIRST if post.follow_up else None,
    )
    logger.info("published")
    keep_completed(claim, {"platformPostId": post.post_id or "", "url": post.url or ""})


def record_stop(claim: Claim, stopped: RunStopped) -> None:
    """Record that a run was stopped without an error: the job is handed back, or cancelled."""
    try:
        if isinstance(stopped, (Stopping, UploadNeeded)):
            has_bytes = not isinstance(stopped, UploadNeeded)
            outcomes.hand_back(claim, utcnow(), has_bytes=has_bytes)
        elif isinstance(stopped, CancelRequested):
            outcomes.cancel(claim, utcnow())
        else:
            logger.warning("run superseded")
    except (CancelRequested, Superseded) as since:
        # It was cancelled or superseded during the hand-back.
        record_stop(claim, since)


def record_error(claim: Claim, error: PublishError, circuit: Circuit) -> None:
    """Apply what `retry` decides; with the lease lost, the new holder decides instead."""
    now = utcnow()
    if isinstance(error, KeyMissing):
        # Only the operator can help, and a job that waits raises no other alert.
        logger.error("TOKEN_ENCRYPTION_KEYS lacks a key that is in use: %s", error.code)
    if is_service_refused(error):
        logger.error("%s refuses this service's own client: %s", claim.platform, error.code)
    logger.info("attempt ended by an error", extra={"code": error.code})
    try:
        _apply_decision(claim, error, decide(error, _situation(claim, error, circuit), now), now)
    except RunStopped as stopped:
        record_stop(claim, stopped)


def _apply_decision(claim: Claim, error: PublishError, decision: Decision, now: datetime) -> None:
    failure = error.as_failure()
    proof = _proof_of(error)
    closing = closing_of(claim, error, decision.at)
    if decision.action is Action.TRY_AGAIN:
        outcomes.try_again(claim, failure, decision.at, now, proof=proof)
    elif decision.action is Action.HOLD_BACK:
        outcomes.hold_back(claim, failure, decision.at, now, closing=closing, proof=proof)
    elif decision.action is Action.POLL_AGAIN:
        outcomes.poll_unanswered(claim, failure, decision.at, now)
    elif decision.action is Action.REOPEN:
        forget_upload(claim)
        outcomes.hand_back(claim, now)
    elif not _is_settled(error) and (post := known_post(claim, failure)) is not None:
        _complete(claim, post, now)
    elif decision.action is Action.GIVE_UP_UNKNOWN:
        fail(claim, outcome_unknown(failure))
    else:
        fail(claim, failure, closing=closing, proof=proof)


def _is_settled(error: PublishError) -> bool:
    """Tell whether a read has shown that the upload is not live, or that no read can tell."""
    return error.upload_is_dead or isinstance(error, Ambiguous)


def _proof_of(error: PublishError) -> Proof:
    if error.upload_is_dead or isinstance(error, UploadGone):
        return Proof.DEAD
    return Proof.UNFINISHED if isinstance(error, Unfinished) else Proof.NOTHING


def _situation(claim: Claim, error: PublishError, circuit: Circuit) -> Situation:
    current = read_current(claim)
    return Situation(
        attempt=claim.attempt,
        backoff=Backoff(claim.backoff_type, claim.backoff_delay_ms, claim.max_attempts),
        reopened=current.reopened,
        committed_at=current.committed_at,
        unanswered_since=current.unanswered_since,
        circuit_until=circuit.open_until,
        circuit_opened_at=circuit.opened_at,
        started_at=current.started_at,
        same_error_since=current.error_since if current.error_code == error.code else None,
    )


def give_up(claim: Claim, failure: Failure, cause: Exception | None = None) -> None:
    """End the job by a failure that is not the platform's: as published if its post is known.

    `cause` is what interrupted the run, perhaps while it recorded what a read had shown.
    """
    if _interrupts_settled(cause) or not _is_completed_as_known(claim, failure):
        fail(claim, failure)


def _interrupts_settled(cause: BaseException | None) -> bool:
    """Tell whether an exception was raised while an error was handled that settles the outcome."""
    while cause is not None:
        if isinstance(cause, PublishError) and _is_settled(cause):
            return True
        cause = cause.__context__
    return False


def _is_completed_as_known(claim: Claim, failure: Failure) -> bool:
    """End the job as published if its post is known; tell whether it is."""
    try:
        post = known_post(claim, failure)
        if post is not None:
            _complete(claim, post, utcnow())
        return post is not None
    except RunStopped:
        raise
    except Exception as bug:
        if is_database_away(bug):
            raise
        # Perhaps the same bug that ends the job, which must end all the same.
        logger.exception("bug while completing a known post")
        return False


def fail(
    claim: Claim,
    failure: Failure,
    *,
    closing: Closing | None = None,
    proof: Proof = Proof.NOTHING,
) -> None:
    """End the job as failed, and keep an entry of it in RQ's failed registry."""
    outcomes.fail(claim, failure, utcnow(), closing=closing, proof=proof)
    keep_failed(claim, f"{failure.code}: {failure.message}")


def fail_internal(claim: Claim, bug: Exception) -> None:
    """End the job by a bug of this service, which is logged."""
    logger.exception("bug in a run")
    try:
        give_up(claim, internal(bug), bug)
    except Superseded:
        logger.warning("run superseded")


def hand_back_later(claim: Claim, error: Exception) -> None:
    """Hand the job back once the database responds; if it never does, the lease expires.

    It waits as long again as it has waited, and fails after a day: the database may refuse this
    job alone.
    """
    if not is_database_away(error):
        return
    try:
        now, current = utcnow(), read_current(claim)
        is_same = current.error_code == DATABASE_AWAY.code
        waited = now - ((is_same and current.error_since) or now)
        if waited > OUTAGE_LIMIT:
            give_up(claim, replace(DATABASE_AWAY, hint="Retry it, or ask for help"), error)
            return
        due_at = now + growing_pause(waited, DATABASE_PAUSE)
        outcomes.hand_back(claim, now, due_at=due_at, failure=DATABASE_AWAY)
    except RunStopped as stopped:
        record_stop(claim, stopped)
    except Exception as exc:
        if not is_database_away(exc):
            raise
        logger.warning("not handed back: %s", why(exc))
