"""What a run has learned of its platform's and account's standing, for all other jobs of theirs."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.clock import utcnow
from app.database.transaction import transaction
from app.failures import Failure
from app.limits import circuits, gates
from app.limits.circuits import Circuit, Evidence
from app.limits.gates import Closing
from app.platforms import PLATFORMS
from app.publishing.claims import Claim
from app.publishing.recovering import release, release_probe
from workers import transport
from workers.errors import AccountRefused, PublishError, RateLimited
from workers.publishing.budget import RunBudget, slow_down_seconds
from workers.publishing.retry import is_service_refused


def take_in(claim: Claim, budget: RunBudget) -> Circuit:
    """Write down what was used, what the platform has said besides its answer, and whether it
    answered at all.

    Return how its circuit is by that. A run that has asked nothing can tell nothing of it.
    """
    now = utcnow()
    heard = transport.heard()
    if heard is None:
        end_probe(claim)
        return Circuit()
    evidence = Evidence(heard.succeeded, heard.timed_out)
    with budget.settling() as session:
        circuit = circuits.note(session, claim.platform, claim.job_id, evidence, now)
        if budget.posts_max is not None:
            gates.learn_posts_max(session, claim.account_id, budget.posts_max)
        for closing, percent in _slow_downs(claim, budget, now):
            gates.close(session, closing, _busy(claim.platform, percent))
    if circuit.has_recovered:
        release(claim.platform, now)
    return circuit


def end_probe(claim: Claim) -> None:
    """Let another post be the circuit's probe where this job is it, and ends without an answer."""
    if not claim.is_probe:
        return
    now = utcnow()
    with transaction() as session:
        was_probe = circuits.give_up_probe(session, claim.platform, claim.job_id, now)
    if was_probe:
        release_probe(claim.platform, now)


def closing_of(claim: Claim, error: PublishError, until: datetime) -> Closing | None:
    """Return what an error closes for others: for the account, or for the application.

    `until` is when what holds this post back is over. A block of the account's posting holds its
    other posts for as long as the error says; a refusal of this service holds the whole platform.

    Questions as well where it is one on calls. A daily quota of the whole application is one of
    two: of questions where a question met it, else of uploads.
    """
    if isinstance(error, AccountRefused) and error.pause_seconds:
        return Closing(claim.account_id, until + timedelta(seconds=error.pause_seconds))
    if is_service_refused(error):
        return Closing(claim.platform, until)
    if not isinstance(error, RateLimited):
        return None
    key = claim.platform if error.application_wide else claim.account_id
    is_quota_of_reads = error.application_wide and claim.is_at_platform
    return Closing(key, until, reads=error.blocks_reads or is_quota_of_reads)


def _slow_downs(claim: Claim, budget: RunBudget, now: datetime) -> list[tuple[Closing, float]]:
    said = (
        (claim.account_id, budget.account_percent),
        (claim.platform, budget.application_percent),
    )
    return [
        (Closing(key, now + timedelta(seconds=slow_down_seconds(percent))), percent)
        for key, percent in said
        if slow_down_seconds(percent)
    ]


def _busy(platform: str, percent: float) -> Failure:
    name = PLATFORMS[platform].name
    return Failure(
        "calls_nearly_used_up",
        "rate_limit",
        f"{name} says that {percent:.0f} % of the calls are used, so posts are spread out",
        "Nothing needs to be done: the post goes out by itself, without using an attempt",
    )
