"""What a run learned about its platform and account, recorded for their other jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.clock import utcnow
from app.database.retrying import retry_while_away
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import circuits, gates
from app.limits.circuits import Circuit, Evidence
from app.limits.gates import Closing
from app.platforms import PLATFORMS
from app.publishing.claims import Claim
from app.publishing.recovering import release_after_outage, release_probe
from workers.errors import AccountRefused, PublishError, RateLimited
from workers.publishing.budget import RunBudget, slow_down_seconds
from workers.publishing.retry import is_service_refused
from workers.transport import CallOutcome


@retry_while_away
def record_call(claim: Claim, budget: RunBudget, last: CallOutcome | None) -> Circuit:
    """Record the usage, the limits that the platform reported, and how its last call went.

    Return the platform's circuit after that; a closed one for a run that sent no request (None),
    which is no evidence. Where the response to the commit is lost, it is recorded twice, and some
    calls count double.
    """
    now = utcnow()
    if last is None:
        end_probe(claim)
        return Circuit()
    evidence = Evidence(last.succeeded, last.timed_out)
    with budget.settling() as session:
        circuit = circuits.record_evidence(session, claim.platform, claim.job_id, evidence, now)
        if budget.posts_max is not None:
            gates.learn_posts_max(session, claim.account_id, budget.posts_max)
        for closing, percent in _slow_downs(claim, budget, now):
            gates.close(session, closing, _nearly_used_up(claim.platform, percent))
    if circuit.has_recovered:
        release_after_outage(claim.platform, now)
    return circuit


def end_probe(claim: Claim) -> None:
    """Give up the circuit's probe if this run was the probe and got no response."""
    if not claim.is_probe:
        return
    now = utcnow()
    with transaction() as session:
        was_probe = circuits.give_up_probe(session, claim.platform, claim.job_id, now)
    if was_probe:
        release_probe(claim.platform, now)


def closing_of(claim: Claim, error: PublishError, until: datetime) -> Closing | None:
    """Return the gate that an error closes, of the account or of the whole platform; None: none.

    `until` is when this post may go on. An account that may not post is closed for the error's
    `pause_seconds` beyond that; a refusal of this service's client closes the whole platform.

    A limit on calls also closes reads. An application-wide daily quota closes reads only if a read
    hit it.
    """
    if isinstance(error, AccountRefused) and error.pause_seconds:
        return Closing(claim.account_id, until + timedelta(seconds=error.pause_seconds))
    if is_service_refused(error):
        return Closing(claim.platform, until)
    if not isinstance(error, RateLimited):
        return None
    key = claim.platform if error.application_wide else claim.account_id
    read_hit_quota = error.application_wide and claim.is_at_platform
    return Closing(key, until, reads=error.blocks_reads or read_hit_quota)


def _slow_downs(claim: Claim, budget: RunBudget, now: datetime) -> list[tuple[Closing, float]]:
    reported = (
        (claim.account_id, budget.account_percent),
        (claim.platform, budget.application_percent),
    )
    return [
        (Closing(key, now + timedelta(seconds=slow_down_seconds(percent))), percent)
        for key, percent in reported
        if slow_down_seconds(percent)
    ]


def _nearly_used_up(platform: str, percent: float) -> Failure:
    name = PLATFORMS[platform].name
    return Failure(
        "calls_nearly_used_up",
        Category.RATE_LIMIT,
        f"{name} says that {percent:.0f} % of the calls are used, so posts are spread out",
        gates.GOES_OUT_BY_ITSELF,
    )
