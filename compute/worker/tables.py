"""A tool's table as a Parquet file, its columns' units and words in the file's own metadata."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tools.contract import Table

#: Types that a column may have.
TYPES = frozenset({"VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN"})


def write_table(table: Table, path: Path, temporary: Path) -> dict[str, Any]:
    """Writes it; returns its description, which is also in the file's metadata as JSON under `wellplate`."""
    import duckdb

    description = {
        "name": table.name,
        "title": table.title,
        "rows": len(table.rows),
        "columns": [
            {"name": each.name, "label": each.label, "unit": each.unit, "type": each.type, "help": each.help}
            for each in table.columns
        ],
    }
    wrong = [each.type for each in table.columns if each.type not in TYPES]
    if wrong:
        raise ValueError(f"table {table.name}: column type {wrong[0]} is none of {', '.join(sorted(TYPES))}")
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "temp_directory": str(temporary),
    }
    with duckdb.connect(":memory:", config=config) as connection:
        columns = ", ".join(f"{_quoted(each.name)} {each.type}" for each in table.columns)
        connection.execute(f"create table result ({columns})")
        if table.rows:
            values = ", ".join(f"unnest(cast(? as {each.type}[]))" for each in table.columns)
            lists = [[_cell(value) for value in column] for column in zip(*table.rows, strict=True)]
            connection.execute(f"insert into result select {values}", lists)
        metadata = json.dumps(description, ensure_ascii=False).replace("'", "''")
        target = str(path).replace("'", "''")
        connection.execute(
            f"copy result to '{target}' (format parquet, kv_metadata {{wellplate: '{metadata}'}})"
        )
    return description


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _cell(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
