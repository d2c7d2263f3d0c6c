"""What a benchmark found: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil

RESULTS = Path(__file__).resolve().parent.parent / "results"


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What was wanted, in words, beside what was seen."""

    wanted: str
    seen: str
    met: bool


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    conditions: dict[str, Any]
    tables: list[Table]
    goals: list[Goal] = field(default_factory=list)


def p(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median (least - most)."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} - {max(values):.{digits}f})"


def machine() -> dict[str, Any]:
    """Where and beside what other load it was measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("duckdb", "distributed", "streamlit", "vina", "rq")},
    }


def show(report: Report) -> None:
    print(f"\n== {report.name} ==")
    print("   " + ", ".join(f"{key}: {value}" for key, value in report.conditions.items()))
    for table in report.tables:
        print(f"\n{table.title}")
        _print(table)
    for goal in report.goals:
        print(f"\n{'met   ' if goal.met else 'MISSED'} {goal.wanted}: {goal.seen}")


def save(report: Report, about: dict[str, Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{report.name}.json"
    target.write_text(json.dumps({"machine": about, **asdict(report)}, indent=1, default=str) + "\n")
    return target


def _print(table: Table) -> None:
    cells = [[str(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(table.columns))]
    for number, row in enumerate(cells):
        first, *others = zip(row, widths, strict=True)
        print("  " + "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]))
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
