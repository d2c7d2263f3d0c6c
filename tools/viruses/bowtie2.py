"""Indexes for bowtie2."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tools.contract import RunningJob, ToolFailure

#: An index has these six; with more than 4 GB of letters they end in `l`.
PARTS = (".1.bt2", ".2.bt2", ".3.bt2", ".4.bt2", ".rev.1.bt2", ".rev.2.bt2")

_BLOCK = re.compile(r"\s*Getting block (\d+) of (\d+)")
_FORWARD_DONE = "Total time for call to driver() for forward index"


def build(job: RunningJob, fasta: Path, prefix: Path) -> None:
    """Builds the index `prefix`.1.bt2, ... of a FASTA file in DNA. Raises ToolFailure."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    job.command(
        ["bowtie2-build", "-f", "--threads", str(job.cpus), relative(job, fasta), relative(job, prefix)],
        on_line=_Progress(job).hear,
    )
    files(prefix)


def relative(job: RunningJob, path: Path) -> str:
    """The path as seen from the working folder: bowtie2 takes lists at commas, which a site's folder may have."""
    return os.path.relpath(path, job.work)


def files(prefix: Path) -> list[Path]:
    """The six files of an index. Raises ToolFailure where one is missing."""
    for large in ("", "l"):
        found = [prefix.with_name(f"{prefix.name}{part}{large}") for part in PARTS]
        if all(each.is_file() for each in found):
            return found
    raise ToolFailure(
        f"The bowtie2 index {prefix.name} is incomplete: it needs {prefix.name}.1.bt2 to .rev.2.bt2."
    )


class _Progress:
    """Of bowtie2-build: it works through the blocks of the sequences, and again through those of their mirror image."""

    def __init__(self, job: RunningJob) -> None:
        self._job = job
        self._mirror = False

    def hear(self, line: str) -> None:
        if line.startswith(_FORWARD_DONE):
            self._mirror = True
        if block := _BLOCK.match(line):
            share = (int(block[1]) - 1) / int(block[2])
            self._job.progress((share + self._mirror) / 2)
