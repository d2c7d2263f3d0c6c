"""Genomes of hosts, whose reads are taken away: what their letters say, and what a subtraction shows."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tools.contract import Column, InputFailure, LocalFile, MetricsPanel, Panel, RowsPanel
from tools.viruses.fasta import Piece
from tools.words import some

#: In the folder of a subtraction. The first is what bowtie2 takes after -x.
BOWTIE = Path("bowtie") / "subtraction"
FASTA = "subtraction.fa.gz"

#: Letters that are counted, in Virtool's order.
COUNTED = "atgcn"

#: Sequences that are listed: the longest ones.
LISTED = 1000

#: Ids that are remembered to find two of the same name.
_IDS = 1_000_000

LETTER_COLUMNS = (
    Column("letter", "Letter"),
    Column("count", "Count", "nt", "BIGINT"),
    Column("share", "Share", "", "DOUBLE", "Of A, C, G, T and N together, as Virtool counts."),
)


@dataclass
class Tally:
    """Counts letters and records as the pieces of a FASTA file pass by."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    #: Letters for one of several bases: R, Y, ...
    ambiguous: int = 0
    records: int = 0
    empty: int = 0
    #: Ids that came again.
    twins: list[str] = field(default_factory=list)
    _ids: set[int] = field(default_factory=set)
    _longest: list[tuple[int, int, str, int, int]] = field(default_factory=list)
    _id: str = ""
    _length: int = 0
    _gc: int = 0
    _acgt: int = 0

    def take(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.is_header:
                self._close()
                self._open(piece.record)
            else:
                self._count(piece.content.lower())
        self._close()

    def _open(self, id: str) -> None:
        self.records += 1
        self._id = id
        self._length = self._gc = self._acgt = 0
        if hash(id) in self._ids:
            self.twins.append(id)
        elif len(self._ids) < _IDS:
            self._ids.add(hash(id))

    def _count(self, letters: bytes) -> None:
        import numpy  # bytes.count takes 100 times as long for a letter that is frequent

        codes = numpy.frombuffer(letters, numpy.uint8)
        found = {letter: int(numpy.count_nonzero(codes == ord(letter))) for letter in COUNTED}
        for letter, count in found.items():
            self.counts[letter] += count
        length = len(letters) - int(numpy.count_nonzero(codes <= ord(" ")))
        self.ambiguous += length - sum(found.values())
        self._length += length
        self._gc += found["g"] + found["c"]
        self._acgt += found["g"] + found["c"] + found["a"] + found["t"]

    def _close(self) -> None:
        """The record that ended, if one was open."""
        if not self.records:
            return
        self.empty += not self._length
        row = (self._length, -self.records, self._id, self._gc, self._acgt)
        if len(self._longest) < LISTED:
            heapq.heappush(self._longest, row)
        else:
            heapq.heappushpop(self._longest, row)

    def judge(self) -> None:
        """Raises InputFailure where no read could be mapped to it."""
        if not self.records:
            raise InputFailure("The file holds no sequences.")
        if not sum(self.counts.values()):
            raise InputFailure("The sequences hold none of the letters A, C, G, T and N.")
        if not sum(self.counts[letter] for letter in "acgt"):
            raise InputFailure("The sequences hold nothing but N: no read can be mapped to them.")

    @property
    def length(self) -> int:
        return self.ambiguous + sum(self.counts.values())

    def share(self, letters: str, digits: int = 3) -> float:
        """Of the five letters together, not of the length, as Virtool has it; halves go to the even digit."""
        counted = sum(self.counts[letter] for letter in letters)
        return float(round(Fraction(counted, sum(self.counts.values())), digits))

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "count": self.records,
            "gc": round(100 * self.share("gc", 5), 3),
            "n": round(100 * self.share("n", 5), 3),
            "shares": {letter: self.share(letter) for letter in COUNTED},
            "length": self.length,
        }

    @property
    def longest(self) -> list[tuple[str, int, float | None]]:
        """(id, length, GC in percent of A, C, G and T), the longest first."""
        return [
            (id, length, round(100 * gc / acgt, 2) if acgt else None)
            for length, _, id, gc, acgt in sorted(self._longest, reverse=True)
        ]

    @property
    def warnings(self) -> list[str]:
        told = []
        if self.twins:
            names = some(list(dict.fromkeys(self.twins)))
            told.append(
                f"Sequences with an id that an earlier one has: {len(self.twins):,} ({names}); all count."
            )
        if self.empty:
            told.append(f"Sequences without letters: {self.empty:,}; bowtie2 leaves them out.")
        if self.ambiguous:
            told.append(
                f"Letters for one of several bases (R, Y, ...): {self.ambiguous:,}; bowtie2 reads them as N."
            )
        return told


def metrics(facts: Mapping[str, Any]) -> MetricsPanel:
    return MetricsPanel(
        "Genome",
        [
            ("Sequences", f"{facts['count']:,}", "Chromosomes, contigs or scaffolds"),
            ("Length", f"{facts['length']:,} nt", "All sequences together"),
            ("GC", f"{facts['gc']:.1f} %", "G and C among A, C, G, T and N"),
            ("N", f"{facts['n']:.1f} %", "Unknown bases among A, C, G, T and N"),
        ],
    )


def panels(file: LocalFile, facts: Mapping[str, Any]) -> list[Panel]:
    """What a subtraction holds."""
    rows = [(letter.upper(), share) for letter, share in facts["shares"].items()]
    columns = [LETTER_COLUMNS[0], LETTER_COLUMNS[2]]
    note = f"Nickname: {facts['nickname']}. " if facts["nickname"] else ""
    return [metrics(facts), RowsPanel("Letters", columns, rows, f"{note}Built with {facts['built_with']}.")]
