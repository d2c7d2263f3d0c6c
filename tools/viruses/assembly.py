"""Assembly with SPAdes (Prjibelski et al. 2020, doi:10.1002/cpbi.102), and what it leaves when reads are few."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.contract import RunningJob, ToolFailure
from tools.viruses import bowtie2

#: k-mer sizes as Virtool gives them to SPAdes.
KMERS = (21, 33, 55, 75)
SMALL_RNA_KMERS = (17, 21, 23)

#: Reads up to this length are corrected; SPAdes's correction takes minutes for each megabase of reads of 30 kb.
LONGEST_CORRECTED = 1000

#: What SPAdes says before it stops because there is too little to assemble; everything else is a failure of SPAdes.
_TOO_LITTLE = (
    "Invalid kmer coverage histogram",  # no k-mer of this size occurs often enough
    "No kmers were extracted from reads",  # nothing but N
)
_STAGE = re.compile(r"===== (Read error correction|K\d+|Breaking scaffolds) started")
_COVERAGE = re.compile(r"_cov_(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Assembly:
    #: FASTA; None when the reads were too few or too short to give any.
    scaffolds: Path | None
    #: The k-mer sizes that were used in the end.
    kmers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scaffold:
    name: str
    sequence: str

    @property
    def coverage(self) -> float | None:
        """Of k-mers, as SPAdes puts it into the name."""
        found = _COVERAGE.search(self.name)
        return float(found[1]) if found else None


def fitting(kmers: Sequence[int], longest: int) -> tuple[int, ...]:
    """The sizes below the longest read: a read of n nt has no k-mer pair beyond."""
    return tuple(size for size in kmers if size < longest)


def assemble(
    job: RunningJob, reads: Sequence[Path], kmers: Sequence[int], *, memory_mb: int, correct: bool = True
) -> Assembly:
    """One file of reads, or two of pairs. Where k-mers of a size occur too seldom, the sizes below are used alone.

    SPAdes makes no scaffolds where it cannot tell how far mates are apart: its contigs stand for them then.
    """
    left = tuple(kmers)
    folder = job.work / "assembly"
    while left:
        refused = _run(job, reads, left, folder, correct=correct, memory_mb=memory_mb)
        if refused is None:
            made = (folder / name for name in ("scaffolds.fasta", "contigs.fasta"))
            return Assembly(next((path for path in made if path.exists()), None), left)
        left = tuple(size for size in left if size < refused)
        shutil.rmtree(folder, ignore_errors=True)
        job.log(f"Too few reads for k-mers of {refused}." if refused else "The reads hold no k-mer.")
    return Assembly(None, ())


def _run(
    job: RunningJob,
    reads: Sequence[Path],
    kmers: tuple[int, ...],
    folder: Path,
    *,
    correct: bool,
    memory_mb: int,
) -> int | None:
    """None when SPAdes came to its end, or the k-mer size for which there was too little; 0 before the first."""
    stages = ["Read error correction", *(f"K{size}" for size in kmers), "Breaking scaffolds"]
    at = 0
    too_little = False

    def follow(line: str) -> None:
        nonlocal at, too_little
        too_little = too_little or any(words in line for words in _TOO_LITTLE)
        if found := _STAGE.search(line):
            stage = found[1]
            at = int(stage[1:]) if stage.startswith("K") else 0
            job.progress(stages.index(stage) / len(stages), stage)

    names = [bowtie2.relative(job, each) for each in reads]
    try:
        job.command(
            [
                "spades.py",
                *("-t", str(job.cpus)),
                *("-m", str(max(1, memory_mb // 1024))),
                *("-k", ",".join(map(str, kmers))),
                *(() if correct else ("--only-assembler",)),
                *("--phred-offset", "33"),  # its guess fails where all qualities are equal
                *(
                    "-o",
                    folder.name,
                ),  # it takes the words of a name with blanks, as a site's folder may have, apart
                *(("-s", *names) if len(reads) == 1 else ("-1", names[0], "-2", names[1])),
            ],
            on_line=follow,
        )
    except ToolFailure:
        if too_little:
            return at
        raise
    return None


def scaffolds(path: Path) -> Iterator[Scaffold]:
    """From a FASTA file, plain or gzipped, one after the other."""
    import dnaio

    if path.stat().st_size == 0:
        return
    with dnaio.open(path, fileformat="fasta") as reader:
        for record in reader:
            yield Scaffold(record.name, record.sequence.upper())
