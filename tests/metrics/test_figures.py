"""Figures merge, survive a round trip to the database, and estimate quantiles by bucket."""

from __future__ import annotations

import json
import random

import pytest

from app.metrics.figures import LATENESS_SECONDS, Figures, Histogram


def test_figures_survive_being_stored() -> None:
    figures = Figures(completed=3, failed=1, attempts=6)
    figures.lateness.add(0.2)
    figures.live.add(7.0)
    figures.count_error("network", "read_timeout", 2)
    assert Figures.load(json.loads(json.dumps(figures.dump()))) == figures


def test_figures_of_two_spans_are_their_sum() -> None:
    first, second, both = Figures(), Figures(), Figures()
    for figures in (first, both):
        figures.completed += 2
        figures.lateness.add(0.3)
        figures.count_error("network", "read_timeout")
    for figures in (second, both):
        figures.completed += 1
        figures.lateness.add(7.0)
        figures.count_error("network", "read_timeout")
        figures.count_error("token", "expired")
    first.merge(second)
    assert first == both


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_quantile_lies_in_the_bucket_of_the_true_one(share: float) -> None:
    values = sorted(random.Random(7).expovariate(1 / 3) for _ in range(5000))
    histogram = Histogram(LATENESS_SECONDS)
    for value in values:
        histogram.add(value)
    true = values[int(share * len(values))]
    bounds = [0.0, *LATENESS_SECONDS]
    low = max(bound for bound in bounds if bound <= true)
    high = min(bound for bound in bounds if bound > true)
    found = histogram.quantile(share)
    assert found is not None and low <= found <= high


def test_quantile_is_at_most_the_largest_value() -> None:
    first, second = Histogram(LATENESS_SECONDS), Histogram(LATENESS_SECONDS)
    first.add(3700.0)
    second.add(61.0)
    second.merge(first)
    assert first.quantile(0.99) == pytest.approx(3700, rel=0.03)
    assert second.quantile(1.0) == 3700.0
    assert second.quantile(0.5) == 300.0  # of its bucket, only the upper bound is known


def test_quantile_of_nothing_is_unknown() -> None:
    assert Histogram(LATENESS_SECONDS).quantile(0.5) is None


def test_value_beyond_the_last_bound_and_before_zero_is_counted() -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.add(9.0)
    histogram.add(-0.1)
    assert (histogram.counts, histogram.total) == ([1, 0, 1], 9.0)
    assert histogram.quantile(1.0) == 2.0
