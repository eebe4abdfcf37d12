"""The circuit breaker of each platform, which opens when the platform fails job after job.

While it is open, nothing is sent to the platform but one probe after each pause. The first probe
that gets a response closes it. All workers share it. Inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.config import current_config
from app.failures import Category, Failure
from app.limits import gates
from app.models import Gate
from app.platforms import PLATFORMS

#: The error code of posts put off, by which `app.models.publish_job.UNAVAILABLE` finds them.
CODE = "platform_unavailable"
#: A call that times out counts double: it occupied a worker all that time.
HANG_WEIGHT = 2
#: Each failed probe doubles the pause before the next, up to this.
PAUSE_MAX_SECONDS = 300.0
#: A probe without result is lost after this; it may be an upload, which hangs for a minute or two.
PROBE_SECONDS = 150.0


@dataclass(frozen=True)
class Evidence:
    """What a run's last call to a platform showed: whether it responded, and whether it hung."""

    succeeded: bool
    timed_out: bool = False


@dataclass(frozen=True)
class Circuit:
    """The state of a platform's circuit: open until the next probe, and since when; or closed.

    `has_recovered`: the latest evidence has closed it.
    """

    open_until: datetime | None = None
    opened_at: datetime | None = None
    has_recovered: bool = False


def closed_until(gate: Gate | None, now: datetime) -> datetime | None:
    """Return until when nothing is sent to a platform; None: the circuit is closed or may probe."""
    if gate is None or gate.probe_at is None or gate.probe_at <= now:
        return None
    return gate.probe_at


def begin_probe(gate: Gate, job_id: str, now: datetime) -> bool:
    """Let one job through a circuit that may probe; the locked gate makes it only one.

    Return whether the circuit was open, which makes the job its probe.
    """
    if gate.probe_at is None:
        return False
    gate.probe_at = now + timedelta(seconds=PROBE_SECONDS)
    gate.probe_job_id = job_id
    return True


def record_evidence(
    session: Session, platform: str, job_id: str, evidence: Evidence, now: datetime
) -> Circuit:
    """Feed the evidence of a run to the platform's circuit; return the circuit's new state."""
    known = gates.read(session, [platform]).get(platform)
    if evidence.succeeded:
        if known is None or (known.failures == 0 and known.probe_at is None):
            return Circuit()
        return Circuit(has_recovered=_recover(gates.lock(session, platform)))
    gate = gates.lock(session, platform)
    open_until = _fail(gate, job_id, evidence, now)
    return Circuit(open_until, gate.opened_at)


def give_up_probe(session: Session, platform: str, job_id: str, now: datetime) -> bool:
    """Let another probe go out at once where this job was the probe and sent no request.

    Return whether it was the probe.
    """
    known = gates.read(session, [platform]).get(platform)
    if known is None or known.probe_job_id != job_id:
        return False
    gate = gates.lock(session, platform)
    if gate.probe_job_id != job_id:
        return False
    gate.probe_at, gate.probe_job_id = now, None
    return True


def reason(platform: str) -> Failure:
    """Return why the jobs of a platform wait while its circuit is open."""
    name = PLATFORMS[platform].name
    return Failure(
        CODE,
        Category.PLATFORM,
        f"{name} is not responding at the moment; it is checked from time to time",
        "Nothing needs to be done: the post goes out once the platform responds again",
    )


def _recover(gate: Gate) -> bool:
    was_open = gate.probe_at is not None
    gate.failures = 0
    gate.failed_job_id = gate.probe_job_id = gate.probe_at = None
    gate.is_general = False
    gate.pause_seconds = 0.0
    gate.opened_at = None
    gate.is_recovering = gate.is_recovering or was_open
    return was_open


def _fail(gate: Gate, job_id: str, evidence: Evidence, now: datetime) -> datetime | None:
    config = current_config()
    if gate.failed_job_id not in (None, job_id):
        gate.is_general = True
    gate.failed_job_id = job_id
    gate.failures += HANG_WEIGHT if evidence.timed_out else 1
    # One post that keeps failing says more about that post than about the platform.
    if not gate.is_general or gate.failures < config.circuit_failures:
        return None
    if gate.probe_at is None:
        gate.opened_at, gate.is_recovering = now, False
        _pause(gate, config.circuit_pause_seconds, now)
    elif gate.probe_job_id == job_id:
        _pause(gate, gate.pause_seconds * 2, now)
    return gate.probe_at


def _pause(gate: Gate, seconds: float, now: datetime) -> None:
    gate.pause_seconds = min(seconds, PAUSE_MAX_SECONDS)
    gate.probe_at = now + timedelta(seconds=gate.pause_seconds)
    gate.probe_job_id = None
