"""A failure as it is stored, shown in a timeline and answered by the API. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """An error as the row, the timeline and the API keep it.

    `category` is one of the contract's; `hint` says what the user can do, or is empty.
    """

    code: str
    category: str
    message: str
    hint: str = ""
