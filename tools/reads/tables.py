"""A quality object as tables: what a job keeps, and what the figures read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.contract import Column, Table

SCORES = ("mean", "median", "lower_quartile", "upper_quartile", "tenth", "ninetieth")
BASES = ("g", "a", "t", "c")

_FILE = Column("file", "File", "", "BIGINT", "1, or 2 for the second reads of pairs")
_CYCLES = (
    _FILE,
    Column("from", "From cycle", "", "BIGINT"),
    Column("to", "To cycle", "", "BIGINT"),
    *(Column(name, name.replace("_", " ").capitalize(), "", "DOUBLE", "Phred score") for name in SCORES[:4]),
    Column("tenth", "10th percentile", "", "DOUBLE", "Phred score"),
    Column("ninetieth", "90th percentile", "", "DOUBLE", "Phred score"),
    *(Column(base, base.upper(), "%", "DOUBLE", "Of G, A, T and C in this cycle") for base in BASES),
)
_LENGTHS = (
    _FILE,
    Column("from", "From", "nt", "BIGINT"),
    Column("to", "To", "nt", "BIGINT"),
    Column("reads", "Reads", "", "BIGINT"),
)
_READ_QUALITY = (
    _FILE,
    Column("quality", "Mean quality", "", "BIGINT", "Phred score, cut off; 49 holds all above, too"),
    Column("reads", "Reads", "", "BIGINT"),
)


def tables(quality: Mapping[str, Any]) -> list[Table]:
    """`cycles`, `lengths` and `read_quality`, with the rows of each file."""
    return [
        Table("cycles", "Quality and composition per cycle", _CYCLES, list(_cycle_rows(quality))),
        Table("lengths", "Lengths of the reads", _LENGTHS, list(_length_rows(quality))),
        Table("read_quality", "Mean qualities of the reads", _READ_QUALITY, list(_mean_rows(quality))),
    ]


def dictionaries(table: Table) -> list[dict[str, Any]]:
    """The table's rows as a finished job gives them."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _cycle_rows(quality: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for number, file in enumerate(quality["files"], start=1):
        rows = zip(file["cycles"], file["bases"], file["composition"], strict=True)
        for cycles, scores, shares in rows:
            yield (number, *cycles, *scores, *shares)


def _length_rows(quality: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
    for number, file in enumerate(quality["files"], start=1):
        for start, end, reads in file["lengths"]:
            yield number, start, end, reads


def _mean_rows(quality: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
    for number, file in enumerate(quality["files"], start=1):
        for mean, reads in enumerate(file["sequences"]):
            yield number, mean, reads
