"""Alignments of reads to virus sequences, from bowtie2's SAM, in arrays of 20 bytes an alignment.

The score of an alignment is Pathoscope's: the aligner's score (tag AS) plus the length of the read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from tools.contract import ToolFailure

if TYPE_CHECKING:
    import numpy as np

UNMAPPED = 0x4


@dataclass(frozen=True)
class Alignments:
    """One row an alignment, in the order of the SAM. All arrays are int32."""

    #: Number of the read: mates share one name, hence one number.
    read: np.ndarray
    #: Index into `references`.
    reference: np.ndarray
    #: Leftmost aligned base on the reference, from 1.
    position: np.ndarray
    #: Of the whole read, clipped ends included.
    length: np.ndarray
    score: np.ndarray
    #: Ids of the reads -> their numbers; also of reads that are left out by now.
    reads: dict[bytes, int]
    references: list[str]

    def where(self, kept: np.ndarray) -> Alignments:
        """Those of a boolean mask; references without any are gone."""
        import numpy as np

        used, reference = np.unique(self.reference[kept], return_inverse=True)
        return Alignments(
            self.read[kept],
            reference.astype(np.int32),
            self.position[kept],
            self.length[kept],
            self.score[kept],
            self.reads,
            [self.references[index] for index in used],
        )


def rows(stream: BinaryIO) -> Iterator[tuple[bytes, bytes, int, int, int]]:
    """(read, reference, position, length, score) of each mapped line. Raises ToolFailure at a line that is no SAM."""
    for line in stream:
        if line.startswith(b"@"):
            continue
        fields = line.split(b"\t", 11)
        try:
            # r1 16 TMV 1203 255 100M * 0 0 ACGT… IIII… AS:i:200 XN:i:0 …
            read, flag, reference, position, *_, sequence, _, tags = fields
            if int(flag) & UNMAPPED or reference == b"*":
                continue
            score = int(tags[tags.index(b"AS:i:") + 5 :].split(b"\t", 1)[0])
            yield read, reference, int(position), len(sequence), score + len(sequence)
        except ValueError as error:
            raise ToolFailure(f"bowtie2 wrote a line that is no alignment: {line[:80]!r}") from error


def references(stream: BinaryIO, cutoff: float) -> set[str]:
    """Ids of the references that any read aligns to with this score or more."""
    found = {reference for _, reference, _, _, score in rows(stream) if score >= cutoff}
    return {reference.decode() for reference in found}


def read(stream: BinaryIO, cutoff: float) -> Alignments:
    """The alignments with this score or more; reads and references are numbered as they are first seen."""
    import numpy as np

    reads: dict[bytes, int] = {}
    numbers: dict[bytes, int] = {}
    columns = [array("i") for _ in range(5)]
    add_read, add_reference, add_position, add_length, add_score = (column.append for column in columns)
    for name, reference, position, length, score in rows(stream):
        if score < cutoff:
            continue
        add_read(reads.setdefault(name, len(reads)))
        add_reference(numbers.setdefault(reference, len(numbers)))
        add_position(position)
        add_length(length)
        add_score(score)
    ours, theirs, positions, lengths, scores = (np.frombuffer(column, dtype=np.int32) for column in columns)
    names = [reference.decode() for reference in numbers]
    return Alignments(ours, theirs, positions, lengths, scores, reads, names)


def best_scores(stream: BinaryIO, reads: dict[bytes, int]) -> np.ndarray:
    """The best score of each of these reads; -inf where it has no alignment."""
    import numpy as np

    best = np.full(len(reads), -np.inf)
    for name, _, _, _, score in rows(stream):
        number = reads.get(name)
        if number is not None and score > best[number]:
            best[number] = score
    return best


def eliminate(alignments: Alignments, host: Iterable[np.ndarray]) -> tuple[Alignments, int]:
    """What is left of alignments to viruses after one host genome and the next, and how many reads lost alignments.

    `host` has the best scores of the reads with each host genome (see `best_scores`). As in Virtool the test is made
    for each alignment by itself: one is dropped when the host's score is as high or higher. So a read may lose its
    weaker alignments, count as subtracted, and still keep a stronger one; it is not compared with the next host then.
    """
    import numpy as np

    kept = np.ones(len(alignments.read), dtype=bool)
    subtracted = np.zeros(len(alignments.reads), dtype=bool)
    for best in host:
        best = np.where(subtracted, -np.inf, best)
        dropped = kept & (best[alignments.read] >= alignments.score)
        subtracted[alignments.read[dropped]] = True
        kept &= ~dropped
    return alignments.where(kept), int(subtracted.sum())
