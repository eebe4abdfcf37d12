"""A measured figure: several runs of ours and of what it is compared with, and its goals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

OURS, BULLMQ, RQ = "ours", "BullMQ", "stock RQ"


@dataclass(frozen=True)
class Goal:
    """A goal: `bound`, or `bound` times the median of `side`."""

    bound: float
    side: str = ""
    at_least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {shown(self.bound)}{f' × {self.side}' if self.side else ''}"


@dataclass(frozen=True)
class Figure:
    """One line of the table. `values`: side → its runs, in `unit`."""

    name: str
    unit: str
    values: Mapping[str, Sequence[float]]
    goals: tuple[Goal, ...] = ()
    more_is_better: bool = False

    def median(self, side: str) -> float | None:
        """Return the median of a side, or None if it was not measured."""
        runs = self.values.get(side)
        return statistics.median(runs) if runs else None

    def ratio(self, side: str) -> float | None:
        """Return our median as a multiple of another side's."""
        ours, other = self.median(OURS), self.median(side)
        return ours / other if ours is not None and other else None

    def reaches(self, goal: Goal) -> bool | None:
        """Return whether our median reaches a goal; None if the other side is missing."""
        ours, base = self.median(OURS), self.median(goal.side) if goal.side else 1.0
        if ours is None or base is None:
            return None
        return ours >= goal.bound * base if goal.at_least else ours <= goal.bound * base

    def to_json(self) -> dict[str, Any]:
        """Return every run, and the goals."""
        return {
            "name": self.name,
            "unit": self.unit,
            "more_is_better": self.more_is_better,
            "medians": {side: self.median(side) for side in self.values},
            "runs": {side: list(runs) for side, runs in self.values.items()},
            "goals": [{**asdict(goal), "reached": self.reaches(goal)} for goal in self.goals],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Figure:
        """Return the figure from the form of `to_json`."""
        goals = [Goal(goal["bound"], goal["side"], goal["at_least"]) for goal in data["goals"]]
        return cls(data["name"], data["unit"], data["runs"], tuple(goals), data["more_is_better"])


def shown(value: float) -> str:
    """Return a number with three significant digits, and no exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}f}" if abs(value) < 10 else f"{value:.1f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0–1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
