"""Build Index: freezes a reference and builds the bowtie2 index that reads are mapped against.

1. Process OTUs: the reference is read and judged; a FASTA file gets the sequences of each default isolate
2. Bowtie build: bowtie2-build makes the index of that FASTA file
3. Finalize: export and FASTA are packed; the index goes into the team's library

As Virtool's workflow-build-index does (commit 6bf5b5f).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tools import formats, programs
from tools.contract import (
    Column,
    Example,
    Finished,
    Given,
    InputFailure,
    InputFile,
    LibraryItem,
    Limits,
    LocalFile,
    MetricsPanel,
    Model,
    Panel,
    PriceLine,
    Problem,
    Result,
    RunningJob,
    Table,
    TablePanel,
    Tool,
    file_field,
)
from tools.remembered import remembered
from tools.viruses import bowtie2, fasta, made_up, otus, reference
from tools.viruses.otus import Reference

PROCESS, BUILD, FINALIZE = "Process OTUs", "Bowtie build", "Finalize"
ACCEPTED = ("reference", "fasta")


class Inputs(Model):
    reference: InputFile = file_field(
        "A reference: Virtool's JSON export (plain or gzipped), or a nucleotide FASTA file, in which every record "
        "becomes a virus with one isolate.",
        ACCEPTED,
    )


class Settings(Model):
    pass


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    yield PriceLine("Index", 3)


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    if problem := _problem(given.file("reference")):
        yield Problem("reference", problem)


@remembered(32)
def _problem(source: LocalFile) -> str | None:
    """A reference is read in half a second."""
    refusal = formats.refuse(
        source, ACCEPTED, "a reference as Virtool exports it (JSON), or sequences as FASTA"
    )
    if refusal:
        return refusal
    try:
        reference.read(source.path, source.name)
    except InputFailure as error:
        return str(error)
    return None


def run(job: RunningJob) -> Result:
    folder = job.out / "index"
    folder.mkdir()
    plain = job.work / "reference.fa"

    job.step(PROCESS)
    source = job.given.file("reference")
    built = reference.read(source.path, source.name)
    content = otus.canonical(otus.export(built))
    written = _write_default_isolates(built, plain)
    job.log(f"{written:,} sequences of {len(built.otus):,} default isolates")

    job.step(BUILD)
    bowtie2.build(job, plain, folder / reference.BOWTIE)

    job.step(FINALIZE)
    fasta.pack([content], folder / reference.EXPORT, job.cpus)
    fasta.pack([plain.read_bytes()], folder / reference.FASTA, job.cpus)
    facts = {
        "version": otus.version(content),
        "reference": built.name,
        **built.counts,
        "built_with": programs.version("bowtie2-build"),
    }
    return Result(
        summary=facts | {"mapped_against": written},
        tables=[_otu_table(built)],
        library=[LibraryItem(folder, built.name, "index", facts)],
        warnings=built.notes,
    )


def _write_default_isolates(built: Reference, target: Path) -> int:
    """Headers are ids of sequences. Returns the number of sequences."""
    written = 0
    with target.open("w") as content:
        for sequence in otus.default_sequences(built):
            content.write(f">{sequence.id}\n{sequence.sequence}\n")
            written += 1
    return written


def _otu_table(built: Reference) -> Table:
    columns = [
        Column("id", "Id"),
        *reference.OTU_COLUMNS,
        Column("default", "Default isolate", help="The one that reads are first mapped against."),
        Column("version", "Version", "", "BIGINT", "Of the OTU when the index was built."),
    ]
    rows = [(otu.id, *reference.otu_row(otu), otu.default.name, otu.version) for otu in built.otus]
    return Table("otus", "OTUs", columns, rows)


def view(finished: Finished) -> Sequence[Panel]:
    summary = finished.summary
    metrics = [
        ("Version", summary["version"], "The same content has the same version, wherever it is built."),
        ("OTUs", f"{summary['otus']:,}", "Viruses"),
        ("Isolates", f"{summary['isolates']:,}", "Of all OTUs"),
        ("Sequences", f"{summary['sequences']:,}", "Of all isolates"),
        ("Mapped against", f"{summary['mapped_against']:,} sequences", "Those of the default isolates"),
    ]
    return [MetricsPanel("Index", metrics), TablePanel("OTUs", "otus")]


def title(given: Given[Inputs, Settings]) -> str:
    return f"Index of {formats.stem(given.file('reference'))}"


def example() -> Example:
    return Example(
        "Three made-up viruses",
        {"reference": {"text": made_up.reference(), "name": "three_viruses.json"}},
        {},
        note="One of them has two isolates, one has two segments. The sequences are random: made up, not real.",
    )


LIMITS = Limits(
    cpus_max=8,
    memory_mb=4096,
    timeout_s=24 * 3600,
    file_size_mb=200_000,
    input_mb=200_000,
    unpacked_mb=1_000_000,
)

TOOL = Tool(
    id="build-index",
    name="Build index",
    summary="Freezes a reference of viruses and builds the bowtie2 index that reads are mapped against.",
    category="Viruses",
    keywords=("reference", "index", "virus", "OTU", "isolate", "bowtie2", "Virtool", "build"),
    homepage="https://bowtie-bio.sourceforge.net/bowtie2/",
    licence="GPL-3.0 (bowtie2, called as a program)",
    doi="10.1038/nmeth.1923",
    version=lambda: programs.version("bowtie2-build"),
    Inputs=Inputs,
    Settings=Settings,
    limits=LIMITS,
    steps=(PROCESS, BUILD, FINALIZE),
    price=price,
    pricing="3 credits for each index.",
    check=check,
    run=run,
    view=view,
    example=example,
    missing=lambda: programs.missing("bowtie2-build"),
    title=title,
)
