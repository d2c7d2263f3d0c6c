"""Result tables: Parquet on disk, rows for pages, CSV for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

#: For looking at a file that somebody uploaded, which may unpack to anything.
HEAD_MEMORY = "256MB"
HEAD_TEXT = 200


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    with duckdb.connect(":memory:") as connection:
        # The path is ours; read_parquet takes it as a parameter all the same.
        cursor = connection.execute("select * from read_parquet($path)", {"path": str(path)})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Unreadable(Exception):
    """A Parquet file that is damaged, or takes too much memory: a sentence."""


def head(path: Path, limit: int) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns and the first rows of any Parquet file, as it was uploaded. Raises Unreadable."""
    with duckdb.connect(":memory:", config={"memory_limit": HEAD_MEMORY, "threads": 1}) as connection:
        try:
            cursor = connection.execute(
                "select * from read_parquet($path) limit $limit", {"path": str(path), "limit": limit}
            )
            names = [str(column[0]) for column in cursor.description or ()]
            return names, [[_plain(value) for value in row] for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise Unreadable("This Parquet file cannot be read: it is damaged, or too large.") from error


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | None) else str(value)[:HEAD_TEXT]


def to_csv(rows: Sequence[dict[str, Any]], columns: Sequence[dict[str, Any]], notes: Sequence[str]) -> str:
    """A CSV whose header has the units, with notes in front as comment lines."""
    out = io.StringIO()
    for note in notes:
        out.write("# " + " ".join(note.splitlines()) + "\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading(column) for column in columns)
    for row in rows:
        writer.writerow(_cell(row.get(column["name"])) for column in columns)
    return out.getvalue()


def heading(column: dict[str, Any]) -> str:
    return f"{column['label']} ({column['unit']})" if column.get("unit") else str(column["label"])


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is quoted; a number stays one."""
    if not isinstance(value, str):
        return "" if value is None else value
    guarded = "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    # The writer puts a text with a line feed in quotation marks, but not one with a lone carriage return.
    return guarded.replace("\r\n", "\n").replace("\r", "\n")
