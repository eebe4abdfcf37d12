"""What the parent and a child say to each other over their pipe.

They are forked from one another and read nobody else's bytes, so the pipe may carry objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.queues import Wake


@dataclass(frozen=True)
class Execute:
    """To a child: perform an RQ run, given as Redis has it."""

    run_id: str
    fields: dict[bytes, bytes] = field(repr=False)


@dataclass(frozen=True)
class Call:
    """To a child: call a function, which is named by its dotted path."""

    function: str
    args: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Done:
    """To the parent: the order was carried out. `traceback` says why it failed, if it did;
    `is_leaving` that this child takes no other."""

    traceback: str | None = None
    is_leaving: bool = False


@dataclass(frozen=True)
class Holding:
    """To the parent: this child has claimed a job, so that its death can be put right at once."""

    job_id: str
    run_number: int


@dataclass(frozen=True)
class Keep:
    """To the parent: wake for this row by yourself."""

    wake: Wake


@dataclass(frozen=True)
class KeepMaintenance:
    """To the parent: call this function of maintenance soon."""

    function: str


ToParent = Done | Holding | Keep | KeepMaintenance
