"""Open reading frames of a contig, as Virtool finds them: between stops or ends, with no start codon needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")

#: Nucleotides a contig must have more of, and residues that an ORF has at least.
LONGER_THAN = 300
MIN_RESIDUES = 100


@dataclass(frozen=True, slots=True)
class Orf:
    protein: str
    #: +1, or -1 for the reverse complement.
    strand: int
    #: 0, 1 or 2, counted from the strand's own first nucleotide.
    frame: int
    #: On the contig's plus strand, from 0, the end excluded. The stop codon is within, where there is one.
    start: int
    end: int


def find(sequence: str, *, min_residues: int = MIN_RESIDUES, longer_than: int = LONGER_THAN) -> list[Orf]:
    """Plus strand before minus strand, frame by frame, along each; none in a contig that is not longer."""
    if len(sequence) <= longer_than:
        return []
    plus = sequence.upper()
    return [
        orf
        for strand, own in ((1, plus), (-1, reverse_complement(plus)))
        for frame in (0, 1, 2)
        for orf in _in_frame(own, strand, frame, min_residues)
    ]


def reverse_complement(sequence: str) -> str:
    return sequence.translate(COMPLEMENT)[::-1]


def translate(sequence: str) -> str:
    """Whole codons of an upper-case sequence by the standard code: `*` for a stop, `X` for what is not known."""
    table = codons()
    return "".join([table.get(sequence[at : at + 3], "X") for at in range(0, len(sequence) - 2, 3)])


@cache
def codons() -> dict[str, str]:
    """The standard code; N in the third place where the first two nucleotides decide alone."""
    from Bio.Data.CodonTable import unambiguous_dna_by_name

    standard = unambiguous_dna_by_name["Standard"]
    table = dict(standard.forward_table) | dict.fromkeys(standard.stop_codons, "*")
    for box in {codon[:2] for codon in table}:
        residues = {table[box + third] for third in "ACGT"}
        if len(residues) == 1:
            table[box + "N"] = residues.pop()
    return table


def _in_frame(own: str, strand: int, frame: int, min_residues: int) -> Iterator[Orf]:
    length, first = len(own), 0
    for protein in translate(own[frame:]).split("*"):
        last = first + len(protein)
        if len(protein) >= min_residues:
            begins, ends = frame + 3 * first, frame + 3 * last + 3
            start, end = (
                (begins, min(length, ends)) if strand > 0 else (max(0, length - ends), length - begins)
            )
            yield Orf(protein, strand, frame, start, end)
        first = last + 1
