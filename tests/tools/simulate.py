"""Reads of known origin: from sequences with weights, with errors and divergence, the same for the same seed.

Like wgsim, but the number of reads of each sequence is exact, and where a read comes from stands in its name.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BASES = "ACGT"
_COMPLEMENT = str.maketrans("ACGTRYKMBVDHacgtn", "TGCAYRMKVBHDtgcan")
#: Phred 37 for what was read right, 12 for an error.
GOOD, BAD = "F", "-"


@dataclass(frozen=True)
class Source:
    name: str
    sequence: str
    #: In proportion to the other sources: of the reads, not of the molecules.
    weight: float = 1.0


@dataclass(frozen=True)
class Read:
    #: The whole header without `@`: sim:SOURCE:NUMBER, a blank, and which mate it is.
    header: str
    bases: str
    quality: str

    @property
    def source(self) -> str:
        return self.header.split(":")[1]


def sequence(rng: random.Random, length: int, gc: float = 0.5) -> str:
    """Random bases."""
    weights = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return "".join(rng.choices(BASES, weights, k=length))


def diverged(rng: random.Random, bases: str, divergence: float, indels: float = 0.0) -> str:
    """A relative: this share of the bases is another one; `indels` is the share where one is lost or one comes in."""
    changed = []
    for base in bases:
        drawn = rng.random()
        if drawn < divergence:
            base = rng.choice([other for other in BASES if other != base.upper()])
        elif drawn < divergence + indels:
            base = rng.choice(["", base + rng.choice(BASES)])
        changed.append(base)
    return "".join(changed)


def host(rng: random.Random, length: int, fragment: str = "", at: float = 0.5) -> str:
    """A random genome that carries a fragment (of a virus, say) at this share of its length."""
    genome = sequence(rng, length - len(fragment), 0.4)
    place = int(len(genome) * at)
    return genome[:place] + fragment + genome[place:]


def reverse_complement(bases: str) -> str:
    return bases.translate(_COMPLEMENT)[::-1]


def shares(sources: Sequence[Source], number: int) -> list[int]:
    """How many reads each source gives: exact to one read, and `number` together."""
    total = sum(source.weight for source in sources)
    wanted = [number * source.weight / total for source in sources]
    counts = [int(want) for want in wanted]
    most_short = sorted(range(len(sources)), key=lambda index: counts[index] - wanted[index])
    for index in most_short[: number - sum(counts)]:
        counts[index] += 1
    return counts


def paired(
    rng: random.Random,
    sources: Sequence[Source],
    pairs: int,
    *,
    length: int = 150,
    insert: tuple[float, float] = (350, 50),
    error: float = 0.005,
) -> tuple[list[Read], list[Read]]:
    """Mates of a fragment of normal length (mean, standard deviation), either strand; in random order."""
    fragments = []
    for source, count in zip(sources, shares(sources, pairs), strict=True):
        for _ in range(count):
            size = min(max(round(rng.gauss(*insert)), length), len(source.sequence))
            fragments.append((source.name, _fragment(rng, source.sequence, size)))
    rng.shuffle(fragments)
    mates: tuple[list[Read], list[Read]] = ([], [])
    for number, (name, fragment) in enumerate(fragments):
        ends = fragment[:length], reverse_complement(fragment)[:length]
        for mate, bases in enumerate(ends):
            mates[mate].append(_read(rng, f"{_name(name, number)} {mate + 1}:N:0:ACGT", bases, error))
    return mates


def single(
    rng: random.Random,
    sources: Sequence[Source],
    reads: int,
    *,
    lengths: Sequence[int] = (75,),
    error: float = 0.005,
) -> list[Read]:
    """Reads from either strand; in random order."""
    cut = [
        (source.name, _fragment(rng, source.sequence, rng.choice(lengths)))
        for source, count in zip(sources, shares(sources, reads), strict=True)
        for _ in range(count)
    ]
    rng.shuffle(cut)
    return [
        _read(rng, f"{_name(name, number)} 1:N:0:ACGT", bases, error)
        for number, (name, bases) in enumerate(cut)
    ]


def small_rna(
    rng: random.Random, sources: Sequence[Source], reads: int, *, error: float = 0.005
) -> list[Read]:
    """What is left of a virus where a plant cuts it up: 21 to 24 nt, most of them 21 and 22."""
    return single(rng, sources, reads, lengths=(21, 21, 21, 22, 22, 23, 24), error=error)


def _name(source: str, number: int) -> str:
    return f"sim:{source.replace(' ', '_')}:{number}"  # a blank would end it


def _fragment(rng: random.Random, bases: str, size: int) -> str:
    start = rng.randrange(len(bases) - size + 1)
    cut = bases[start : start + size]
    return reverse_complement(cut) if rng.random() < 0.5 else cut


def _read(rng: random.Random, header: str, bases: str, error: float) -> Read:
    quality = GOOD * len(bases)
    for place in _errors(rng, len(bases), error):
        other = rng.choice([base for base in BASES if base != bases[place]])
        bases = bases[:place] + other + bases[place + 1 :]
        quality = quality[:place] + BAD + quality[place + 1 :]
    return Read(header, bases, quality)


def _errors(rng: random.Random, length: int, error: float) -> Iterator[int]:
    """Places where an error falls: gaps between errors are exponential, which needs few random numbers."""
    place = rng.expovariate(error) if error else length
    while place < length:
        yield int(place)
        place += 1 + rng.expovariate(error)


def fastq(reads: Iterable[Read]) -> str:
    return "".join(f"@{read.header}\n{read.bases}\n+\n{read.quality}\n" for read in reads)


def write(path: Path, reads: Iterable[Read]) -> Path:
    """As FASTQ, gzipped when the name ends so."""
    content = fastq(reads).encode()
    path.write_bytes(gzip.compress(content, 6, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in sequences.items()))
    return path
