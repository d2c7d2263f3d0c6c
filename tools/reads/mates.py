"""Two files of mates, read side by side: as many reads, of the same names, in the same order.

Names are compared up to the first blank. They may end with a sign and the number of the mate: `/1` and `/2` of older
Illumina machines, `.1` and `.2` of the Sequence Read Archive, `;1` and `;2`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.contract import InputFailure
from tools.reads.fastq import NAME, QUALITY, SEQUENCE, Batch, Source, batches

if TYPE_CHECKING:
    from tools.reads.fastq import Bytes, Numbers


def side_by_side(sources: Sequence[Source]) -> Iterator[tuple[int, Batch]]:
    """Batches of one file or two, with the file's index. Raises InputFailure where reads are no mates.

    Of two files the one that is behind is read next, so that what waits for its mate is never more than a few batches.
    """
    if len(sources) == 1:
        yield from ((0, batch) for batch in batches(sources[0]))
        return
    readers = [batches(source) for source in sources]
    waiting = [_Waiting(), _Waiting()]
    names = [source.name for source in sources]
    while True:
        behind = 0 if waiting[0].count <= waiting[1].count else 1
        batch = next(readers[behind], None)
        if batch is None:
            break
        yield behind, batch
        waiting[behind].add(batch)
        _compare(waiting, names)
    other = 1 - behind
    more = waiting[other].count > waiting[behind].count or next(readers[other], None) is not None
    if more:
        raise InputFailure(
            f"{names[behind]} has {waiting[behind].count:,} reads, {names[other]} has more. Mates come in files of as "
            "many reads: give two files of the same run, neither cut short nor filtered on its own."
        )


#: What stands before the number of the mate.
_SIGNS = b"/.;:_"


@dataclass
class _Waiting:
    """Names of reads whose mates have not been read yet."""

    #: Reads seen so far.
    count: int = 0
    batches: list[tuple[Bytes, Numbers]] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        self.batches.append(batch.identifiers())
        self.count += len(batch)

    def joined(self) -> tuple[Bytes, Numbers]:
        import numpy as np

        if len(self.batches) > 1:
            self.batches = [
                (
                    np.concatenate([letters for letters, _ in self.batches]),
                    np.concatenate([lengths for _, lengths in self.batches]),
                )
            ]
        return self.batches[0]


def compare(first: Batch, second: Batch, names: Sequence[str]) -> None:
    """Compares as many reads as both have. Raises InputFailure."""
    waiting = [_Waiting(), _Waiting()]
    for side, batch in zip(waiting, (first, second), strict=True):
        side.add(batch)
    _compare(waiting, names)


def _compare(waiting: list[_Waiting], names: Sequence[str]) -> None:
    """Compares what is there of both and forgets it. Raises InputFailure."""
    import numpy as np

    if not (waiting[0].batches and waiting[1].batches):
        return
    (left, left_lengths), (right, right_lengths) = waiting[0].joined(), waiting[1].joined()
    number = min(len(left_lengths), len(right_lengths))
    ends = [int(left_lengths[:number].sum()), int(right_lengths[:number].sum())]
    same = np.array_equal(left_lengths[:number], right_lengths[:number])
    if not (same and _are_mates(left[: ends[0]], right[: ends[1]], left_lengths[:number])):
        first = waiting[0].count - len(left_lengths)
        ours, theirs = _texts(left, left_lengths[:number]), _texts(right, right_lengths[:number])
        index = next(index for index in range(number) if not _is_mate(ours[index], theirs[index]))
        raise InputFailure(
            f"Record {first + index + 1:,} is {ours[index]} in {names[0]} but {theirs[index]} in {names[1]}: these are "
            "no mates. Give the two files of one sequencing run, with their reads in the same order."
        )
    for side, (letters, lengths) in zip(waiting, ((left, left_lengths), (right, right_lengths)), strict=True):
        rest = letters[int(lengths[:number].sum()) :], lengths[number:]
        side.batches = [rest] if len(rest[1]) else []


def _are_mates(left: Bytes, right: Bytes, lengths: Numbers) -> bool:
    """Whether all of these names, which are as long, are the same but for the mate's number."""
    import numpy as np

    other = np.flatnonzero(left != right)
    if not len(other):
        return True
    ends = np.cumsum(lengths) - 1
    at_end = np.isin(other, ends[lengths > 2]).all()
    numbers = (left[other] == ord("1")).all() and (right[other] == ord("2")).all()
    return bool(at_end and numbers and np.isin(left[other - 1], np.frombuffer(_SIGNS, np.uint8)).all())


def _is_mate(left: str, right: str) -> bool:
    if left == right:
        return True
    ends = len(left) > 2 and left[-2] in _SIGNS.decode() and (left[-1], right[-1:]) == ("1", "2")
    return ends and left[:-1] == right[:-1]


def _texts(letters: Bytes, lengths: Numbers) -> list[str]:
    import numpy as np

    ends = np.cumsum(lengths)
    whole = letters.tobytes()
    return [
        whole[end - length : end].decode(errors="replace")[:80] or "without a name"
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]


def identical(first: Batch, second: Batch) -> bool:
    """Whether both hold the same sequences and qualities: then one file was given twice."""
    return all(_same_lines(first, second, part) for part in (SEQUENCE, QUALITY))


def _same_lines(first: Batch, second: Batch, part: int) -> bool:
    import numpy as np

    return np.array_equal(first.lengths(part), second.lengths(part)) and np.array_equal(
        first.lines(part), second.lines(part)
    )


def mate_of(batch: Batch) -> int:
    """1 or 2, as the first record's name says (`name/2`, `name 2:N:0:ACGT`); 0 when it does not."""
    words = batch.line(0, NAME).decode(errors="replace").split()
    if words and words[0][-2:-1] in set(_SIGNS.decode()) and words[0][-1] in "12":
        return int(words[0][-1])
    if len(words) > 1 and words[1][:2] in ("1:", "2:"):
        return int(words[1][0])
    return 0
