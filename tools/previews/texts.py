"""Texts, and tables in them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice

from tools.contract import Column, LocalFile, Panel, RowsPanel, TextPanel
from tools.previews.head import Head, read, short

LINES = 200
ROWS = 100
COLUMNS = 60

#: How the code of a text is coloured. Never as Markdown or HTML, which would be drawn instead of shown.
LANGUAGES = {"json": "json", "yaml": "yaml"}


def text(file: LocalFile) -> list[Panel]:
    """The first lines, as they are written."""
    found = read(file.path)
    lines = found.lines()
    whole = found.whole and len(lines) <= LINES
    title = "Content" if whole else f"The first {min(len(lines), LINES)} lines"
    shown = "\n".join(short(line) for line in lines[:LINES])
    return [TextPanel(title, shown, language=LANGUAGES.get(file.format, "text"))]


def table(file: LocalFile) -> list[Panel]:
    """CSV and TSV, with the names of the first line; lines of notes (#) before it are left out."""
    found = read(file.path)
    rows = _rows(found, file.format)
    if not rows:
        return text(file)
    heading, body = rows[0], rows[1 : ROWS + 1]
    more = not found.whole or len(rows) > ROWS + 1
    return [RowsPanel("Table", columns(heading), fitted(body, len(heading)), _said(more, len(heading)))]


def headless(file: LocalFile) -> list[Panel]:
    """Tab-separated lines whose columns the format names."""
    names = _COLUMNS[file.format]
    found = read(file.path)
    rows = _rows(found, file.format)
    body = rows[:ROWS]
    more = not found.whole or len(rows) > ROWS
    return [RowsPanel("Features", columns(names), fitted(body, len(names)), _said(more, len(names)))]


_COLUMNS = {
    "gff": ["seqid", "source", "type", "start", "end", "score", "strand", "phase", "attributes"],
    "bed": ["chrom", "chromStart", "chromEnd", "name", "score", "strand"],
}


def columns(names: Sequence[str]) -> list[Column]:
    """Columns with these labels; their own names are unique, as a frame needs them."""
    return [Column(f"c{number}", short(name, 80) or "–") for number, name in enumerate(names[:COLUMNS])]


def fitted(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Rows of one width, whatever the file has."""
    width = min(width, COLUMNS)
    return [[short(cell) for cell in row[:width]] + [""] * (width - len(row)) for row in rows]


def _rows(found: Head, format: str) -> list[list[str]]:
    """At most two more than are shown; none where the quotation marks do not fit together."""
    lines = [line + "\n" for line in found.lines() if line.strip() and not line.startswith("#")]
    separator = max(",;\t", key=lines[0].count) if lines and format == "csv" else "\t"
    csv.field_size_limit(max(csv.field_size_limit(), len(found.content) + 1))
    try:
        return list(islice(csv.reader(lines, delimiter=separator), ROWS + 2))
    except csv.Error:
        return []


def _said(more: bool, width: int) -> str:
    said = [f"The first {ROWS} rows."] if more else []
    said += [f"The first {COLUMNS} of {width} columns."] if width > COLUMNS else []
    return " ".join(said)
