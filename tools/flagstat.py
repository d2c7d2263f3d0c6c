"""What `samtools flagstat` counts, from how often each flag occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED = 0x1, 0x2, 0x4, 0x8
READ1, READ2, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800


def flagstat(flags: Counter[int], apart: Counter[tuple[bool, bool]]) -> list[tuple[str, int, int]]:
    """(what, QC-passed, QC-failed): the rows of `samtools flagstat`.

    `flags` counts alignments by flag. `apart` counts the mapped primary reads whose mate is on another reference, by
    (failed QC, mapping quality of 5 or more): what the flags alone do not tell.
    """
    rows: dict[str, list[int]] = {name: [0, 0] for name in _FLAGSTAT}
    for flag, count in flags.items():
        for name in _flag_rows(flag):
            rows[name][bool(flag & QC_FAIL)] += count
    for (failed, confident), count in apart.items():
        rows["with mate mapped to a different chr"][failed] += count
        if confident:
            rows["with mate mapped to a different chr (mapQ>=5)"][failed] += count
    return [(name, passed, failed) for name, (passed, failed) in rows.items()]


_FLAGSTAT = (
    "in total",
    "primary",
    "secondary",
    "supplementary",
    "duplicates",
    "primary duplicates",
    "mapped",
    "primary mapped",
    "paired in sequencing",
    "read1",
    "read2",
    "properly paired",
    "with itself and mate mapped",
    "singletons",
    "with mate mapped to a different chr",
    "with mate mapped to a different chr (mapQ>=5)",
)


def _flag_rows(flag: int) -> Iterator[str]:
    yield "in total"
    if flag & DUPLICATE:
        yield "duplicates"
    if not flag & UNMAPPED:
        yield "mapped"
    if flag & SECONDARY:
        yield "secondary"
        return
    if flag & SUPPLEMENTARY:
        yield "supplementary"
        return
    yield "primary"
    if flag & DUPLICATE:
        yield "primary duplicates"
    if not flag & UNMAPPED:
        yield "primary mapped"
    if flag & PAIRED:
        yield from _pair_rows(flag)


def _pair_rows(flag: int) -> Iterator[str]:
    yield "paired in sequencing"
    if flag & READ1:
        yield "read1"
    if flag & READ2:
        yield "read2"
    if flag & UNMAPPED:
        return
    if flag & PROPER:
        yield "properly paired"
    yield "singletons" if flag & MATE_UNMAPPED else "with itself and mate mapped"
