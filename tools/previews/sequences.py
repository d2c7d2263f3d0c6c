"""Sequences, and the quality of reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.contract import Column, InputFailure, LocalFile, MetricsPanel, Panel, RowsPanel, TextPanel
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
_GENBANK_LOCUS = re.compile(r"^LOCUS\s+(\S+)(?:\s+(\d+)\s+(?:bp|aa))?", re.MULTILINE)
_EMBL_ID = re.compile(r"^ID\s+([^\s;]+).*?(?:(\d+)\s+(?:BP|AA))?\.?\s*$", re.MULTILINE)


def fasta(file: LocalFile) -> list[Panel]:
    found = read(file.path)
    rows = list(_fasta_rows(found))
    return [
        RowsPanel("Sequences", _FACTS, [row for row in rows[:RECORDS]], _said(found, len(rows))),
        _lines(found),
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
    return [RowsPanel("Sequences", _FACTS, rows[:RECORDS], _said(found, len(rows))), _lines(found)]


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


def _lines(found: Head) -> Panel:
    lines = found.lines()
    title = "Content" if found.whole and len(lines) <= LINES else f"The first {min(len(lines), LINES)} lines"
    return TextPanel(title, "\n".join(short(line) for line in lines[:LINES]), language="text")


# Reads --------------------------------------------------------------------------------------------------------------

READS = 10_000
#: Cycles of the plot.
CYCLES = 500


def fastq(file: LocalFile) -> list[Panel]:
    """Quality by cycle of the first reads, and how long they are. Raises InputFailure."""
    found = read(file.path)
    reads, bases = _reads(found)
    offset = _offset(reads)
    lengths = [len(quality) for quality in reads]
    all_read = found.whole and len(reads) < READS
    which = "All reads" if all_read else f"The first {len(reads):,} reads"
    together = sum(bases.values()) or 1
    gc = 100 * (bases.get("G", 0) + bases.get("C", 0)) / together
    metrics = [
        ("Reads looked at", f"{len(reads):,}", which),
        ("Length", _span(lengths, "nt"), "Shortest and longest of these reads."),
        ("GC", f"{gc:.1f} %", "Of the bases of these reads."),
        ("Encoding", f"Phred+{offset}", "How the qualities are written, as their letters tell."),
    ]
    return [MetricsPanel(which, metrics), _quality(reads, offset, which), _lines(found)]


def _reads(found: Head) -> tuple[list[bytes], dict[str, int]]:
    """Quality strings, and how often each base comes. Raises InputFailure at a record that is none."""
    lines = found.content.replace(b"\r\n", b"\n").split(b"\n")
    if not found.whole:
        lines = lines[:-1]
    while lines and not lines[-1]:
        lines.pop()
    reads: list[bytes] = []
    bases: dict[str, int] = {}
    for number in range(0, min(len(lines), 4 * READS), 4):
        record = lines[number : number + 4]
        if len(record) < 4:
            if found.whole:
                raise InputFailure(f"The file ends within read {number // 4 + 1:,}. Upload it again.")
            break
        header, sequence, plus, quality = record
        if not header.startswith(b"@") or not plus.startswith(b"+") or len(sequence) != len(quality):
            raise InputFailure(
                f"Read {number // 4 + 1:,} (line {number + 1:,}) is not valid FASTQ: four lines each, with as many "
                "qualities as bases."
            )
        reads.append(quality)
        for base in "ACGTN":
            upper = sequence.upper().count(base.encode())
            bases[base] = bases.get(base, 0) + upper
    if not reads:
        raise InputFailure("No whole read lies in the first 4 MB of the file.")
    return reads, bases


def _offset(reads: list[bytes]) -> int:
    lowest = min((min(quality) for quality in reads if quality), default=33)
    highest = max((max(quality) for quality in reads if quality), default=33)
    return 64 if lowest >= 64 and highest > 75 else 33


def _span(numbers: list[int], unit: str) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,} {unit}" if low == high else f"{low:,}–{high:,} {unit}"


def _quality(reads: list[bytes], offset: int, which: str) -> Panel:
    import numpy as np
    import plotly.graph_objects as go

    from tools.contract import FigurePanel

    longest = min(CYCLES, max(len(quality) for quality in reads)) or 1
    padded = b"".join(quality[:longest].ljust(longest, b"\0") for quality in reads)
    table = np.frombuffer(padded, dtype=np.uint8).reshape(len(reads), longest).astype(np.float32)
    table[table == 0] = np.nan
    table -= offset
    cycles = list(range(1, longest + 1))
    low, lower, middle, upper, high = np.nanpercentile(table, [10, 25, 50, 75, 90], axis=0)
    figure = go.Figure()
    for name, below, above in (("10–90 %", low, high), ("25–75 %", lower, upper)):
        figure.add_scatter(x=cycles, y=below.tolist(), line_width=0, showlegend=False, hoverinfo="skip")
        figure.add_scatter(x=cycles, y=above.tolist(), line_width=0, fill="tonexty", name=name)
    figure.add_scatter(x=cycles, y=middle.tolist(), name="Median")
    figure.add_scatter(x=cycles, y=np.nanmean(table, axis=0).tolist(), name="Mean", line_dash="dot")
    figure.update_layout(xaxis_title="Cycle", yaxis_title="Quality (Phred)", yaxis_rangemode="tozero")
    cut = f" Cycles beyond {CYCLES} are not drawn." if max(map(len, reads)) > CYCLES else ""
    return FigurePanel(
        "Quality by cycle",
        figure,
        f"{which} only.{cut}",
        alt=f"Median quality {middle[0]:.0f} in the first cycle, {middle[-1]:.0f} in cycle {longest}",
    )
