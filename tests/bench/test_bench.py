"""`make bench` runs from end to end, and its table shows what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from bench.__main__ import FAMILIES, main
from bench.figures import BULLMQ, OURS, Figure, Goal, percentile, shown
from bench.report import BEGIN, END, Conditions, line_of, write_report
from tests import IS_THOROUGH

CONDITIONS = Conditions("2026-01-31", "full", 2, "Linux", "3.11", "6.2", "6.7")
FASTER = Figure("speed", "/s", {OURS: [30, 10, 20], BULLMQ: [10]}, (), more_is_better=True)


#: These take at most a minute together, including start-up.
QUICK_FAMILIES = ("release", "idle", "million")


@pytest.mark.skipif(not IS_THOROUGH, reason="takes a minute: `make thorough` runs it")
def test_bench_runs_without_node(tmp_path: Path) -> None:
    arguments = ["--size", "smoke", "--without-node", "--output", str(tmp_path)]
    assert main([*arguments, *QUICK_FAMILIES]) == 0
    told = json.loads((tmp_path / "benchmarks.json").read_text())
    assert list(told) == list(QUICK_FAMILIES)
    figures = [Figure.from_json(one) for family in told.values() for one in family["figures"]]
    page = (tmp_path / "benchmarks.md").read_text()
    for figure in figures:
        assert figure.values[OURS] and not figure.values.get(BULLMQ)
        assert line_of(figure) in page
    assert "no Node.js" in page


def test_every_family_is_there() -> None:
    for name in FAMILIES:
        assert callable(import_module(f"bench.{name}").measure)


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (Goal(2, BULLMQ, at_least=True), True),
        (Goal(2.1, BULLMQ, at_least=True), False),
        (Goal(20), True),
        (Goal(19), False),
        (Goal(1, "nobody"), None),
    ],
)
def test_figure_reaches_a_goal_by_its_median(goal: Goal, reached: bool | None) -> None:
    assert FASTER.reaches(goal) is reached


def test_line_has_medians_ranges_ratio_and_goals() -> None:
    figure = replace(FASTER, goals=(Goal(1, BULLMQ, at_least=True),))
    assert line_of(figure) == (
        "| speed (/s) | **20** (10 – 30) | 10 | 2 × | – | – | ≥ 1 × BullMQ ✓ |"
    )


def test_report_keeps_the_page_and_the_families_not_measured(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_report(tmp_path, {"speed": [FASTER]}, CONDITIONS)
    slower = replace(FASTER, name="later speed")
    write_report(tmp_path, {"later": [slower]}, replace(CONDITIONS, size="quick"))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert line_of(FASTER) in text and line_of(slower) in text
    assert "- speed: measured 2026-01-31, size full" in text
    assert "- later: measured 2026-01-31, size quick" in text
    assert "later speed" in (tmp_path / "benchmarks.svg").read_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.012"), (1.5, "1.5"), (12.34, "12.3"), (70, "70"), (123456.7, "123,457")],
)
def test_numbers_are_shown_with_the_digits_that_count(value: float, text: str) -> None:
    assert shown(value) == text


def test_percentile_of_some_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0, 0.5, 0.99)] == [1, 3, 5]
