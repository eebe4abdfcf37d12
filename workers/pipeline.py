"""The one RQ function for posts: take the row that is due, do what comes next, write it down.

Handlers and steps raise; only this module catches, decides (`workers.retry`) and records.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app.clock import utcnow
from app.publishing import outcomes
from app.publishing.claims import Claim, claim_next
from app.publishing.early import wake_again_if_early
from app.publishing.errors import CancelRequested, RunStopped, Superseded
from app.publishing.holding import forget_upload
from app.publishing.timeline import Failure
from app.renditions.outcomes import wake_waiting
from app.states import Step, step_progress
from workers.errors import PublishError
from workers.failures import (
    checkpoint_unreadable,
    failure_of,
    internal,
    outcome_unknown,
    workers_lost,
)
from workers.fitting import Converting
from workers.handlers import load_handler
from workers.lease import LeaseKeeper, Stopping, stop_requested
from workers.platforms.base import Processing, Published
from workers.retention import keep_run
from workers.retry import Action, Backoff, Decision, Situation, decide
from workers.steps import publish_once

logger = logging.getLogger(__name__)
#: Workers that may be lost on one attempt: after that the job itself is what kills them.
LOST_RUNS_MAX = 5
#: A live post whose id or link is still missing is looked at again this soon.
FOLLOW_UP_FIRST = timedelta(seconds=60)

#: A job that waits for a conversion is woken at its end; it looks by itself only this often.
CONVERTING_PAUSE = timedelta(seconds=30)


class JobFailed(Exception):
    """Raised at the end of a run whose job failed, so that RQ lists it among the failed."""


def advance(platform: str, due_job_id: str) -> dict[str, str] | None:
    """Work on the due row of a platform that should go first; a run's only function.

    `due_job_id` is the row whose time had come; another of the same platform may go first, and
    its own wake-up then finds this one. Safe to call twice, late, or with nothing to do. Return
    what became of the job, for RQ's result, when this run ended it. Raises `JobFailed`.
    """
    if stop_requested.is_set():
        return None  # the row is due, so the sweeper or another worker wakes for it again
    claim = claim_next(platform, utcnow())
    if claim is None:
        wake_again_if_early(due_job_id, utcnow())
        return None
    hopeless = _hopeless(claim)
    if hopeless is not None:
        return _fail(claim, hopeless)
    try:
        return _work(claim)
    except JobFailed:
        raise
    except Exception as bug:
        if isinstance(bug, SQLAlchemyError) and not isinstance(bug, (DataError, IntegrityError)):
            # With the database away nothing can be written: the lease ends, the row is due again.
            raise
        _fail_internal(claim, bug)
        raise


def _work(claim: Claim) -> dict[str, str] | None:
    try:
        with LeaseKeeper(_app(), claim) as keeper:
            result = publish_once(claim, load_handler(claim.platform), keeper)
        return _settle(claim, result)
    except RunStopped as stopped:
        _stop(claim, stopped)
    except PublishError as error:
        return _settle_error(claim, error)
    return None


def _settle(claim: Claim, result: Published | Processing | Converting) -> dict[str, str] | None:
    if isinstance(result, Converting):
        progress = step_progress(Step.OPTIMIZE, result.percent / 100)
        outcomes.ask_again(claim, utcnow() + CONVERTING_PAUSE, progress=progress)
        wake_waiting(result.rendition_id, utcnow())  # it may have been done just before
        return None
    if isinstance(result, Processing):
        due_at = utcnow() + timedelta(seconds=result.again_seconds)
        progress = step_progress(Step.PROCESS, (result.percent or 0) / 100)
        outcomes.ask_again(claim, due_at, progress=progress)
        return None
    now = utcnow()
    outcomes.complete(
        claim,
        now,
        platform_post_id=result.post_id,
        url=result.url,
        warnings=result.warnings,
        follow_up_at=now + FOLLOW_UP_FIRST if result.follow_up else None,
    )
    logger.info("published", extra={"jobId": claim.job_id, "platform": claim.platform})
    keep_run(claim.remove_on_complete, is_failure=False)
    return {"jobId": claim.job_id, "state": "completed", "platformPostId": result.post_id or ""}


def _stop(claim: Claim, stopped: RunStopped) -> None:
    try:
        if isinstance(stopped, Stopping):
            outcomes.hand_back(claim, utcnow())
        elif isinstance(stopped, CancelRequested):
            outcomes.cancelled(claim, utcnow())
        else:
            logger.warning("run superseded", extra={"jobId": claim.job_id})
    except (CancelRequested, Superseded) as since:
        # Asked for, or taken over, while it was being let go.
        _stop(claim, since)


def _settle_error(claim: Claim, error: PublishError) -> dict[str, str] | None:
    """Do what `workers.retry` decides. A lease lost meanwhile leaves all to the new holder."""
    now = utcnow()
    logger.info(
        "attempt error",
        extra={"jobId": claim.job_id, "platform": claim.platform, "code": error.code},
    )
    try:
        return _act(claim, error, decide(error, _situation(claim), now), now)
    except RunStopped as stopped:
        _stop(claim, stopped)
    return None


def _act(
    claim: Claim, error: PublishError, decision: Decision, now: datetime
) -> dict[str, str] | None:
    failure = failure_of(error)
    if decision.action is Action.TRY_AGAIN:
        outcomes.try_again(claim, failure, decision.at, now)
    elif decision.action is Action.HOLD_BACK:
        outcomes.hold_back(claim, failure, decision.at, now)
    elif decision.action is Action.READ_AGAIN:
        outcomes.read_again(claim, failure, decision.at, now)
    elif decision.action is Action.REOPEN:
        forget_upload(claim)
        outcomes.hand_back(claim, now)
    elif decision.action is Action.GIVE_UP_UNKNOWN:
        return _fail(claim, outcome_unknown(failure))
    else:
        return _fail(claim, failure, upload_is_dead=error.upload_is_dead)
    return None


def _situation(claim: Claim) -> Situation:
    standing = outcomes.standing(claim)
    return Situation(
        attempt=claim.attempt,
        backoff=Backoff(claim.backoff_type, claim.backoff_delay_ms, claim.max_attempts),
        reopened=standing.reopened,
        committed_at=standing.committed_at,
        unanswered_since=standing.unanswered_since,
    )


def _fail(claim: Claim, failure: Failure, *, upload_is_dead: bool = False) -> dict[str, str] | None:
    outcomes.fail(claim, failure, utcnow(), upload_is_dead=upload_is_dead)
    if keep_run(claim.remove_on_fail, is_failure=True):
        # RQ keeps and logs the whole chain of errors, and those of HTTP libraries name URLs.
        raise JobFailed(f"{claim.job_id}: {failure.code}: {failure.message}") from None
    return None


def _fail_internal(claim: Claim, bug: Exception) -> None:
    logger.exception("bug in a run", extra={"jobId": claim.job_id})
    try:
        outcomes.fail(claim, internal(bug), utcnow())
    except Superseded:
        logger.warning("run superseded", extra={"jobId": claim.job_id})


def _hopeless(claim: Claim) -> Failure | None:
    """Return why a job must not be worked on at all, if that is so."""
    if claim.lost_runs > LOST_RUNS_MAX:
        return workers_lost(LOST_RUNS_MAX + 1)
    return None if claim.is_readable else checkpoint_unreadable()


def _app() -> Flask:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, Flask)
    return app
