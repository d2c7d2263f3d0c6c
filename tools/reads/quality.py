"""The quality of reads in one pass, in memory that does not grow with the file.

What is measured, and how, is FastQC's as Virtool stores it: percentiles are a cumulative walk over a histogram of whole
numbers, %GC and the mean of a read are whole numbers cut off, and a cycle that 100 reads or fewer reach has no
percentiles: its mean stands in their place. What differs, on purpose:

- Every cycle has a row of its own up to cycle 1,000. FastQC joins cycles from the 10th on (10-14) unless told not to.
- Beyond 1,000, where FastQC keeps a table for every cycle, rows are 10 cycles wide, from 10,000 on 100, and so on;
  percentiles are those of all qualities in the row. `cycles` has the first and last cycle of each row.
- Reads of length zero count as reads and in the lengths, and nowhere else.
- Mean qualities of 50 and more (HiFi) are counted at 49, the last of Virtool's 50 counters.
- Which encoding the file has is judged from the highest quality too, see `encoding_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.contract import InputFailure
from tools.reads.fastq import QUALITY, SEQUENCE, Batch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Printable characters from `!` on, which a quality can be.
LOWEST, SCORES = 33, 94
#: Letters as they are counted. A class per row of the tally's table; the last is for what is none.
A, C, G, T, N, AMBIGUOUS, U, NONE = range(8)
CLASSES = 7

#: Cycles with a row of their own.
SINGLE = 1000
#: Cycles beyond share the last row.
MOST_CYCLES = 10_000_000
#: A cycle that no more reads reach has no percentiles.
FEW = 100
PERCENTILES = (50, 25, 75, 10, 90)
MEANS = 50

#: What an Illumina machine writes at most: K in Phred+33, i in Phred+64.
HIGHEST_33, HIGHEST_64 = ord("K"), ord("i")
#: With fewer reads the encoding is not judged.
ENOUGH_READS = 100

SANGER, ILLUMINA_13, ILLUMINA_15 = "Sanger / Illumina 1.9", "Illumina 1.3", "Illumina 1.5"
#: From a Phred+64 character to the Phred+33 one.
SHIFT = 31


def _letters() -> bytes:
    classes = bytearray([NONE] * 256)
    for kind, letters in (
        (A, "A"),
        (C, "C"),
        (G, "G"),
        (T, "T"),
        (N, "N"),
        (AMBIGUOUS, ".RYSWKMBDHV"),
        (U, "U"),
    ):
        for letter in letters:
            classes[ord(letter)] = classes[ord(letter.lower())] = kind
    return bytes(classes)


_LETTERS = _letters()


def row_of(cycles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of each cycle; cycles are counted from 0."""
    import numpy as np

    capped = np.minimum(cycles, MOST_CYCLES - 1)
    rows, width = np.minimum(capped, SINGLE), 10
    for start in (SINGLE, 10 * SINGLE, 100 * SINGLE, 1000 * SINGLE):
        rows = rows + np.clip(capped - start, 0, 9 * start + width - 1) // width
        width *= 10
    return rows


def cycles_of(rows: int, longest: int) -> list[list[int]]:
    """First and last cycle of each row, counted from 1, of reads up to this length."""
    found, start, width = [], 0, 1
    for _ in range(rows):
        if start >= SINGLE and start == SINGLE * width:
            width *= 10
        found.append([start + 1, min(start + width, longest)])
        start += width
    if found and found[-1][1] < longest:
        found[-1][1] = longest
    return found


@dataclass
class Tally:
    """What one file's reads add up to."""

    name: str
    count: int = 0
    shortest: int = 0
    longest: int = 0
    lower_case: bool = False
    crlf: bool = False
    #: Lowest and highest quality character.
    lowest: int = 126
    highest: int = LOWEST
    #: Qualities by row, class of the letter, and character.
    table: NDArray[np.int64] = field(init=False)
    #: Reads by their mean character; by the row of their last cycle, the first for length zero.
    means: NDArray[np.int64] = field(init=False)
    ends: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        import numpy as np

        self.table = np.zeros((0, CLASSES, SCORES), np.int64)
        self.means = np.zeros(SCORES, np.int64)
        self.ends = np.zeros(1, np.int64)

    def add(self, batch: Batch) -> None:
        """Raises InputFailure with the record that has a letter or a quality character that cannot be."""
        import numpy as np

        lengths = batch.lengths(SEQUENCE)
        letters, characters = batch.lines(SEQUENCE), batch.lines(QUALITY)
        self._count(batch, lengths)
        if not len(letters):
            return
        classes = np.frombuffer(letters.tobytes().translate(_LETTERS), np.uint8)
        if classes.max() == NONE:
            raise InputFailure(f"{self.name}: {_bad_letter(batch, classes)}")
        lowest, highest = int(characters.min()), int(characters.max())
        if lowest < LOWEST or highest > 126:
            raise InputFailure(f"{self.name}: {_bad_quality(batch, characters)}")
        if batch.data[: batch.ends[-1, QUALITY]].max() > 126:
            raise InputFailure(f"{self.name}: {_not_ascii(batch)}")
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)
        self.lower_case |= bool(letters.max() >= ord("a"))
        keys = np.multiply(classes, SCORES, dtype=np.int64)
        keys += characters
        self._add_table(keys, lengths)
        self._add_means(characters, lengths[lengths > 0])

    def _count(self, batch: Batch, lengths: NDArray[np.int64]) -> None:
        import numpy as np

        shortest, longest = int(lengths.min()), int(lengths.max())
        self.shortest = min(self.shortest, shortest) if self.count else shortest
        self.longest = max(self.longest, longest)
        self.count += len(batch)
        self.crlf |= batch.crlf
        found = np.bincount(np.where(lengths > 0, row_of(lengths - 1) + 1, 0))
        self.ends = _grown(self.ends, len(found))
        self.ends[: len(found)] += found

    def _add_table(self, keys: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        """`keys` has the class and the character of every letter; here comes the row."""
        import numpy as np

        longest, size = int(lengths.max()), CLASSES * SCORES
        offsets = row_of(np.arange(longest)) * size - LOWEST
        if (lengths == longest).all():
            keys.reshape(-1, longest)[:] += offsets
        else:
            before = np.cumsum(lengths) - lengths
            keys += offsets[np.arange(len(keys)) - np.repeat(before, lengths)]
        self.table = _grown(self.table, int(row_of(np.array([longest - 1]))[0]) + 1)
        np.add.at(self.table.reshape(-1), keys, 1)  # unlike bincount it makes no table of its own

    def _add_means(self, characters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
        import numpy as np

        if (lengths == lengths[0]).all():
            sums = characters.reshape(-1, lengths[0]).sum(axis=1, dtype=np.int64)
        else:
            sums = np.add.reduceat(characters, np.cumsum(lengths) - lengths, dtype=np.int64)
        self.means += np.bincount(sums // lengths - LOWEST, minlength=SCORES)

    @property
    def ambiguous(self) -> int:
        """Letters such as R or Y, and dots."""
        return int(self.table[:, AMBIGUOUS].sum())

    @property
    def uracils(self) -> int:
        return int(self.table[:, U].sum())


def _grown(array: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    import numpy as np

    if len(array) >= rows:
        return array
    return np.concatenate([array, np.zeros((rows - len(array), *array.shape[1:]), np.int64)])


def _bad_letter(batch: Batch, classes: NDArray[np.uint8]) -> str:
    record, place = _place(batch, int((classes == NONE).argmax()))
    letter = batch.line(record, SEQUENCE)[place : place + 1].decode("ascii", "replace")
    who = f"record {batch.first + record:,} ({batch.identifier(record)})"
    if letter.isalpha() or letter == "*":
        return f"{who} has the letter {letter}, which is no nucleotide: is it a protein? Give reads of DNA or RNA."
    if letter.isspace():
        return f"{who} has a blank in its sequence. Take it out."
    return f"{who} has “{letter}” in its sequence, which is no nucleotide."


def _bad_quality(batch: Batch, characters: NDArray[np.uint8]) -> str:
    record, place = _place(batch, int(((characters < LOWEST) | (characters > 126)).argmax()))
    code = batch.line(record, QUALITY)[place]
    who = f"record {batch.first + record:,} ({batch.identifier(record)})"
    what = "a blank" if code in (9, 32) else f"the byte {code}"
    return f"{who} has {what} in its qualities, which are characters from “!” to “~”. The file is damaged."


def _not_ascii(batch: Batch) -> str:
    ends = batch.ends[:, QUALITY]
    place = int((batch.data[: ends[-1]] > 126).argmax())
    record = int(ends.searchsorted(place, side="right"))
    return (
        f"record {batch.first + record:,} ({batch.identifier(record)}) has a character in its name or its line “+” "
        "that is not plain ASCII, which the programs that come after do not take. Take it out."
    )


def _place(batch: Batch, index: int) -> tuple[int, int]:
    """Record and place in it of a letter, counted over the whole batch."""
    import numpy as np

    ends = np.cumsum(batch.lengths(SEQUENCE))
    record = int(np.searchsorted(ends, index, side="right"))
    return record, index - int(ends[record] - batch.lengths(SEQUENCE)[record])


def encoding_of(tallies: Sequence[Tally]) -> str:
    """The encoding that all files of a sample share. Raises InputFailure for Solexa's.

    Phred+64 (Illumina 1.3 to 1.7) is what has no character below `@`, some above `K` and none above `i`, in 100 reads
    or more; 1.3 when the lowest is `A`, otherwise 1.5, as FastQC names them. (FastQC looks at the lowest character
    only, and takes reads of a constant high quality, as simulators write them, for Illumina 1.5.) Solexa's scores,
    which are no Phred scores, have characters from `;` on. Everything else is Phred+33.
    """
    lowest, highest = min(tally.lowest for tally in tallies), max(tally.highest for tally in tallies)
    enough = sum(tally.count for tally in tallies) >= ENOUGH_READS
    if not enough or not HIGHEST_33 < highest <= HIGHEST_64 or lowest < ord(";"):
        return SANGER
    if lowest >= ord("@"):
        return ILLUMINA_13 if lowest == ord("A") else ILLUMINA_15
    raise InputFailure(
        f"The qualities of {' and '.join(tally.name for tally in tallies)} go from “{chr(lowest)}” to "
        f"“{chr(highest)}”: they are Solexa scores of before 2007, which are no Phred scores. "
        "Convert them first (for instance with: seqret -sformat fastq-solexa -osformat fastq-sanger)."
    )


def too_few_to_judge(tallies: Iterable[Tally]) -> bool:
    """Whether the encoding would be judged otherwise with more reads."""
    found = list(tallies)
    return (
        sum(tally.count for tally in found) < ENOUGH_READS
        and min(tally.lowest for tally in found) >= ord("@")
        and HIGHEST_33 < max(tally.highest for tally in found) <= HIGHEST_64
    )


def quality(tally: Tally, encoding: str) -> dict[str, Any]:
    """Virtool's quality object of one file, with `cycles` and `lengths` ([from, to, reads]) besides."""
    import numpy as np

    first = 0 if encoding == SANGER else SHIFT
    scores = tally.table.sum(axis=1)[:, first:]
    letters = tally.table.sum(axis=2)
    totals = letters[:, [A, C, G, T, U]].sum(axis=0)
    bases, strong = int(totals.sum()), int(totals[1] + totals[2])
    means = np.zeros(MEANS, np.int64)
    np.add.at(means, np.minimum(np.arange(SCORES - first), MEANS - 1), tally.means[first:])
    cycles = cycles_of(len(scores), tally.longest)
    return {
        "bases": _bases(scores, np.cumsum(tally.ends[::-1])[::-1][1:]),
        "composition": _composition(letters),
        "count": tally.count,
        "encoding": encoding,
        "gc": strong * 100 // bases if bases else 0,
        "length": [tally.shortest, tally.longest],
        "sequences": means.tolist(),
        "cycles": cycles,
        "lengths": [
            [start, end, int(reads)]
            for (start, end), reads in zip([[0, 0], *cycles], tally.ends, strict=True)
            if reads
        ],
    }


def _bases(scores: NDArray[np.int64], reached: NDArray[np.int64]) -> list[list[float]]:
    """Mean, median, quartiles and 10th and 90th percentile of each row. `reached`: reads that reach it."""
    import numpy as np

    totals = scores.sum(axis=1)
    means = (scores * np.arange(scores.shape[1])).sum(axis=1) / np.maximum(totals, 1)
    rows = np.repeat(means[:, None], 1 + len(PERCENTILES), axis=1)
    walked = scores.cumsum(axis=1)
    many = reached > FEW
    for column, percent in enumerate(PERCENTILES, start=1):
        found = (walked >= (totals * percent // 100)[:, None]).argmax(axis=1)
        rows[many, column] = found[many]
    return rows.round(3).tolist()


def _composition(letters: NDArray[np.int64]) -> list[list[float]]:
    """Percent of G, A, T and C of each row, of these four."""
    import numpy as np

    counts = np.stack([letters[:, G], letters[:, A], letters[:, T] + letters[:, U], letters[:, C]], axis=1)
    totals = counts.sum(axis=1, keepdims=True)
    return (100 * counts / np.maximum(totals, 1)).round(1).tolist()


def both(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """The quality object of a pair of files: means row by row, sums of reads, the encoding of the first.

    Rows that only the longer file has are its own. Lengths are counted together.
    """
    longer = left if len(left["cycles"]) >= len(right["cycles"]) else right
    lengths: dict[tuple[int, int], int] = {}
    for start, end, reads in [*left["lengths"], *right["lengths"]]:
        lengths[start, end] = lengths.get((start, end), 0) + reads
    return {
        "bases": _mean_rows(left["bases"], right["bases"], 3),
        "composition": _mean_rows(left["composition"], right["composition"], 1),
        "count": left["count"] + right["count"],
        "encoding": left["encoding"],
        "gc": (left["gc"] + right["gc"]) / 2,
        "length": [
            min(left["length"][0], right["length"][0]),
            max(left["length"][1], right["length"][1]),
        ],
        "sequences": [one + other for one, other in zip(left["sequences"], right["sequences"], strict=True)],
        "cycles": longer["cycles"],
        "lengths": [[*where, reads] for where, reads in sorted(lengths.items())],
    }


def _mean_rows(left: list[list[float]], right: list[list[float]], digits: int) -> list[list[float]]:
    shared = [
        [round((one + other) / 2, digits) for one, other in zip(first, second, strict=True)]
        for first, second in zip(left, right, strict=False)
    ]
    return shared + (left if len(left) > len(right) else right)[len(shared) :]
