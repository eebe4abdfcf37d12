"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of one check: a sentence, and whether all is well.

    `is_note`: nothing is wrong, but an optional part is not in use here.
    """

    part: str
    is_good: bool
    sentence: str
    is_note: bool = False

    @property
    def word(self) -> str:
        """The first word of the line."""
        if not self.is_good:
            return "wrong"
        return "note" if self.is_note else "ok"
