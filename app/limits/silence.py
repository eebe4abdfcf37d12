"""Platforms that background work leaves alone because they do not answer.

Posts have the circuit breaker, which only posts feed. This spares all other calls to a platform
the minutes in which each of them would only hang. Inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.limits import circuits, gates
from app.models import Gate
from app.platforms import PLATFORMS

#: How long a platform that did not answer is left alone.
SILENT_FOR = timedelta(minutes=5)


def silent_platforms(session: Session, now: datetime) -> set[str]:
    """Return the platforms not to call now: marked silent, or with an open circuit.

    A circuit that awaits its probe does not count: there may be no post left to be the probe.
    """
    known = gates.read(session, list(PLATFORMS))
    return {platform for platform, gate in known.items() if _is_silent(gate, now)}


def mark_silent(session: Session, platform: str, now: datetime) -> None:
    """Have all workers leave a platform alone for a while."""
    gates.lock(session, platform).silent_until = now + SILENT_FOR


def _is_silent(gate: Gate, now: datetime) -> bool:
    is_marked = gate.silent_until is not None and gate.silent_until > now
    return is_marked or circuits.closed_until(gate, now) is not None
