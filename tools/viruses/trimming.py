"""Trimming of adapters and bad ends with skewer (Jiang et al. 2014, doi:10.1186/1471-2105-15-182)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.contract import RunningJob

#: Of small RNAs, which are 21-24 nt long.
SHORTEST_SMALL_RNA = 18

_SEEN = re.compile(r"\s*(\d+) read(?: pair)?s processed")
_LEFT = re.compile(r"\s*(\d+) \(.*%\) read(?: pair)?s available")


@dataclass(frozen=True)
class Trimmed:
    #: reads_1.fq.gz, and reads_2.fq.gz when paired.
    files: tuple[Path, ...]
    #: Reads (of both files) before and after.
    before: int
    after: int

    @property
    def lost(self) -> float:
        """The share that is gone."""
        return 1 - self.after / self.before if self.before else 0.0


def minimum_length(longest: int, *, small_rna: bool) -> int:
    """Shortest read that is kept: Virtool's rule by the sample's longest read; 18 for a library of small RNAs."""
    if small_rna:
        return SHORTEST_SMALL_RNA
    if longest < 80:
        return 35
    return 100 if longest < 160 else 160


def trim(
    job: RunningJob,
    reads: Sequence[Path],
    *,
    minimum: int,
    max_error_rate: float,
    max_indel_rate: float,
    end_quality: int,
    mean_quality: int,
) -> Trimmed:
    """Into `trimmed/` of the working folder. No read left is no failure: the files are empty then."""
    folder = job.work / "trimmed"
    folder.mkdir()
    told = {"before": 0, "after": 0}

    def count(line: str) -> None:
        for name, pattern in (("before", _SEEN), ("after", _LEFT)):
            if found := pattern.match(line):
                told[name] = int(found[1]) * len(reads)

    job.command(
        [
            "skewer",
            *("-r", str(max_error_rate)),
            *("-d", str(max_indel_rate)),
            *("-m", "pe" if len(reads) == 2 else "any"),
            *("-l", str(minimum)),
            *("-q", str(end_quality)),
            *("-Q", str(mean_quality)),
            *("-f", "sanger"),  # Phred+33: its guess fails where all qualities are equal
            *("-t", str(job.cpus)),
            "--quiet",
            "-z",
            *("-o", "trimmed/reads"),  # relative: it hands the name to a shell
            *reads,
        ],
        on_line=count,
        reads=reads,
    )
    written = ["reads-trimmed.fastq.gz"]
    if len(reads) == 2:
        written = ["reads-trimmed-pair1.fastq.gz", "reads-trimmed-pair2.fastq.gz"]
    files = tuple(
        (folder / name).rename(folder / f"reads_{number}.fq.gz")
        for number, name in enumerate(written, start=1)
    )
    return Trimmed(files, **told)
