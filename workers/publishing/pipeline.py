"""What runs do for posts: take the row that is due, do what comes next, write it down.

`advance` is the function of RQ's runs. `poll` is the look at a job that the platform processes,
which the worker that sent the bytes calls by itself. Handlers and steps raise; only this module
catches, decides (`workers.publishing.retry`) and records.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from flask import Flask, current_app
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app import logs
from app.clock import utcnow
from app.failures import Failure
from app.limits.circuits import Circuit
from app.limits.gates import Closing
from app.publishing import outcomes
from app.publishing.claims import Claim, claim_next, claim_polled, end_lease
from app.publishing.early import wake_again_if_early
from app.publishing.holding import Proof, forget_upload, standing
from app.renditions.outcomes import wake_waiting
from app.runs import CancelRequested, RunStopped, Superseded
from app.states import Step, step_progress
from workers import transport
from workers.errors import KeyMissing, PublishError, Unfinished, UploadGone
from workers.handlers import load_handler
from workers.platforms.results import Processing
from workers.publishing.budget import RunBudget
from workers.publishing.failures import failure_of, internal, outcome_unknown, workers_lost
from workers.publishing.kept_runs import keep_completed, keep_failed
from workers.publishing.lease import LeaseKeeper
from workers.publishing.optimize_step import Converting
from workers.publishing.platform_state import closing_of, end_probe, take_in
from workers.publishing.retry import (
    Action,
    Backoff,
    Decision,
    Situation,
    decide,
    is_service_refused,
)
from workers.publishing.steps import Result, UploadNeeded, publish_once
from workers.stopping import Stopping, stop_requested

logger = logging.getLogger(__name__)
#: Workers that may be lost on one attempt: after that the job itself is what kills them.
LOST_RUNS_MAX = 5
#: A live post whose id or link is still missing is looked at again this soon.
FOLLOW_UP_FIRST = timedelta(seconds=60)

#: A job that waits for a conversion is woken at its end; it looks by itself only this often.
CONVERTING_PAUSE = timedelta(seconds=30)


def advance(platform: str, due_job_id: str) -> None:
    """Work on the due row of a platform that should go first.

    `due_job_id` is the row whose time had come; another of the same platform may go first, and
    its own wake-up then finds this one. Safe to call twice, late, or with nothing to do.
    """
    if stop_requested.is_set():
        return  # the row is due, so the sweeper or another worker wakes for it again
    claim = claim_next(platform, utcnow())
    if claim is None:
        wake_again_if_early(due_job_id, utcnow())
        return
    _work_on(claim)


def poll(platform: str, job_id: str) -> None:
    """Ask the platform once how a job's upload is doing, where the time has come for it."""
    if stop_requested.is_set():
        return
    claim = claim_polled(job_id, utcnow())
    if claim is None:
        wake_again_if_early(job_id, utcnow())
        return
    _work_on(claim)


def release_lost(job_id: str, run_number: int) -> None:
    """Let a job go on at once whose worker has died: its lease need not end by itself."""
    end_lease(job_id, run_number, utcnow())


def _work_on(claim: Claim) -> None:
    with logs.about(jobId=claim.job_id, userId=claim.user_id, platform=claim.platform):
        _carry_out(claim)


def _carry_out(claim: Claim) -> None:
    _tell_parent(claim)
    if claim.lost_runs > LOST_RUNS_MAX:
        _fail(claim, workers_lost(LOST_RUNS_MAX + 1))
        end_probe(claim)
        return
    try:
        _work(claim)
    except Exception as bug:
        if isinstance(bug, SQLAlchemyError) and not isinstance(bug, (DataError, IntegrityError)):
            # With the database away nothing can be written: the lease ends, the row is due again.
            raise
        _fail_internal(claim, bug)
        end_probe(claim)
        raise


def _tell_parent(claim: Claim) -> None:
    """Let the worker's parent know what this child holds, in case it dies."""
    parent = current_app.extensions.get("short_waits")
    if parent is not None:
        parent.hold(claim.job_id, claim.run)


def _work(claim: Claim) -> None:
    budget = RunBudget(claim.platform, claim.account_id)
    transport.listen()
    try:
        with LeaseKeeper(_app(), claim) as keeper:
            result = publish_once(claim, load_handler(claim.platform), keeper, budget)
        take_in(claim, budget)
        _settle(claim, result, budget)
    except RunStopped as stopped:
        _stop(claim, stopped)
        take_in(claim, budget)
    except PublishError as error:
        _settle_error(claim, error, take_in(claim, budget))
    finally:
        budget.settle()


def _settle(claim: Claim, result: Result, budget: RunBudget) -> None:
    now = utcnow()
    if isinstance(result, Converting):
        progress = step_progress(Step.OPTIMIZE, result.percent / 100)
        outcomes.wait_for_file(claim, now + CONVERTING_PAUSE, now, progress=progress)
        wake_waiting(result.rendition_id, utcnow())  # it may have been done just before
        return
    if isinstance(result, Processing):
        due_at = now + timedelta(seconds=budget.stretch(result.next_poll_seconds))
        progress = step_progress(Step.PROCESS, (result.percent or 0) / 100)
        outcomes.ask_again(claim, due_at, now, progress=progress)
        return
    outcomes.complete(
        claim,
        now,
        platform_post_id=result.post_id,
        url=result.url,
        warnings=result.warnings,
        follow_up_at=now + FOLLOW_UP_FIRST if result.follow_up else None,
    )
    logger.info("published")
    keep_completed(claim, {"platformPostId": result.post_id or "", "url": result.url or ""})


def _stop(claim: Claim, stopped: RunStopped) -> None:
    try:
        if isinstance(stopped, (Stopping, UploadNeeded)):
            has_bytes = not isinstance(stopped, UploadNeeded)
            outcomes.hand_back(claim, utcnow(), has_bytes=has_bytes)
        elif isinstance(stopped, CancelRequested):
            outcomes.cancelled(claim, utcnow())
        else:
            logger.warning("run superseded")
    except (CancelRequested, Superseded) as since:
        # Asked for, or taken over, while it was being let go.
        _stop(claim, since)


def _settle_error(claim: Claim, error: PublishError, circuit: Circuit) -> None:
    """Do what `retry` decides. A lease lost meanwhile leaves all to the new holder."""
    now = utcnow()
    if isinstance(error, KeyMissing):
        # Nobody but the operator can help, and of a job that waits no alert would tell.
        logger.error("TOKEN_ENCRYPTION_KEYS lacks a key that is in use: %s", error.code)
    if is_service_refused(error):
        logger.error("%s refuses this service's own client: %s", claim.platform, error.code)
    logger.info("attempt ended by an error", extra={"code": error.code})
    try:
        _act(claim, error, decide(error, _situation(claim, circuit), now), now)
    except RunStopped as stopped:
        _stop(claim, stopped)


def _act(claim: Claim, error: PublishError, decision: Decision, now: datetime) -> None:
    failure = failure_of(error)
    proof = _proof_of(error)
    closing = closing_of(claim, error, decision.at)
    if decision.action is Action.TRY_AGAIN:
        outcomes.try_again(claim, failure, decision.at, now, proof=proof)
    elif decision.action is Action.HOLD_BACK:
        outcomes.hold_back(claim, failure, decision.at, now, closing=closing, proof=proof)
    elif decision.action is Action.READ_AGAIN:
        outcomes.read_again(claim, failure, decision.at, now)
    elif decision.action is Action.REOPEN:
        forget_upload(claim)
        outcomes.hand_back(claim, now)
    elif decision.action is Action.GIVE_UP_UNKNOWN:
        _fail(claim, outcome_unknown(failure))
    else:
        _fail(claim, failure, closing=closing, proof=proof)


def _proof_of(error: PublishError) -> Proof:
    if error.upload_is_dead or isinstance(error, UploadGone):
        return Proof.DEAD
    return Proof.UNFINISHED if isinstance(error, Unfinished) else Proof.NOTHING


def _situation(claim: Claim, circuit: Circuit) -> Situation:
    stands = standing(claim)
    return Situation(
        attempt=claim.attempt,
        backoff=Backoff(claim.backoff_type, claim.backoff_delay_ms, claim.max_attempts),
        reopened=stands.reopened,
        committed_at=stands.committed_at,
        unanswered_since=stands.unanswered_since,
        circuit_until=circuit.open_until,
        circuit_opened_at=circuit.opened_at,
        started_at=stands.started_at,
    )


def _fail(
    claim: Claim,
    failure: Failure,
    *,
    closing: Closing | None = None,
    proof: Proof = Proof.NOTHING,
) -> None:
    outcomes.fail(claim, failure, utcnow(), closing=closing, proof=proof)
    keep_failed(claim, f"{failure.code}: {failure.message}")


def _fail_internal(claim: Claim, bug: Exception) -> None:
    logger.exception("bug in a run")
    try:
        outcomes.fail(claim, internal(bug), utcnow())
    except Superseded:
        logger.warning("run superseded")


def _app() -> Flask:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(app, Flask)
    return app
