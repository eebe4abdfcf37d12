"""Platforms that work which can wait leaves alone, since they do not answer.

Posts have the circuit, which is fed by posts alone; this is what spares all else that asks
platforms the minutes in which each call only hangs. Inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.limits import circuits, gates
from app.models import Gate
from app.platforms import PLATFORMS

#: How long a platform is left alone that did not answer.
SILENT_FOR = timedelta(minutes=5)


def silent_platforms(session: Session, now: datetime) -> set[str]:
    """Return the platforms not to be asked now: silent a moment ago, or their circuit is open.

    Not while a circuit waits for its probe: there may be no post left to be one.
    """
    known = gates.read(session, list(PLATFORMS))
    return {platform for platform, gate in known.items() if _is_silent(gate, now)}


def mark_silent(session: Session, platform: str, now: datetime) -> None:
    """Leave a platform alone for a while; all workers do."""
    gates.lock(session, platform).silent_until = now + SILENT_FOR


def _is_silent(gate: Gate, now: datetime) -> bool:
    is_marked = gate.silent_until is not None and gate.silent_until > now
    return is_marked or circuits.closed_until(gate, now) is not None
