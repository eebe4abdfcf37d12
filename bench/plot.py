"""The plot: by what factor each figure is better or worse than BullMQ's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from bench.figures import BULLMQ, Figure, shown

BETTER, WORSE = "#2a7d4f", "#b3462f"
ROW_INCHES = 0.34


def draw(path: Path, figures: Sequence[Figure]) -> None:
    """Draw the figures that have both sides; without any, draw nothing."""
    ratios = [(figure.name, _times_better(figure)) for figure in figures]
    bars = [(name, times) for name, times in ratios if times is not None]
    if not bars:
        return
    bars.reverse()  # the first on top
    names, times_better = zip(*bars, strict=True)
    # Text as text, and stable ids, so that diffs show real changes.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks"})
    canvas = Canvas(figsize=(11, 1.2 + ROW_INCHES * len(bars)), layout="constrained")
    axes = canvas.add_subplot()
    colors = [BETTER if times >= 1 else WORSE for times in times_better]
    drawn = axes.barh(names, [times - 1 for times in times_better], left=1, color=colors)
    axes.bar_label(drawn, [f" {shown(times)} × " for times in times_better], fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_title("Times better than BullMQ (right) or worse (left)", fontsize=11)
    axes.tick_params(axis="y", labelsize=8)
    canvas.savefig(path, metadata={"Date": None})


def _times_better(figure: Figure) -> float | None:
    """Return by what factor ours is better; None if there is nothing to compare."""
    ratio = figure.ratio(BULLMQ)
    if ratio is None or ratio <= 0:
        return None
    return ratio if figure.more_is_better else 1 / ratio
