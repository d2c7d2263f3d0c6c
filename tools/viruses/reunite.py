"""Which reads survived an elimination, and their pairs brought together again.

A read's id is kept as a 64-bit hash in one sorted array: 8 bytes per read, 0.8 GB for 100 million, and up to three
times that while it is sorted. That another id has the same hash is possible (0.0005 expected among 100 million pairs)
and would keep one pair too many.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tools.contract import ToolFailure

#: Records that are looked up together.
BLOCK = 50_000


@dataclass(frozen=True)
class Survivors:
    reads: int
    #: Nucleotides of the longest.
    longest: int
    #: numpy.ndarray of int64, sorted, each once.
    ids: Any

    def hold(self, ids: Any) -> Any:
        """Which of these hashes are among them, as a numpy.ndarray of bool."""
        import numpy as np

        if not len(self.ids):
            return np.zeros(len(ids), bool)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return self.ids[places] == ids


def read_id(name: str) -> str:
    """The header up to the first space, without the /1 or /2 that bowtie2 may take away."""
    first = next(iter(name.split(None, 1)), "")
    return first[:-2] if first.endswith(("/1", "/2")) else first


def survivors(path: Path) -> Survivors:
    """Of a FASTQ file, plain or gzipped."""
    import dnaio
    import numpy as np

    hashes, longest = array("q"), 0
    if path.stat().st_size:
        with dnaio.open(path) as reader:
            for record in reader:
                hashes.append(hash(read_id(record.name)))
                longest = max(longest, len(record))
    return Survivors(len(hashes), longest, np.unique(np.frombuffer(hashes, np.int64)))


def reunite(
    pairs: tuple[Path, Path],
    kept: Survivors,
    out: tuple[Path, Path],
    done: Callable[[int], None] = lambda pairs: None,
) -> tuple[int, int]:
    """Writes the pairs of which either mate survived; returns their number and their longest read.

    Both files hold the mates in the same order, as skewer leaves them. `done` is told how many pairs were looked at.
    """
    import dnaio
    import numpy as np

    count = longest = seen = 0
    with (
        dnaio.open(pairs[0]) as first,
        dnaio.open(pairs[1]) as second,
        dnaio.open(out[0], mode="w", fileformat="fastq") as first_out,
        dnaio.open(out[1], mode="w", fileformat="fastq") as second_out,
    ):
        for block in _blocks(zip(first, second, strict=True)):
            if not all(one.is_mate(other) for one, other in block):
                raise ToolFailure("The trimmed files do not hold the mates in the same order.")
            held = np.zeros(len(block), bool)
            for mates in zip(
                *block, strict=True
            ):  # their ids may differ in more than a description: “id;1” and “id;2”
                ids = np.fromiter((hash(read_id(mate.name)) for mate in mates), np.int64, len(block))
                held |= kept.hold(ids)
            for (one, other), keep in zip(block, held, strict=True):
                if keep:
                    first_out.write(one)
                    second_out.write(other)
                    count += 1
                    longest = max(longest, len(one), len(other))
            seen += len(block)
            done(seen)
    return count, longest


def _blocks(records: Iterator[Any]) -> Iterator[list[Any]]:
    while block := list(islice(records, BLOCK)):
        yield block
