"""One line of the doctor's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one check found: a sentence, and whether it is as it should be.

    `is_note`: nothing is wrong, but something that others use is not in use here.
    """

    part: str
    is_good: bool
    sentence: str
    is_note: bool = False

    @property
    def word(self) -> str:
        """How the line begins."""
        if not self.is_good:
            return "wrong"
        return "note" if self.is_note else "ok"
