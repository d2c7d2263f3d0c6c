"""What the workflows on a sample are given: its reads, bowtie2's indexes, and what may be wrong with the folders.

The reads of a sample are in Phred+33: Create Sample makes them so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools import library
from tools.contract import Given, LocalFile, PriceLine, Problem, ToolFailure
from tools.viruses import bowtie2, reference, subtraction

GB = 10**9


def reads(sample: Path) -> list[Path]:
    """One file, or two of pairs."""
    return sorted(sample.glob("reads_[12].fq.gz"))


def index(file: LocalFile) -> Path:
    """What bowtie2 takes after -x."""
    return file.path / reference.BOWTIE


def host(file: LocalFile) -> Path:
    """The same of a subtraction."""
    return file.path / subtraction.BOWTIE


def price_by_size(given: Given[Any, Any], credits_per_gb: int) -> Iterator[PriceLine]:
    """For each started GB of the sample's reads beyond the first."""
    size = sum(each.stat().st_size for sample in given.files("sample") for each in reads(sample.path))
    more = math.ceil(size / GB) - 1
    if more > 0:
        yield PriceLine(f"{size / GB:.1f} GB of reads", more * credits_per_gb)


def problems(given: Given[Any, Any]) -> Iterator[Problem]:
    """With `sample`, `index` and `subtractions`."""
    for name, fault in (
        ("sample", _sample_fault),
        ("index", _index_fault),
        ("subtractions", _subtraction_fault),
    ):
        for file in given.files(name):
            if told := fault(file):
                yield Problem(name, told)


def _sample_fault(file: LocalFile) -> str | None:
    if not (file.path / library.ABOUT).is_file() or not reads(file.path):
        return f"{file.name} is no sample, or its reads are gone. Make it again with Create Sample."
    if not library.about(file.path)["facts"].get("count"):
        return f"{file.name} has no reads. Choose another sample."
    return None


def _index_fault(file: LocalFile) -> str | None:
    if all((file.path / name).is_file() for name in (library.ABOUT, reference.EXPORT)) and _whole(
        index(file)
    ):
        return None
    return f"{file.name} is no index, or not a whole one. Build it again with Build Index."


def _subtraction_fault(file: LocalFile) -> str | None:
    if _whole(host(file)):
        return None
    return f"{file.name} is no subtraction, or not a whole one. Make it again with Create Subtraction."


def _whole(prefix: Path) -> bool:
    try:
        bowtie2.files(prefix)
    except ToolFailure:
        return False
    return True
