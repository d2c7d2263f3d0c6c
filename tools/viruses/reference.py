"""References of viruses: OTUs with their isolates and sequences, as Virtool exports them or from a plain FASTA file.

Rules for what a file leaves open:

- A remote id takes the place of a local one.
- An OTU has exactly one default isolate: the first that is marked, or the first of all.
- Letters become upper case, and U becomes T (bowtie2-build leaves U out without a word).
- In a FASTA file every record is an OTU with one isolate; its name is the description, or the id where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools import formats
from tools.contract import Column, InputFailure, LocalFile, MetricsPanel, Panel, RowsPanel
from tools.library import about
from tools.viruses import fasta, virtool
from tools.viruses.otus import Isolate, Otu, Reference, Sequence

__all__ = [
    "Index",
    "Isolate",
    "Otu",
    "Reference",
    "Sequence",
    "facts",
    "index_panels",
    "open_index",
    "panels",
    "read",
]

#: Largest unpacked reference; all known plant viruses take 26 MB.
UNPACKED = 500 * formats.MB
#: Most values of its JSON. One takes up to a hundred bytes of memory, also where it takes two or three in the file.
VALUES = 10_000_000

#: In the folder of an index. The first is what bowtie2 takes: .1.bt2, .rev.1.bt2, ... stand behind.
BOWTIE = Path("bowtie") / "reference"
EXPORT = "reference.json.gz"
FASTA = "reference.fa.gz"

#: OTUs that a list of them shows.
SHOWN = 2000

OTU_COLUMNS = (
    Column("name", "OTU", help="Operational taxonomic unit: a virus, with all its isolates."),
    Column("abbreviation", "Abbreviation"),
    Column("isolates", "Isolates", "", "BIGINT"),
    Column("sequences", "Sequences", "", "BIGINT", "Of all isolates; a segmented genome has several each."),
    Column("longest", "Longest", "nt", "BIGINT", "Longest sequence of all isolates."),
    Column("genome", "Genome", "nt", "BIGINT", "Sequences of the default isolate together."),
)


@dataclass(frozen=True)
class Index:
    """A frozen build of a reference, opened."""

    folder: Path
    name: str
    version: str
    reference: Reference

    @property
    def bowtie(self) -> Path:
        """What bowtie2 takes after -x: default isolates only."""
        return self.folder / BOWTIE

    @property
    def fasta(self) -> Path:
        """Default isolates, gzipped; headers are ids of sequences."""
        return self.folder / FASTA

    @cached_property
    def manifest(self) -> dict[str, int]:
        """OTU id -> its version in this build."""
        return {otu.id: otu.version for otu in self.reference.otus}

    @cached_property
    def places(self) -> dict[str, tuple[Otu, Isolate]]:
        """Sequence id -> whose it is."""
        return {
            sequence.id: (otu, isolate)
            for otu in self.reference.otus
            for isolate in otu.isolates
            for sequence in isolate.sequences
        }


def open_index(folder: Path) -> Index:
    told = about(folder)
    text = formats.read_text(folder / EXPORT, UNPACKED)
    reference = virtool.parse(json.loads(text), told["facts"]["reference"])
    return Index(folder, told["name"], told["facts"]["version"], reference)


def read(path: Path, name: str) -> Reference:
    """Virtool's JSON or a nucleotide FASTA, plain or packed. `name` is the file's, as the person knows it.

    Raises InputFailure with what is wrong and where.
    """
    format = formats.detect(path, name)
    stem = formats.stem(LocalFile(path, name, format))
    if format == "fasta":
        return _from_fasta(path, stem)
    if format != "reference":
        raise InputFailure(
            f"{name} is {formats.describe(format)}. "
            "Give a reference as Virtool exports it (JSON), or sequences as FASTA."
        )
    text = formats.read_text(path, UNPACKED)
    if sum(map(text.count, ",[{")) > VALUES:
        raise InputFailure(f"{name} holds more values than any reference does ({VALUES:,}).")
    try:
        return virtool.parse(json.loads(text), stem)
    except json.JSONDecodeError as error:
        raise InputFailure(
            f"{name} is damaged or cut short: {error.msg} in line {error.lineno}. Export it again."
        ) from error
    except RecursionError as error:
        raise InputFailure(f"{name} is nested deeper than any reference. Export it again.") from error
    except ValueError as error:  # of a number, that it is too long
        raise InputFailure(f"{name} holds what no reference does ({error}). Export it again.") from error


def _from_fasta(path: Path, name: str) -> Reference:
    otus = []
    with formats.open_binary(path, UNPACKED) as content:
        for number, (id, description, letters) in enumerate(fasta.records(content), 1):
            if not id:
                raise InputFailure(f"Record {number} has no name behind its >.")
            virtool.judge_id(id, f"Record {number}")
            sequence = Sequence(id, id, description, "", "", virtool.letters_of(letters, f"Record {id}"))
            isolate = Isolate(id, "unknown", "", True, (sequence,))
            otus.append(Otu(id, description or id, "", 0, (), (isolate,)))
    if not otus:
        raise InputFailure("The file holds no sequences.")
    virtool.refuse_twins(otus)
    return Reference("genome", "", name, tuple(otus))


def facts(file: LocalFile) -> dict[str, Any]:
    """Of an upload. Raises InputFailure."""
    reference = read(file.path, file.name)
    return {**reference.counts, "name": reference.name, "organism": reference.organism}


def otu_row(otu: Otu) -> tuple[str, str, int, int, int, int]:
    """As OTU_COLUMNS."""
    sequences = otu.sequences
    longest = max(len(each.sequence) for each in sequences)
    return otu.name, otu.abbreviation, len(otu.isolates), len(sequences), longest, otu.default.length


def panels(file: LocalFile, facts: Mapping[str, Any]) -> list[Panel]:
    """What a reference holds. Raises InputFailure."""
    return [_otus(read(file.path, file.name))]


def index_panels(file: LocalFile, facts: Mapping[str, Any]) -> list[Panel]:
    metrics = [
        ("Version", str(facts["version"]), "The same content has the same version, wherever it is built."),
        ("Reference", str(facts["reference"]), "What it was built from"),
        ("Built with", str(facts["built_with"]), ""),
    ]
    return [MetricsPanel("Index", metrics), _otus(open_index(file.path).reference)]


def _otus(reference: Reference) -> RowsPanel:
    total = len(reference.otus)
    notes = list(reference.notes)
    if total > SHOWN:
        notes.append(f"The first {SHOWN:,} of {total:,} OTUs.")
    rows = [otu_row(each) for each in reference.otus[:SHOWN]]
    return RowsPanel("OTUs", OTU_COLUMNS, rows, " ".join(notes))
