"""Faults that a test or a developer adds: what a call does instead of its work."""

import threading
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Any

CALL_KINDS = (
    "error",
    "lost_answer",
    "cut",
    "slow",
    "garbage",
    "empty",
    "hang",
    "hold",
    "retry_after",
    "moved",
)
PROCESSING_KINDS = ("stuck_processing", "fail_processing", "late_post_id")


@dataclass
class Fault:
    """One active fault: `skip` matching calls pass first, then `times` calls are hit.

    With `after_work` the call does its work before the false response.
    """

    id: str
    platform: str
    kind: str
    call: str | None = None
    account: str | None = None
    skip: int = 0
    times: int = 1
    code: str | None = None
    status: int | None = None
    body: Any = None
    reason: str | None = None
    seconds: float | None = None
    retry_after: int | None = None
    after_bytes: int | None = None
    bytes_per_second: int | None = None
    after_work: bool = False
    fired: int = 0

    def meets(self, call: str | None, account: str | None) -> bool:
        """Return whether the fault matches this call of this account."""
        return (self.call is None or call is None or self.call == call) and (
            self.account is None or self.account == account
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fault's fields and how many calls it has hit."""
        return {name: value for name, value in vars(self).items() if value is not None}


class FaultBook:
    """The active faults. A lookup costs only the number of active faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._spent: deque[Fault] = deque(maxlen=100)
        #: fault of the kind `hold` → set once it is released
        self._released: dict[str, threading.Event] = {}
        self._numbers = count(1)

    def add(self, fields: dict[str, Any]) -> Fault:
        """Add a fault; `fields` are already validated."""
        with self._lock:
            fault = Fault(id=f"fault-{next(self._numbers)}", **fields)
            self._faults[fault.id] = fault
            if fault.kind == "hold":
                self._released[fault.id] = threading.Event()
            return fault

    def wait_for_release(self, fault: Fault) -> None:
        """Wait until a `hold` fault is released."""
        with self._lock:
            released = self._released.get(fault.id)
        if released is not None:
            released.wait()

    def release(self, fault_id: str) -> bool:
        """Let go what a `hold` fault holds, and hold no more; return False if there is none."""
        with self._lock:
            released = self._released.pop(fault_id, None)
        if released is not None:
            released.set()
        return released is not None

    def release_all(self) -> None:
        """Let go what any fault holds."""
        with self._lock:
            fault_ids = list(self._released)
        for fault_id in fault_ids:
            self.release(fault_id)

    def take(self, platform: str, call: str, account: str | None) -> Fault | None:
        """Return the first fault that matches this call, if any, and count the hit."""
        return self._take(platform, CALL_KINDS, call, account)

    def take_processing(self, platform: str, kind: str, account: str) -> Fault | None:
        """Return a fault of the given processing kind, if any, and count the hit."""
        return self._take(platform, (kind,), None, account)

    def _take(
        self, platform: str, kinds: tuple[str, ...], call: str | None, account: str | None
    ) -> Fault | None:
        with self._lock:
            for fault in list(self._faults.values()):
                meant = fault.platform == platform and fault.kind in kinds
                if not meant or not fault.meets(call, account):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                return self._strike(fault)
        return None

    def _strike(self, fault: Fault) -> Fault:
        fault.fired += 1
        fault.times -= 1
        if fault.times <= 0:
            self._spent.append(self._faults.pop(fault.id))
        return fault

    def active(self) -> list[Fault]:
        """Return the faults that can still hit a call."""
        with self._lock:
            return list(self._faults.values())

    def spent(self) -> list[Fault]:
        """Return the last faults that were used up."""
        with self._lock:
            return list(self._spent)

    def remove(self, fault_id: str) -> bool:
        """Remove one fault, and let go what it holds, though it be used up.

        Return False when it is not active and holds nothing.
        """
        with self._lock:
            is_active = self._faults.pop(fault_id, None) is not None
        is_held = self.release(fault_id)
        return is_active or is_held

    def clear(self) -> None:
        """Remove every fault, and let go what it holds."""
        with self._lock:
            self._faults.clear()
            self._spent.clear()
        self.release_all()
