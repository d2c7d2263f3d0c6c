"""Alignments (MSA) in A3M form: which chain each belongs to, and that it fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import formats
from tools.contract import InputFailure, LocalFile, Problem
from tools.folding.complexes import Complex, named

FORMATS = ("a3m", "fasta", "text")
UNPACKED_MB = 200
MOST_ROWS = 100_000

_ROW = re.compile(r"[A-Za-z.-]+")


@dataclass(frozen=True)
class Alignment:
    #: As the person knows it.
    name: str
    #: (header without `>`, aligned row); the first is the chain's own sequence.
    rows: tuple[tuple[str, str], ...]

    @property
    def query(self) -> str:
        return self.rows[0][1]

    @property
    def depth(self) -> int:
        return len(self.rows)


def read(file: LocalFile) -> Alignment:
    """Raises InputFailure with what does not fit."""
    text = formats.read_text(file.path, UNPACKED_MB * formats.MB)
    rows = tuple(_rows(text.replace("\0", "")))
    if not rows:
        raise InputFailure(
            f"{file.name} holds no alignment: an A3M file has “>name” lines and rows below them."
        )
    if len(rows) > MOST_ROWS:
        raise InputFailure(f"{file.name} has {len(rows):,} rows; {MOST_ROWS:,} are the most.")
    query = rows[0][1].upper().replace("-", "").replace(".", "")
    columns = len(rows[0][1])
    if len(query) != columns:
        raise InputFailure(f"The first row of {file.name} has gaps. It must be the chain's own sequence.")
    for number, (_, row) in enumerate(rows, start=1):
        if not _ROW.fullmatch(row):
            raise InputFailure(f"Row {number} of {file.name} holds something else than letters and gaps.")
        found = sum(not letter.islower() and letter != "." for letter in row) if number > 1 else columns
        if found != columns:
            raise InputFailure(
                f"Row {number} of {file.name} has {found} columns and the first {columns}: this is no A3M alignment "
                "(capital letters and - are columns, small letters are insertions)."
            )
    return Alignment(file.name, ((rows[0][0], query), *rows[1:]))


def _rows(text: str) -> Iterator[tuple[str, str]]:
    header, parts = "", list[str]()
    for line in text.splitlines():
        if line.startswith(">"):
            if parts:
                yield header, "".join(parts)
            header, parts = line[1:].strip(), []
        elif line.strip() and not line.startswith("#"):
            parts.append(line.strip())
    if parts:
        yield header, "".join(parts)


def assign(complex: Complex, alignments: Sequence[Alignment]) -> dict[str, Alignment]:
    """Protein chain -> its alignment; equal chains share one. Raises InputFailure."""
    found: dict[str, Alignment] = {}
    for each in alignments:
        own = [chain.id for chain in complex.proteins if chain.content == each.query]
        if not own:
            lengths = ", ".join(f"{chain.id}: {len(chain.content)}" for chain in complex.proteins) or "none"
            raise InputFailure(
                f"The first sequence of {each.name} ({len(each.query)} residues) is none of the protein chains "
                f"({lengths}). An alignment starts with the chain's own sequence."
            )
        if any(id in found for id in own):
            raise InputFailure(f"{each.name} is a second alignment of {named(complex, own)}.")
        found |= dict.fromkeys(own, each)
    return found


def given(complex: Complex, files: Sequence[LocalFile]) -> dict[str, Alignment]:
    return assign(complex, [read(file) for file in files])


def problems(complex: Complex, files: Sequence[LocalFile]) -> Iterator[Problem]:
    try:
        given(complex, files)
    except InputFailure as error:
        yield Problem("msa", str(error))


def without(complex: Complex, found: Mapping[str, Alignment]) -> list[str]:
    """The protein chains that have none."""
    return [chain.id for chain in complex.proteins if chain.id not in found]


def warning(complex: Complex, absent: Sequence[str]) -> str:
    """What a reader must see wherever the result goes."""
    told = named(complex, absent)
    return (
        f"No MSA for {told}: predicted from the sequence alone, which is mostly wrong for natural proteins. "
        "Give an alignment (A3M) before relying on it."
    )


def write(alignment: Alignment, path: Path) -> None:
    path.write_text(_text(alignment.rows))


def _text(rows: Sequence[tuple[str, str]]) -> str:
    return "".join(f">{header}\n{row}\n" for header, row in rows)


def colabfold(complex: Complex, found: Mapping[str, Alignment]) -> str:
    """One A3M for ColabFold: lengths and copies of the different chains, then each one's rows, padded with gaps.

    Equal chains must be beside each other (complexes.grouped). The rows of different chains are not paired.
    """
    if len(complex.chains) == 1:
        chain = complex.chains[0]
        alone = ((chain.id, chain.content),)
        return _text(found[chain.id].rows if chain.id in found else alone)
    different = {chain.content: chain.id for chain in reversed(complex.proteins)}
    order = list(dict.fromkeys(chain.content for chain in complex.proteins))
    copies = [sum(chain.content == each for chain in complex.proteins) for each in order]
    names = [str(101 + number) for number in range(len(order))]
    written = [
        f"#{','.join(str(len(each)) for each in order)}\t{','.join(map(str, copies))}\n",
        ">" + "\t".join(names) + "\n" + "".join(order) + "\n",
    ]
    before, whole = 0, sum(map(len, order))
    for name, each in zip(names, order, strict=True):
        after = whole - before - len(each)
        alignment = found.get(different[each])
        rows = [(name, each), *(alignment.rows[1:] if alignment else ())]
        written.append(_text([(header, "-" * before + row + "-" * after) for header, row in rows]))
        before += len(each)
    return "".join(written)
