"""A measured figure: several runs, the median and the range."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `values` are in `unit`."""

    name: str
    unit: str
    values: tuple[float, ...]

    def line(self) -> str:
        """Return the figure as a row: the median, and the range in brackets."""
        median = statistics.median(self.values)
        low, high = min(self.values), max(self.values)
        return f"| {self.name} | {median:,.3g} {self.unit} | {low:,.3g} – {high:,.3g} |"


def measured(name: str, unit: str, runs: int, measure: Callable[[], float]) -> Figure:
    """Call `measure` several times."""
    return Figure(name, unit, tuple(measure() for _ in range(runs)))


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` (0–1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
