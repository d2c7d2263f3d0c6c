"""Sequences with their lengths."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.contract import Column, LocalFile, Panel, RowsPanel, TextPanel
from tools.previews.head import Head, read, short
from tools.previews.texts import LINES, text

RECORDS = 100
#: Residues in the table.
RESIDUES = 60

_FACTS = [
    Column("name", "Name"),
    Column("description", "Description"),
    Column(
        "length",
        "Length",
        type="BIGINT",
        help="Letters. Empty: it goes on beyond what is read for a preview.",
    ),
    Column("start", "Begins with"),
]
_GENBANK_LOCUS = re.compile(r"^LOCUS\s+(\S+)(?:\s+(\d{1,15})\s+(?:bp|aa))?", re.MULTILINE)
_EMBL_ID = re.compile(r"^ID\s+([^\s;]+).*?(?:(?<!\d)(\d{1,15})\s+(?:BP|AA))?\.?\s*$", re.MULTILINE)


def fasta(file: LocalFile) -> list[Panel]:
    found = read(file.path)
    rows = list(_fasta_rows(found))
    return [
        RowsPanel("Sequences", _FACTS, rows[:RECORDS], _said(found, len(rows))),
        lines(found),
    ]


def _fasta_rows(found: Head) -> Iterator[tuple[str, str, int | None, str]]:
    """At most one more than is shown."""
    records = found.text.split("\n>")
    complete = len(records) if found.whole else len(records) - 1
    for number, record in enumerate(records[: RECORDS + 1]):
        header, _, body = record.lstrip(">").partition("\n")
        name, _, description = header.strip().partition(" ")
        residues = "".join(body[: max(RESIDUES * 2, 4096)].split())
        length = len("".join(body.split())) if number < complete else None
        yield short(name, 120) or "–", short(description.strip(), 200), length, short(residues, RESIDUES)


def annotated(file: LocalFile) -> list[Panel]:
    """GenBank, EMBL and UniProt: one record after the other, each ended by //."""
    found = read(file.path)
    records = [record for record in found.text.split("\n//") if record.strip()]
    pattern = _GENBANK_LOCUS if file.format == "genbank" else _EMBL_ID
    rows = [row for record in records[: RECORDS + 1] if (row := _annotated_row(record, pattern))]
    if not rows:
        return text(file)
    return [RowsPanel("Sequences", _FACTS, rows[:RECORDS], _said(found, len(rows))), lines(found)]


def _annotated_row(record: str, pattern: re.Pattern[str]) -> tuple[str, str, int | None, str] | None:
    head = pattern.search(record)
    if head is None:
        return None
    said = re.search(r"^(?:DEFINITION|DE)\s+(.*)$", record, re.MULTILINE)
    body = re.search(r"^(?:ORIGIN|SQ\s).*?\n(.*)", record, re.MULTILINE | re.DOTALL)
    residues = re.sub(r"[^A-Za-z*-]", "", body[1][: RESIDUES * 4]) if body else ""
    length = int(head[2]) if head[2] else None
    return head[1], short(said[1] if said else "", 200), length, short(residues, RESIDUES)


def _said(found: Head, records: int) -> str:
    if records > RECORDS:
        return f"The first {RECORDS} sequences."
    return "" if found.whole else "The sequences in the first 4 MB of the file."


def lines(found: Head) -> Panel:
    """The first lines as they are written."""
    written = found.lines()
    title = (
        "Content" if found.whole and len(written) <= LINES else f"The first {min(len(written), LINES)} lines"
    )
    return TextPanel(title, "\n".join(short(line) for line in written[:LINES]), language="text")
