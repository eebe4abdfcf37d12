"""The messages between the parent and a child, over their pipe.

The pipe may carry pickled objects: one is forked from the other, and nobody else can write to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.queues import Wake


@dataclass(frozen=True)
class Execute:
    """To a child: execute an RQ run; `fields` is its hash in Redis."""

    run_id: str
    fields: dict[bytes, bytes] = field(repr=False)


@dataclass(frozen=True)
class Call:
    """To a child: call a function, named by its dotted path."""

    function: str
    args: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Done:
    """To the parent: the order has ended. `traceback` is None unless it failed; `is_leaving`: this
    child ends after it."""

    traceback: str | None = None
    is_leaving: bool = False


@dataclass(frozen=True)
class Claimed:
    """To the parent: this child has claimed a job, to be released at once if the child dies."""

    job_id: str
    run_number: int


@dataclass(frozen=True)
class KeepWake:
    """To the parent: poll this job when it is due, without Redis."""

    wake: Wake


@dataclass(frozen=True)
class KeepCall:
    """To the parent: call this function soon."""

    function: str


ToParent = Done | Claimed | KeepWake | KeepCall
