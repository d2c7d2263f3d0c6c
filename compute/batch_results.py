"""What came out of a batch: one table over its wells, its CSV, and everything as a zip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compute import plates, results
from compute.plates import Layout
from data import tables
from data.folders import Folders
from data.records import Batch, JobDetail, Well
from tools.contract import Column, Tool

FIRST = [
    Column("place", "Well", help="Its place on the plate, as the page names it."),
    Column("well", "Number", type="BIGINT"),
    Column("name", "Name"),
    Column("status", "Status"),
]
LAST = [
    Column("credits", "Credits", type="BIGINT"),
    Column("refunded", "Refunded", unit="credits", type="BIGINT"),
    Column("duration", "Duration", unit="s", type="DOUBLE"),
    Column("error", "Error"),
    Column("warnings", "Warnings"),
    Column("job", "Job"),
]


def table(tool: Tool | None, wells: list[Well]) -> tuple[list[Column], list[dict[str, Any]]]:
    """Columns and rows: the metrics first, then what else the summaries have, in the order in which it occurs.

    Without a tool, which may be gone by now, there are no metrics.
    """
    keys = dict.fromkeys(key for well in wells for key in well.summary)
    metrics = {metric.key: metric for metric in tool.batch.metrics} if tool and tool.batch else {}
    first = [
        Column(metric.key, metric.label, metric.unit, "DOUBLE", metric.help)
        for metric in metrics.values()
        if metric.key in keys
    ]
    others = [Column(key, key.replace("_", " ").capitalize()) for key in keys if key not in metrics]
    taken = {column.name for column in (*FIRST, *LAST)}
    found = [column for column in (*first, *others) if column.name not in taken]
    layout = plates.layout(len(wells))
    return [*FIRST, *found, *LAST], [_row(well, layout, found) for well in wells]


def _row(well: Well, layout: Layout, columns: list[Column]) -> dict[str, Any]:
    return {
        "place": layout.name(well.number),
        "well": well.number + 1,
        "name": well.name,
        "status": well.status.value,
        **{column.name: _cell(well.summary.get(column.name)) for column in columns},
        "credits": well.credits,
        "refunded": well.refunded,
        "duration": _seconds(well),
        "error": well.error.message if well.error else None,
        "warnings": " ".join(well.warnings) or None,
        "job": well.job,
    }


def _cell(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _seconds(well: Well) -> float | None:
    if well.started_at is None or well.ended_at is None:
        return None
    return round((well.ended_at - well.started_at).total_seconds(), 3)


def csv(batch: Batch, tool: Tool | None, wells: list[Well]) -> tuple[str, str, bytes]:
    """File name, media type, content; warnings that all results have stand above."""
    columns, rows = table(tool, wells)
    notes = [f"{batch.name} ({batch.tool}, {batch.created_at:%Y-%m-%d})"]
    notes += [f"Warning: {warning}" for warning in _in_all(wells)]
    text = tables.to_csv(rows, [asdict(column) for column in columns], notes)
    return f"{stem(batch)}.csv", "text/csv; charset=utf-8", text.encode()


def _in_all(wells: Iterable[Well]) -> list[str]:
    warned = [well.warnings for well in wells if well.summary or well.warnings]
    return [each for each in warned[0] if all(each in others for others in warned)] if warned else []


def stem(batch: Batch) -> str:
    """A file name from the batch's."""
    return results.file_stem(batch.name) or batch.tool


def archive(
    name: str, table_csv: bytes, details: Iterable[tuple[Well, JobDetail]], folders: Folders
) -> Iterator[bytes]:
    """The table, and a folder for each well, named after its record."""
    root = Path(name)

    def members() -> Iterator[tuple[Path, str]]:
        for well, detail in details:
            own = root / f"{well.number + 1:05d}-{results.stem(detail)}"
            for source, path in results.members(detail, folders):
                yield source, str(own / path)

    yield from results.zipped(members(), [(str(root / "results.csv"), table_csv)])
