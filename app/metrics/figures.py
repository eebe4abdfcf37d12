"""What is counted of finished jobs, and how the figures of several spans are merged. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Upper bounds of the buckets in seconds; one more bucket takes what exceeds the last.
LATENESS_SECONDS = (
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0,
)  # fmt: skip
LIVE_SECONDS = (
    1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0,
    180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 14400.0, 86400.0,
)  # fmt: skip
#: Upper bounds of the buckets in bytes per second.
THROUGHPUT = (1e5, 2.5e5, 5e5, 1e6, 2.5e6, 5e6, 1e7, 2e7, 4e7, 8e7, 1.6e8, 3.2e8)


@dataclass
class Histogram:
    """A histogram with fixed buckets; `counts` has one entry more than `bounds`.

    `largest` is its largest value: a quantile in a wide bucket is not estimated beyond it.
    """

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    largest: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    @property
    def count(self) -> int:
        """The number of values."""
        return sum(self.counts)

    def add(self, value: float) -> None:
        """Count a value; one below zero, as skewed clocks give, counts as zero."""
        value = max(value, 0.0)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
        self.largest = max(self.largest, value)

    def merge(self, other: Histogram) -> None:
        """Add another histogram with the same bounds."""
        self.counts = [ours + theirs for ours, theirs in zip(self.counts, other.counts)]
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    def quantile(self, share: float) -> float | None:
        """Return the quantile at `share` (0–1), interpolated within its bucket and capped at the
        last bound; None without values."""
        if not self.count:
            return None
        wanted, seen = share * self.count, 0
        for position, count in enumerate(self.counts[:-1]):
            if seen + count >= wanted and count:
                low = self.bounds[position - 1] if position else 0.0
                high = min(self.bounds[position], self.largest)
                return low + (high - low) * (wanted - seen) / count
            seen += count
        return float(self.bounds[-1])


def _lateness() -> Histogram:
    return Histogram(LATENESS_SECONDS)


def _live() -> Histogram:
    return Histogram(LIVE_SECONDS)


def _throughput() -> Histogram:
    return Histogram(THROUGHPUT)


@dataclass
class Figures:
    """What ended on one platform. `first_try` counts the `completed` that needed one attempt,
    `attempts` those of all jobs that completed or failed, `errors` the failed attempts by
    category and code, `uploaded_bytes` what workers sent in uploads that finished."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    first_try: int = 0
    attempts: int = 0
    uploaded_bytes: int = 0
    #: seconds from due to start, of jobs that completed or failed
    lateness: Histogram = field(default_factory=_lateness)
    #: seconds from start to live
    live: Histogram = field(default_factory=_live)
    #: bytes per second of the same uploads
    throughput: Histogram = field(default_factory=_throughput)
    errors: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """How many jobs completed or failed."""
        return self.completed + self.failed

    def count_error(self, category: str, code: str, times: int = 1) -> None:
        """Count a failed attempt."""
        codes = self.errors.setdefault(category, {})
        codes[code] = codes.get(code, 0) + times

    def merge(self, other: Figures) -> None:
        """Add the figures of another span."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _HISTOGRAMS:
            getattr(self, name).merge(getattr(other, name))
        for category, codes in other.errors.items():
            for code, times in codes.items():
                self.count_error(category, code, times)

    def dump(self) -> dict[str, Any]:
        """Return the figures as a JSON object."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in _COUNTS}
        for name in _HISTOGRAMS:
            histogram: Histogram = getattr(self, name)
            fields[name] = {
                "counts": histogram.counts,
                "total": histogram.total,
                "largest": histogram.largest,
            }
        return {**fields, "errors": self.errors}

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> Figures:
        """Return the figures that `dump` wrote."""
        figures = cls(**{name: fields[name] for name in _COUNTS})
        for name in _HISTOGRAMS:
            histogram: Histogram = getattr(figures, name)
            histogram.counts = list(fields[name]["counts"])
            histogram.total = fields[name]["total"]
            histogram.largest = fields[name]["largest"]
        figures.errors = {category: dict(codes) for category, codes in fields["errors"].items()}
        return figures


_COUNTS = ("completed", "failed", "cancelled", "first_try", "attempts", "uploaded_bytes")
_HISTOGRAMS = ("lateness", "live", "throughput")
