"""Platforms that background work avoids because they do not respond.

Posts have the circuit breaker, which only posts feed; this keeps all other calls from waiting for
timeouts. Everything runs inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.limits import circuits, gates
from app.models import Gate
from app.platforms import PLATFORMS

#: How long background work avoids a platform that did not respond.
UNRESPONSIVE_FOR = timedelta(minutes=5)


def unresponsive_platforms(session: Session, now: datetime) -> set[str]:
    """Return the platforms to avoid now: marked a moment ago, or with an open circuit.

    A circuit that is due for its probe does not count: no post may be left to be that probe.
    """
    known = gates.read(session, list(PLATFORMS))
    return {platform for platform, gate in known.items() if _is_unresponsive(gate, now)}


def mark_unresponsive(session: Session, platform: str, now: datetime) -> None:
    """Have all workers avoid a platform for `UNRESPONSIVE_FOR`."""
    gates.lock(session, platform).silent_until = now + UNRESPONSIVE_FOR


def _is_unresponsive(gate: Gate, now: datetime) -> bool:
    is_marked = gate.silent_until is not None and gate.silent_until > now
    return is_marked or circuits.closed_until(gate, now) is not None
