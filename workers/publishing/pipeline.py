"""What a run does for a post: claim the due row, run its next steps, record how that ended.

RQ's runs call `advance`. A worker that sent a post's bytes calls `poll` itself while the platform
processes them. What handlers and steps raise and do not handle themselves is caught here, and
recorded by `workers.publishing.endings`.
"""

from __future__ import annotations

from app import logs
from app.clock import utcnow
from app.database.engine import is_database_away
from app.extensions import running_app
from app.publishing.claims import Claim, claim_next, claim_poll, end_lease
from app.publishing.early import wake_again_if_early
from app.queues import parent_process
from app.run_stops import RunStopped
from workers import transport
from workers.errors import PublishError
from workers.handlers import load_handler
from workers.publishing.budget import RunBudget
from workers.publishing.endings import (
    fail_internal,
    give_up,
    hand_back_later,
    record_error,
    record_result,
    record_stop,
)
from workers.publishing.failures import job_lost_workers
from workers.publishing.lease import JobLease
from workers.publishing.platform_state import end_probe, record_call
from workers.publishing.steps import run_steps
from workers.stopping import stop_requested

#: An attempt that loses more workers than this is taken to be killing them.
LOST_RUNS_MAX = 5


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
            give_up(claim, job_lost_workers(LOST_RUNS_MAX + 1))
            end_probe(claim)
            return
        try:
            _run_and_record(claim)
        except Exception as bug:
            if is_database_away(bug):
                hand_back_later(claim, bug)
                raise
            fail_internal(claim, bug)
            end_probe(claim)
            raise


def _run_and_record(claim: Claim) -> None:
    budget = RunBudget(claim.platform, claim.account_id)
    with transport.observe() as observation:
        try:
            with JobLease(running_app(), claim) as lease:
                result = run_steps(claim, load_handler(claim.platform), lease, budget)
            record_call(claim, budget, observation.last)
            record_result(claim, result, budget)
        except RunStopped as stopped:
            record_stop(claim, stopped)
            record_call(claim, budget, observation.last)
        except PublishError as error:
            record_error(claim, error, record_call(claim, budget, observation.last))
        finally:
            budget.settle()
