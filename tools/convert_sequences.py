"""Convert sequences between file formats, with Biopython."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from typing import Any, Literal, TextIO

from pydantic import Field

from tools import formats
from tools.contract import (
    Column,
    Example,
    FigurePanel,
    Finished,
    Given,
    InputFailure,
    InputFile,
    Limits,
    LocalFile,
    MetricsPanel,
    Model,
    Panel,
    Problem,
    Result,
    ResultFile,
    RunningJob,
    Table,
    TablePanel,
    Tool,
    file_field,
)

READABLE = (
    "fasta", "fastq", "genbank", "embl", "swiss", "tab", "clustal", "stockholm", "phylip", "nexus",
)  # fmt: skip
Target = Literal[
    "fasta",
    "fasta-2line",
    "fastq",
    "qual",
    "genbank",
    "embl",
    "tab",
    "clustal",
    "stockholm",
    "phylip",
    "nexus",
]
_EXTENSIONS = {
    "fasta": "fasta", "fasta-2line": "fasta", "fastq": "fastq", "qual": "qual", "genbank": "gb",
    "embl": "embl", "tab": "tab", "clustal": "aln", "stockholm": "sto", "phylip": "phy", "nexus": "nex",
}  # fmt: skip
#: Biopython's names where they differ from ours; the relaxed PHYLIP keeps names longer than ten letters.
_BIOPYTHON = {"phylip": "phylip-relaxed"}
_NEED_QUALITY = ("fastq", "qual")
_NEED_MOLECULE = ("genbank", "embl", "nexus")
_ALIGNED = ("clustal", "stockholm", "phylip", "nexus")
_ANNOTATED = ("genbank", "embl", "swiss")

#: Records listed one by one; the length distribution always covers all.
LISTED = 10_000
#: Records that `check` looks at, and how much of the file it reads for that.
PEEKED = 200
PEEKED_MB = 32
#: Alignment formats and NEXUS are written from memory.
IN_MEMORY = 20_000


class Inputs(Model):
    sequences: InputFile = file_field(
        "Sequences: FASTA, FASTQ, GenBank, EMBL, UniProt text, tab-separated, or an alignment "
        "(Clustal, Stockholm, PHYLIP, NEXUS). May be compressed with gzip.",
        READABLE,
    )


class Settings(Model):
    to: Target = Field(
        "fasta", description="Format to write. FASTQ and QUAL need base qualities in the input."
    )
    molecule_type: Literal["auto", "DNA", "RNA", "protein"] = Field(
        "auto",
        description="Kind of molecule, which GenBank, EMBL and NEXUS must state. "
        "auto takes it from the input or, where the input does not say, from the letters.",
    )


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    source = given.file("sequences")
    refusal = formats.refuse(source, READABLE, "sequences in one of the formats named beside the field")
    if refusal:
        yield Problem("sequences", refusal)
        return
    format = formats.detect(source.path, source.name)
    impossible = _impossible(format, given.settings.to)
    if impossible:
        yield Problem("to", impossible)
        return
    try:
        seen = sum(1 for _ in islice(_records(source, format, PEEKED_MB), PEEKED))
    except formats.UnpacksTooLarge:
        return  # long records, which are read while running
    except InputFailure as error:
        yield Problem("sequences", str(error))
        return
    if not seen:
        yield Problem("sequences", f"{source.name} holds no sequences.")


def _impossible(source: str, target: str) -> str | None:
    if target in _NEED_QUALITY and source != "fastq":
        given = formats.describe(source)
        return (
            f"{given[0].upper()}{given[1:]} holds no base qualities, and {target.upper()} needs one for every base; "
            "inventing them would mislead. Choose another format, or start from the FASTQ file."
        )
    return None


def _records(source: LocalFile, format: str, limit_mb: int) -> Iterator[Any]:
    """Biopython records, read as they are asked for. Raises InputFailure with the place of the fault."""
    from Bio import SeqIO
    from Bio.Nexus.Nexus import NexusError

    number = 0
    try:
        with formats.open_text(source.path, limit_mb * formats.MB) as handle:
            lines = _Ending(handle) if format in _ALIGNED else handle
            for record in SeqIO.parse(lines, _BIOPYTHON.get(format, format)):
                yield record
                number += 1
    # Biopython's parsers stumble over files that are not what they expect in all of these ways.
    except (
        ValueError,
        AssertionError,
        LookupError,
        AttributeError,
        TypeError,
        RuntimeError,
        NexusError,
    ) as error:
        raise InputFailure(
            f"{source.name} is not valid {format} after {number} good records: {_sentence(error)}"
        ) from error


class _Ending(io.TextIOBase):
    """A text of which no more is read after its end: Biopython's Clustal and PHYLIP parsers would never stop."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._after = 0

    def read(self, size: int | None = -1) -> str:
        return self._text.read(-1 if size is None else size)

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        line = self._text.readline(size)
        self._after = 0 if line else self._after + 1
        if self._after > 100:
            raise ValueError("the file ends too early")
        return line


def _sentence(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()[:200].rstrip(".") + "."


@dataclass
class _Tally:
    """What passed through, and what the target format could not keep."""

    target: str
    molecule_type: str
    records: int = 0
    letters: int = 0
    longest: int = 0
    shortest: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    listed: list[tuple[str, int, float | None, str]] = field(default_factory=list)
    #: What was lost -> in how many records.
    lost: Counter[str] = field(default_factory=Counter)
    guessed: Counter[str] = field(default_factory=Counter)
    identifiers: set[str] = field(default_factory=set)
    repeated: int = 0

    def pass_through(self, record: Any) -> Any:
        """Count the record, and make it fit the target format."""
        length = _length(record)
        self.records += 1
        self.letters += length
        self.lengths[length] += 1
        self.longest = max(self.longest, length)
        self.shortest = length if self.records == 1 else min(self.shortest, length)
        self._note_identifier(record.id)
        molecule = self._molecule(record)
        if len(self.listed) < LISTED:
            self.listed.append((record.id, length, _gc(record, molecule), record.description[:200]))
        self._note_losses(record)
        return self._fitted(record, molecule)

    def _note_identifier(self, identifier: str) -> None:
        if len(self.identifiers) >= 1_000_000:
            return
        if identifier in self.identifiers:
            self.repeated += 1
        self.identifiers.add(identifier)

    def _molecule(self, record: Any) -> str:
        if self.molecule_type != "auto":
            return self.molecule_type
        stated = str(record.annotations.get("molecule_type", ""))
        if stated:
            return stated
        guess = guess_molecule(str(record.seq[:10_000]))
        self.guessed[guess] += 1
        return guess

    def _note_losses(self, record: Any) -> None:
        for what, present in _losses(record, self.target):
            if present:
                self.lost[what] += 1

    def _fitted(self, record: Any, molecule: str) -> Any:
        if self.target not in _NEED_MOLECULE:
            return record
        # molecule_type is what Biopython asks for; a LOCUS or ID line cannot hold blanks.
        record.annotations["molecule_type"] = molecule
        record.name = re.sub(r"[\s;]+", "_", record.name) or "unnamed"
        record.id = re.sub(r"[\s;]+", "_", record.id) or "unnamed"
        return record


def _length(record: Any) -> int:
    from Bio.Seq import UndefinedSequenceError

    try:
        str(record.seq)
    except UnicodeDecodeError:
        raise InputFailure(f"The sequence of record {record.id} holds letters that are not ASCII.") from None
    except UndefinedSequenceError:
        raise InputFailure(
            f"Record {record.id} has annotation but no sequence (a CONTIG or a WGS master). "
            "Download it with its sequence (GenBank: full)."
        ) from None
    return len(record.seq)


def _losses(record: Any, target: str) -> Iterator[tuple[str, bool]]:
    if target not in ("genbank", "embl"):
        yield "features (genes, CDS, ...)", bool(record.features)
        annotations = set(record.annotations) - {"molecule_type", "start", "end"}
        yield (
            "annotation (references, organism, comments, dates)",
            bool(annotations and target != "stockholm"),
        )
    if target not in _NEED_QUALITY:
        yield "base qualities", "phred_quality" in record.letter_annotations
    if target == "qual":
        yield "the sequence itself (QUAL holds qualities only)", True
    if target in ("tab", "clustal", "phylip", "nexus"):
        yield "descriptions", record.description not in ("", record.id, "<unknown description>")


def guess_molecule(sequence: str) -> str:
    """DNA, RNA or protein, from the letters: 90 % of A, C, G, T, U and N mean a nucleic acid."""
    letters = Counter(sequence.upper())
    total = sum(count for letter, count in letters.items() if letter.isalpha())
    nucleic = sum(letters[letter] for letter in "ACGTUN")
    if not total or nucleic < 0.9 * total:
        return "protein"
    return "RNA" if letters["U"] > letters["T"] else "DNA"


def _gc(record: Any, molecule: str) -> float | None:
    """GC content in percent of A, C, G, T and U; None for proteins."""
    if molecule == "protein":
        return None
    letters = Counter(str(record.seq).upper())
    strong = letters["G"] + letters["C"]
    total = strong + letters["A"] + letters["T"] + letters["U"]
    return round(100 * strong / total, 2) if total else None


def run(job: RunningJob) -> Result:
    source, settings = job.given.file("sequences"), job.given.settings
    format = formats.detect(source.path, source.name)
    impossible = _impossible(format, settings.to)
    if impossible:
        raise InputFailure(impossible)
    job.step("Convert")
    target = job.out / f"{formats.stem(source)}.{_EXTENSIONS[settings.to]}"
    tally = _Tally(settings.to, settings.molecule_type)
    _write(
        (_told(job, tally, record) for record in _records(source, format, LIMITS.unpacked_mb)),
        target,
        settings.to,
    )
    if not tally.records:
        raise InputFailure(f"{source.name} holds no sequences.")
    return Result(
        summary=_summary(tally, format),
        tables=[_records_table(tally), _lengths_table(tally)],
        files=[ResultFile(target, f"Sequences as {settings.to}", _result_format(settings.to))],
        warnings=list(_warnings(tally)),
    )


def _told(job: RunningJob, tally: _Tally, record: Any) -> Any:
    if tally.records % 10_000 == 0 and tally.records:
        job.progress(None, f"{tally.records:,} records")
    return tally.pass_through(record)


def _write(records: Iterator[Any], target: Any, to: str) -> None:
    from Bio import SeqIO
    from Bio.Nexus.Nexus import NexusError

    if to in _ALIGNED:
        records = iter(_aligned(records, to))
    try:
        with target.open("w") as handle:
            SeqIO.write(records, handle, _BIOPYTHON.get(to, to))
    except (ValueError, TypeError, AttributeError, NexusError) as error:
        raise InputFailure(f"These sequences cannot be written as {to}: {_sentence(error)}") from error


def _aligned(records: Iterator[Any], to: str) -> list[Any]:
    kept = list(islice(records, IN_MEMORY + 1))
    if len(kept) > IN_MEMORY:
        raise InputFailure(f"More than {IN_MEMORY:,} sequences are too many for {to}. Choose FASTA.")
    lengths = {len(record.seq) for record in kept}
    if len(lengths) > 1:
        raise InputFailure(
            f"{to} holds alignments: all sequences need the same length, but these have {min(lengths):,} to "
            f"{max(lengths):,} letters. Align them first, or choose FASTA."
        )
    return kept


def _result_format(to: str) -> str:
    return {"fasta-2line": "fasta", "qual": "text"}.get(to, to)


def _summary(tally: _Tally, format: str) -> dict[str, Any]:
    return {
        "records": tally.records,
        "letters": tally.letters,
        "shortest": tally.shortest,
        "longest": tally.longest,
        "from": format,
        "to": tally.target,
    }


def _warnings(tally: _Tally) -> Iterator[str]:
    for what, count in tally.lost.items():
        yield f"{tally.target} cannot hold {what}: lost in {count:,} of {tally.records:,} records."
    if tally.target in _NEED_MOLECULE and tally.guessed:
        told = ", ".join(f"{count:,} {kind}" for kind, count in tally.guessed.most_common())
        yield f"The kind of molecule was guessed from the letters ({told}); set it if this is wrong."
    if tally.repeated:
        yield f"{tally.repeated:,} identifiers occur more than once."
    if tally.records > LISTED:
        yield f"The table lists the first {LISTED:,} of {tally.records:,} records; the file holds all."


def _records_table(tally: _Tally) -> Table:
    return Table(
        "records",
        "Records",
        [
            Column("id", "Identifier"),
            Column("length", "Length", "letters", "BIGINT"),
            Column("gc", "GC", "%", "DOUBLE", "Share of G and C among A, C, G, T and U; empty for proteins."),
            Column("description", "Description"),
        ],
        tally.listed,
    )


def _lengths_table(tally: _Tally) -> Table:
    width = max(1, math.ceil((tally.longest - tally.shortest + 1) / 60))
    bins: Counter[int] = Counter()
    for length, count in tally.lengths.items():
        bins[(length - tally.shortest) // width] += count
    return Table(
        "lengths",
        "Lengths of the sequences",
        [
            Column("from", "From", "letters", "BIGINT"),
            Column("to", "To", "letters", "BIGINT"),
            Column("records", "Records", "", "BIGINT"),
        ],
        [
            (tally.shortest + bin * width, tally.shortest + (bin + 1) * width - 1, bins[bin])
            for bin in range(max(bins, default=-1) + 1)
        ],
    )


def view(finished: Finished) -> Sequence[Panel]:
    import plotly.graph_objects as go

    summary, bins = finished.summary, finished.rows("lengths")
    figure = go.Figure(
        go.Bar(
            x=[(bin["from"] + bin["to"]) / 2 for bin in bins],
            y=[bin["records"] for bin in bins],
            width=[bin["to"] - bin["from"] + 1 for bin in bins],
            hovertext=[f"{bin['from']:,}-{bin['to']:,} letters: {bin['records']:,}" for bin in bins],
            hoverinfo="text",
        )
    )
    figure.update_layout(xaxis_title="Length (letters)", yaxis_title="Records")
    panels: list[Panel] = [
        MetricsPanel(
            "Sequences",
            [
                ("Records", f"{summary['records']:,}", "Sequences in the file"),
                ("Letters", f"{summary['letters']:,}", "All sequences together"),
                ("Shortest", f"{summary['shortest']:,} letters", ""),
                ("Longest", f"{summary['longest']:,} letters", ""),
                ("Format", f"{summary['from']} → {summary['to']}", ""),
            ],
        )
    ]
    alt = f"Histogram of {summary['records']} lengths, {summary['shortest']} to {summary['longest']} letters"
    panels += [FigurePanel("Lengths", figure, alt=alt), TablePanel("Records", "records")]
    return panels


def title(given: Given[Inputs, Settings]) -> str:
    return f"{given.file('sequences').name} to {given.settings.to}"


_EXAMPLE = """\
>lambda_cosN Escherichia phage lambda, left cohesive end
GGGCGGCGACCTCGCGGGTTTTCGCTATTTATGAAAATTTTCCGGTTTAAGGCGTTTCCG
TTCTTCTTCGTCATAACTTAATGTTTTTATTTAAAATACC
>pUC19_MCS multiple cloning site
GAATTCGAGCTCGGTACCCGGGGATCCTCTAGAGTCGACCTGCAGGCATGCAAGCTT
>T7_promoter
TAATACGACTCACTATAGGG
"""


def example() -> Example:
    return Example(
        "Three short DNA sequences to GenBank",
        {"sequences": {"text": _EXAMPLE, "name": "three.fasta"}},
        {"to": "genbank"},
    )


LIMITS = Limits(memory_mb=1024, timeout_s=900, quick=True)

TOOL = Tool(
    id="convert-sequences",
    name="Convert sequences",
    summary="Converts sequence files (FASTA, FASTQ, GenBank, EMBL, alignments) and says what gets lost.",
    category="Utilities",
    keywords=(
        "convert",
        "sequence",
        "fasta",
        "fastq",
        "genbank",
        "embl",
        "format",
        "alignment",
        "lengths",
        "GC",
    ),
    homepage="https://biopython.org",
    licence="Biopython License (BSD-like)",
    doi="10.1093/bioinformatics/btp163",
    version=lambda: f"Biopython {version('biopython')}",
    Inputs=Inputs,
    Settings=Settings,
    limits=LIMITS,
    steps=("Convert",),
    check=check,
    imports=("Bio.SeqIO", "duckdb"),
    run=run,
    view=view,
    example=example,
    title=title,
)
