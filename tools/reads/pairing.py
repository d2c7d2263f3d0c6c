"""Which files belong to which sample: mates and lanes, told from their names alone.

Understood are Illumina's names (`Leaf_S1_L001_R1_001.fastq.gz`), and a mate at the end after `_R`, `_`, `.R`, `.` or
`-R` (`Leaf_R1.fq`, `Leaf_1.fastq.gz`, `Leaf.2.fq.gz`), with or without a lane before it. What is left in front is the
sample. A word that trimmers add at the end (`Leaf_R1_001_val_1.fq.gz`, `Leaf_R1.trimmed.fq.gz`) is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

_EXTENSION = re.compile(r"\.(fastq|fq)(\.(gz|bgz|bz2|xz))?$", re.IGNORECASE)
_TRIMMED = re.compile(r"(_val_[12]|[._-](trim|trimmed|clean|cleaned|filtered|paired))$", re.IGNORECASE)
_ILLUMINA = re.compile(
    r"(?P<sample>.+?)_S\d+(?:_L(?P<lane>\d{3}))?_(?P<kind>[RI])(?P<mate>[12])_(?P<part>\d{3})"
)
_MATE = re.compile(
    r"(?P<sample>.+?)(?:[_.-]L(?P<lane>\d{3}))?(?:[_.-](?P<kind>[RI])|[_.])(?P<mate>[12])(?:_(?P<part>\d{3}))?"
)
_LANE = re.compile(r"(?P<sample>.+?)(?:_S\d+)?[_.-]L(?P<lane>\d{3})(?:_(?P<part>\d{3}))?")


@dataclass(frozen=True, slots=True)
class Name:
    sample: str
    #: 1 or 2; 0 where the name does not say.
    mate: int = 0
    #: L001 is "001"; empty where the name does not say.
    lane: str = ""
    #: The last number of Illumina's names, of files cut into parts.
    part: str = ""
    #: Reads of an index (I1, I2), which belong to no sample.
    index: bool = False

    @property
    def order(self) -> tuple[str, str]:
        return self.lane, self.part

    @property
    def place(self) -> str:
        """Lane and part in words."""
        words = [f"lane L{self.lane}"] if self.lane else []
        return ", ".join(words + ([f"part {self.part}"] if self.part and self.part != "001" else []))


@dataclass(frozen=True)
class Row:
    """A sample to be: the names of its files, and what stands against it."""

    sample: str
    #: One list of lanes, or two for mates.
    reads: list[list[str]]
    #: Sentences; with one of them it cannot be made.
    problems: list[str]
    #: What one should know.
    notes: list[str]


def is_reads(name: str) -> bool:
    return _EXTENSION.search(name) is not None


def parse(name: str) -> Name:
    stem = _TRIMMED.sub("", _EXTENSION.sub("", PurePath(name).name))
    found = _ILLUMINA.fullmatch(stem) or _MATE.fullmatch(stem) or _LANE.fullmatch(stem)
    if found is None:
        return Name(stem)
    told = found.groupdict()
    return Name(
        told["sample"],
        int(told.get("mate") or 0),
        told["lane"] or "",
        told["part"] or "",
        told.get("kind") == "I",
    )


def pair(names: Sequence[str]) -> list[Row]:
    """A row for each sample, in the order of the samples' names, and one for each name that is none of reads."""
    groups: dict[str, list[tuple[str, Name]]] = defaultdict(list)
    for name in sorted(names):
        if is_reads(name):
            parsed = parse(name)
            groups[parsed.sample].append((name, parsed))
    lanes = {sample: {name.lane for _, name in files if name.lane} for sample, files in groups.items()}
    rows = [_row(sample, files, lanes) for sample, files in groups.items()]
    rows += [
        Row(name, [], [f"{name} is not named as reads are (.fastq or .fq, also with .gz)."], [])
        for name in sorted(names)
        if not is_reads(name)
    ]
    return sorted(rows, key=lambda row: row.sample)


def _row(sample: str, files: list[tuple[str, Name]], lanes: Mapping[str, set[str]]) -> Row:
    reads = [(name, parsed) for name, parsed in files if not parsed.index]
    notes = [f"{name} holds index reads and is left out." for name, parsed in files if parsed.index]
    by_mate = {
        mate: sorted(
            ((name, parsed) for name, parsed in reads if parsed.mate == mate), key=lambda one: one[1].order
        )
        for mate in (0, 1, 2)
    }
    problems = [
        *_repeated(by_mate),
        *_lacking_mates(by_mate),
        *_gaps({parsed.lane for _, parsed in reads if parsed.lane}),
    ]
    if not reads:
        problems.append("There are index reads only.")
    if by_mate[1] and not by_mate[2]:
        notes.append("There are no second reads (R2): a sample of single reads.")
    if missing := sorted(set().union(*lanes.values()) - lanes[sample]) if lanes[sample] else []:
        notes.append(f"Other samples have lanes that this one has not: {_lanes(missing)}.")
    kept = [[name for name, _ in by_mate[mate]] for mate in (0, 1, 2) if by_mate[mate]]
    return Row(sample, kept, problems, notes)


_ByMate = dict[int, list[tuple[str, Name]]]


def _repeated(by_mate: _ByMate) -> list[str]:
    found = []
    for mate, files in by_mate.items():
        places: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, parsed in files:
            places[parsed.order].append(name)
        for order, same in places.items():
            if len(same) > 1:
                place = Name("", mate, *order).place
                what = " of ".join(filter(None, (f"R{mate}" if mate else "reads", place)))
                found.append(
                    f"{len(same)} files for {what}: {', '.join(same)}. Keep one, or rename the other."
                )
    return found


def _lacking_mates(by_mate: _ByMate) -> list[str]:
    unmarked, first, second = ([name for name, _ in by_mate[mate]] for mate in (0, 1, 2))
    if unmarked and (first or second):
        return [f"{', '.join(unmarked)} has no R1 or R2 in its name, but others of the sample have."]
    if second and not first:
        return [f"The first reads (R1) are missing: there is only {', '.join(second)}."]
    if not second:
        return []
    places = [{parsed.order: parsed for _, parsed in by_mate[mate]} for mate in (1, 2)]
    return [
        f"{_capital(places[has][order].place or 'the sample')} has R{has + 1} but no R{2 - has}."
        for has in (0, 1)
        for order in sorted(places[has].keys() - places[1 - has].keys())
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gaps(lanes: set[str]) -> list[str]:
    if not lanes:
        return []
    numbers = {int(lane) for lane in lanes}
    missing = [f"{lane:03}" for lane in range(min(numbers), max(numbers)) if lane not in numbers]
    return [f"{_lanes(missing)} is missing between the others."] if missing else []


def _lanes(lanes: Sequence[str]) -> str:
    return ", ".join(f"L{lane}" for lane in lanes)


class NoSample(Exception):
    """These files are not one sample; says why."""


def arrange(names: Sequence[str]) -> list[list[int]]:
    """The files of one sample, by index: one list of lanes, or two for mates. Raises NoSample.

    One file is a sample of single reads. Two whose names say nothing are mates in the order given. More are mates and
    lanes by name, in whatever order they are given.
    """
    if len(names) == 1:
        return [[0]]
    if len(names) == 2:
        return _arrange_two(names)
    rows = pair(names)
    problems = [problem for row in rows for problem in row.problems]
    if len(rows) > 1:
        samples = ", ".join(row.sample for row in rows[:5])
        problems.insert(
            0, f"The names are those of {len(rows)} samples ({samples}). Make one sample at a time."
        )
    if problems:
        raise NoSample(" ".join(problems))
    where = {name: index for index, name in enumerate(names)}
    if index_reads := [name for name in names if parse(name).index]:
        raise NoSample(
            f"{', '.join(index_reads)} holds index reads, which are no reads of the sample. Leave it out."
        )
    return [[where[name] for name in lanes] for lanes in rows[0].reads]


def _arrange_two(names: Sequence[str]) -> list[list[int]]:
    first, second = (parse(name) for name in names)
    for name, parsed in zip(names, (first, second), strict=True):
        if parsed.index:
            raise NoSample(f"{name} holds index reads, which are no reads of the sample. Leave it out.")
    if (first.mate, second.mate) == (2, 1):
        raise NoSample(
            f"{names[0]} has the second reads and {names[1]} the first, as their names say. Swap them: R1 first."
        )
    lanes = first.sample == second.sample and first.order != second.order and first.mate == second.mate
    if lanes:
        return [sorted((0, 1), key=lambda index: (first, second)[index].order)]
    if first.mate and first.mate == second.mate and names[0] != names[1]:
        raise NoSample(
            f"{names[0]} and {names[1]} are both R{first.mate}, as their names say. Give R1 and R2 of one sample."
        )
    return [[0], [1]]
