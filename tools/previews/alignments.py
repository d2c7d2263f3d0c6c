"""Alignments and variants: the header and the first lines of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from tools.contract import Column, InputFailure, LocalFile, MetricsPanel, Panel, RowsPanel
from tools.previews.head import read, short
from tools.previews.texts import columns, fitted, text

ROWS = 50
REFERENCES = 100
#: Of a CIGAR, by number; the last ones are none.
_OPERATIONS = "MIDNSHP=X???????"

_REFERENCES = [Column("name", "Reference"), Column("length", "Length", "bp", "BIGINT")]
_READS = [
    Column("read", "Read"),
    Column("flag", "Flag", type="BIGINT"),
    Column("reference", "Reference"),
    Column("position", "Position", "bp", "BIGINT", "Of the first aligned base, from 1."),
    Column("quality", "Mapping quality", type="BIGINT"),
    Column("cigar", "CIGAR"),
    Column("mate", "Mate at"),
]


def sam(file: LocalFile) -> list[Panel]:
    found = read(file.path)
    header = [line for line in found.lines() if line.startswith("@")]
    fields = [line.split("\t") for line in found.lines() if line and not line.startswith("@")][:ROWS]
    references = [_tags(line) for line in header if line.startswith("@SQ\t")]
    rows = [
        (short(one[0], 80), _int(one[1]), one[2], _int(one[3]), _int(one[4]), short(one[5], 80), one[6])
        for one in fields
        if len(one) >= 11
    ]
    if not rows and not header:
        return text(file)
    named = [(short(tags.get("SN", "–"), 120), _int(tags.get("LN", ""))) for tags in references]
    return _panels(named, len(named), rows, "" if found.whole else "Of the first 4 MB of the file.")


def _tags(line: str) -> dict[str, str]:
    return dict(field.split(":", 1) for field in line.split("\t")[1:] if ":" in field)


def _int(number: str) -> int | None:
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def bam(file: LocalFile) -> list[Panel]:
    """The header and the first alignments, as the specification of SAM (section 4.2) lays them out.

    Not by pysam: htslib takes as much memory as a file tells it to. Raises InputFailure.
    """
    found = read(file.path)
    content = found.content
    try:
        references, number, place = _bam_references(content)
        names = [name for name, _ in references]
        rows = list(islice(_bam_rows(content, place, names), ROWS))
    except (struct.error, IndexError) as error:
        if not found.whole:
            raise InputFailure(
                "Its header is too large to be shown here. Download the file to look at it."
            ) from error
        raise InputFailure("The file is cut short within its header. Upload it again.") from error
    shown = [(short(name, 120), length) for name, length in references[:REFERENCES]]
    return _panels(shown, number, rows, "")


def _bam_references(content: bytes) -> tuple[list[tuple[str, int]], int, int]:
    """Names with lengths, how many, and where the alignments begin."""
    (length,) = struct.unpack_from("<i", content, 4)
    (number,) = struct.unpack_from("<i", content, 8 + length)
    place = 12 + length
    if length < 0 or number < 0:
        raise InputFailure("The file is damaged in its header. Upload it again.")
    references = []
    for _ in range(number):
        (size,) = struct.unpack_from("<i", content, place)
        if size < 1:
            raise InputFailure("The file is damaged in its header. Upload it again.")
        (bases,) = struct.unpack_from("<i", content, place + 4 + size)
        references.append((content[place + 4 : place + 3 + size].decode("ascii", "replace"), bases))
        place += 8 + size
    return references, number, place


def _bam_rows(content: bytes, place: int, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """Of the alignments that lie within what was read."""
    while place + 36 <= len(content):
        size, reference, position, name, quality, _, operations, flag, _, mate, mate_position = (
            struct.unpack_from("<iiiBBHHHiii", content, place)
        )
        cigar = place + 36 + name
        if size < 32 or place + 4 + size > len(content) or cigar + 4 * operations > len(content):
            return
        lengths = struct.unpack_from(f"<{operations}I", content, cigar)
        yield (
            short(content[place + 36 : cigar - 1].decode("ascii", "replace"), 80),
            flag,
            _name(reference, names),
            position + 1 if position >= 0 else None,
            quality,
            short("".join(f"{one >> 4}{_OPERATIONS[one & 15]}" for one in lengths) or "*", 80),
            f"{_name(mate, names)}:{mate_position + 1}" if mate >= 0 else "*",
        )
        place += 4 + size


def _name(number: int, names: list[str]) -> str:
    return short(names[number], 120) if 0 <= number < len(names) else "*"


def _panels(
    references: Sequence[tuple[str, int | None]], number: int, rows: list[tuple[Any, ...]], note: str
) -> list[Panel]:
    shown = references[:REFERENCES]
    more = f"The first {len(shown)} of {number:,}." if number > len(shown) else ""
    panels: list[Panel] = [
        MetricsPanel("Header", [("References", f"{number:,}", "Sequences that the reads are aligned to")]),
        RowsPanel("References", _REFERENCES, shown, more or note),
    ]
    return [*panels, RowsPanel("The first alignments", _READS, rows, note)]


# Variants -----------------------------------------------------------------------------------------------------------


def vcf(file: LocalFile) -> list[Panel]:
    found = read(file.path)
    lines = [line for line in found.lines() if line]
    heading = next((line for line in lines if line.startswith("#CHROM")), None)
    if heading is None:
        return text(file)
    names = heading.lstrip("#").split("\t")
    records = [line.split("\t") for line in lines if not line.startswith("#")]
    samples = len(names[9:])
    said = "" if found.whole and len(records) <= ROWS else f"The first {min(len(records), ROWS)} variants."
    metrics = [
        ("Samples", f"{samples:,}", "Columns after FORMAT"),
        ("Header lines", f"{sum(line.startswith('##') for line in lines):,}", ""),
    ]
    return [
        MetricsPanel("Header", metrics),
        RowsPanel("The first variants", columns(names), fitted(records[:ROWS], len(names)), said),
    ]
