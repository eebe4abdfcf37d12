"""The figures as a table in Markdown, as JSON, and as a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from redis import Redis

from bench.figures import BULLMQ, OURS, RQ, Figure, shown
from bench.node import BullMq
from bench.plot import draw

BEGIN, END = "<!-- table -->", "<!-- end of table -->"
HEAD = (
    f"| figure | {OURS} | {BULLMQ} | {OURS} ÷ {BULLMQ} | {RQ} | {OURS} ÷ {RQ} | goal |\n"
    "|---|---|---|---|---|---|---|"
)
_REACHED = {True: "✓", False: "✗", None: "–"}


@dataclass(frozen=True)
class Conditions:
    """The environment of a measurement."""

    measured_on: str
    size: str
    cores: int
    system: str
    python: str
    redis: str
    bullmq: str

    @classmethod
    def seen(cls, redis: Redis, bullmq: BullMq | None, size: str) -> Conditions:
        """Return the current environment."""
        return cls(
            measured_on=datetime.now(timezone.utc).date().isoformat(),
            size=size,
            cores=os.cpu_count() or 0,
            system=f"{platform.system()} on {platform.machine()}",
            python=platform.python_version(),
            redis=f"{_name_of(redis)} (the embedded one)",
            bullmq=bullmq.version if bullmq else "not measured (no Node.js)",
        )

    def __str__(self) -> str:
        return (
            f"measured {self.measured_on}, size {self.size}, on {self.cores} cores, {self.system};"
            f" Python {self.python}, {self.redis}, BullMQ {self.bullmq}"
        )


def _name_of(redis: Redis) -> str:
    """Return the server's name and version; Valkey also names the Redis that it stands in for."""
    info = redis.info("server")
    version = info.get("valkey_version")
    return f"Valkey {version}" if version else f"Redis {info['redis_version']}"


def line_of(figure: Figure) -> str:
    """Return a figure as a row: medians with ranges, ratios, goals."""
    goals = "; ".join(f"{goal} {_REACHED[figure.reaches(goal)]}" for goal in figure.goals)
    cells = (
        f"{figure.name} ({figure.unit})" if figure.unit else figure.name,
        _runs(figure, OURS),
        _runs(figure, BULLMQ),
        _ratio(figure.ratio(BULLMQ)),
        _runs(figure, RQ),
        _ratio(figure.ratio(RQ)),
        goals,
    )
    return f"| {' | '.join(cells)} |"


def write_report(
    folder: Path, families: Mapping[str, Sequence[Figure]], conditions: Conditions
) -> None:
    """Write `benchmarks.json`, the table between the marks of `benchmarks.md`, and the plot.

    Families that were not measured now keep their earlier figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = _merged(folder / "benchmarks.json", families, conditions)
    figures = [Figure.from_json(one) for family in results.values() for one in family["figures"]]
    lines = [*_conditions(results), "", HEAD, *map(line_of, figures)]
    page = folder / "benchmarks.md"
    text = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(lines)
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    draw(folder / "benchmarks.svg", figures)


def _merged(
    path: Path, families: Mapping[str, Sequence[Figure]], conditions: Conditions
) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, figures in families.items():
        measured = [figure.to_json() for figure in figures]
        results[name] = {"conditions": asdict(conditions), "figures": measured}
    path.write_text(json.dumps(results, indent=1) + "\n")
    return results


def _conditions(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line per environment, with the families measured in it."""
    alike: dict[str, list[str]] = {}
    for name, family in results.items():
        alike.setdefault(str(Conditions(**family["conditions"])), []).append(name)
    for text, names in alike.items():
        yield f"- {', '.join(names)}: {text}."


def _runs(figure: Figure, side: str) -> str:
    runs, median = figure.values.get(side), figure.median(side)
    if not runs or median is None:
        return "–"
    if len(runs) == 1:
        return shown(median)
    return f"**{shown(median)}** ({shown(min(runs))} – {shown(max(runs))})"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{shown(value)} ×"
