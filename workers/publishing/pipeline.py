"""What a run does for a post: claim the due row, run its next steps, record the result.

RQ's runs call `advance`. A worker that sent a post's bytes calls `poll` itself while the platform
processes them. Handlers and steps raise; only this module catches, has `workers.publishing.retry`
decide, and records.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from app import logs
from app.clock import utcnow
from app.database.engine import is_database_away
from app.extensions import running_app
from app.failures import Failure
from app.limits.circuits import Circuit
from app.limits.gates import Closing
from app.publishing import outcomes
from app.publishing.claims import Claim, claim_next, claim_poll, end_lease
from app.publishing.early import wake_again_if_early
from app.publishing.holding import Proof, forget_upload, standing
from app.queues import parent_process
from app.renditions.outcomes import wake_waiting
from app.runs import CancelRequested, RunStopped, Superseded
from app.states import Step, step_progress
from workers import transport
from workers.errors import KeyMissing, PublishError, Unfinished, UploadGone
from workers.handlers import load_handler
from workers.platforms.results import Processing, Published
from workers.publishing.budget import RunBudget
from workers.publishing.failures import failure_of, internal, outcome_unknown, workers_lost
from workers.publishing.kept_runs import keep_completed, keep_failed
from workers.publishing.known_posts import known_post
from workers.publishing.lease import JobLease
from workers.publishing.optimize_step import Transcoding
from workers.publishing.platform_state import closing_of, end_probe, record_call
from workers.publishing.retry import (
    Action,
    Backoff,
    Decision,
    Situation,
    decide,
    is_service_refused,
)
from workers.publishing.steps import Result, Uploaded, UploadNeeded, publish_once
from workers.stopping import Stopping, stop_requested

logger = logging.getLogger(__name__)
#: An attempt that loses more workers than this is taken to be killing them.
LOST_RUNS_MAX = 5
#: How soon a live post whose id or link is still missing is checked again.
FOLLOW_UP_FIRST = timedelta(seconds=60)
#: A job that waits for a transcode is woken at its end, and also checks at this interval.
TRANSCODING_PAUSE = timedelta(seconds=30)


def advance(platform: str, due_job_id: str) -> None:
    """Claim and execute the due job of a platform that should go first.

    `due_job_id` is the job that the wake-up was for; another of the same platform may go first,
    and that one's wake-up then finds this job. Safe to call twice, late, or with nothing to do.
    """
    if stop_requested.is_set():
        return  # the row stays due: the sweeper or another worker queues a run for it
    claim = claim_next(platform, utcnow())
    if claim is None:
        wake_again_if_early(due_job_id, utcnow())
        return
    _execute(claim)


def poll(platform: str, job_id: str) -> None:
    """Poll the platform once for a job's upload, if the job is due for it."""
    if stop_requested.is_set():
        return
    claim = claim_poll(job_id, utcnow())
    if claim is None:
        wake_again_if_early(job_id, utcnow())
        return
    _execute(claim)


def release_lost(job_id: str, run_number: int) -> None:
    """End the lease of a job whose worker has died, so that another goes on at once."""
    end_lease(job_id, run_number, utcnow())


def _execute(claim: Claim) -> None:
    """Execute a claimed job, with its ids on every log line; a bug fails the job."""
    parent = parent_process()
    with logs.about(jobId=claim.job_id, userId=claim.user_id, platform=claim.platform):
        if parent is not None:
            parent.report_claim(claim.job_id, claim.run)
        if claim.lost_runs > LOST_RUNS_MAX:
            _fail(claim, workers_lost(LOST_RUNS_MAX + 1))
            end_probe(claim)
            return
        try:
            _run_steps(claim)
        except Exception as bug:
            if is_database_away(bug):
                raise  # nothing can be recorded: the lease expires, and the row is due again
            _fail_internal(claim, bug)
            end_probe(claim)
            raise


def _run_steps(claim: Claim) -> None:
    budget = RunBudget(claim.platform, claim.account_id)
    with transport.observe() as observation:
        try:
            with JobLease(running_app(), claim) as lease:
                result = publish_once(claim, load_handler(claim.platform), lease, budget)
            record_call(claim, budget, observation.last)
            _record_result(claim, result, budget)
        except RunStopped as stopped:
            _record_stop(claim, stopped)
            record_call(claim, budget, observation.last)
        except PublishError as error:
            _record_error(claim, error, record_call(claim, budget, observation.last))
        finally:
            budget.settle()


def _record_result(claim: Claim, result: Result, budget: RunBudget) -> None:
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


def _record_stop(claim: Claim, stopped: RunStopped) -> None:
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
        _record_stop(claim, since)


def _record_error(claim: Claim, error: PublishError, circuit: Circuit) -> None:
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
        _record_stop(claim, stopped)


def _apply_decision(claim: Claim, error: PublishError, decision: Decision, now: datetime) -> None:
    failure = failure_of(error)
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
    elif (post := known_post(claim, error)) is not None:
        _complete(claim, post, now)
    elif decision.action is Action.GIVE_UP_UNKNOWN:
        _fail(claim, outcome_unknown(failure))
    else:
        _fail(claim, failure, closing=closing, proof=proof)


def _proof_of(error: PublishError) -> Proof:
    if error.upload_is_dead or isinstance(error, UploadGone):
        return Proof.DEAD
    return Proof.UNFINISHED if isinstance(error, Unfinished) else Proof.NOTHING


def _situation(claim: Claim, error: PublishError, circuit: Circuit) -> Situation:
    current = standing(claim)
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
