"""Reads that map to an index or a subtraction are taken away with bowtie2, mates apart from each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tools.contract import RunningJob
from tools.viruses import bowtie2

_LEFT = re.compile(r"\s*(\d+) \([\d.]+%\) aligned 0 times")


def eliminate(
    job: RunningJob, index: Path, reads: Sequence[Path], left: Path, *, part: tuple[int, int] = (1, 1)
) -> int:
    """Writes the reads that align nowhere to the FASTQ file `left`; returns their number.

    `index` is bowtie2's: a path without `.1.bt2`. The alignments themselves are not kept. `part` is which of how many
    such runs in the step.
    """
    found = 0

    def count(line: str) -> None:
        nonlocal found
        if told := _LEFT.match(line):
            found = int(told[1])

    job.command(
        [
            "bowtie2",
            *("-p", str(job.cpus)),
            *("-k", "1"),
            "--very-fast-local",
            *("-x", index),
            "--reorder",  # of what is left too: the assembly of single reads does not depend on the CPUs
            *("--un", bowtie2.relative(job, left)),
            *("-U", ",".join(bowtie2.relative(job, each) for each in reads)),
            *("-S", "/dev/null"),
        ],
        on_line=count,
        reads=reads,
        part=part,
    )
    return found
