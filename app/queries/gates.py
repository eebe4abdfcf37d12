"""Reads what holds a platform back: an operator's pause, its circuit breaker, or its own word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.database.transaction import transaction
from app.limits import circuits, gates
from app.models import Gate
from app.platforms import PLATFORMS


@dataclass(frozen=True)
class GateView:
    """The state of a platform's gate; None where it holds nothing back.

    `circuit_until` is when the next probe may go out; `is_circuit_open` stays true while that
    probe is out. `closed_until` is what the platform itself asked for, `words` why.
    """

    paused_at: datetime | None = None
    is_circuit_open: bool = False
    circuit_until: datetime | None = None
    failures: int = 0
    closed_until: datetime | None = None
    words: str = ""


def read_gates(now: datetime) -> dict[str, GateView]:
    """Return the state of every platform's gate."""
    with transaction() as session:
        known = gates.read(session, list(PLATFORMS))
        return {name: _view(known.get(name), now) for name in PLATFORMS}


def _view(gate: Gate | None, now: datetime) -> GateView:
    if gate is None:
        return GateView()
    until = gate.begins_closed_until
    is_closed = until is not None and until > now
    return GateView(
        paused_at=gate.paused_at,
        is_circuit_open=gate.probe_at is not None,
        circuit_until=circuits.closed_until(gate, now),
        failures=gate.failures,
        closed_until=until if is_closed else None,
        words=gate.message if is_closed else "",
    )
