"""Create Subtraction: the genome of a host as a bowtie2 index, so that its reads can be taken away.

1. Decompress FASTA: the genome is unpacked; line ends become LF, and U becomes T
2. Compute GC and count: records and letters are counted
3. Build index: bowtie2-build
4. Finalize: the FASTA file is packed; the subtraction goes into the team's library

As Virtool's workflow-create-subtraction does (commit 6b55fdc3), with the guards of its successor: a file without
sequences or without one of the five letters is refused. The genome is read in pieces and never held in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

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
from tools.viruses import bowtie2, fasta, made_up, subtraction
from tools.viruses.fasta import Piece
from tools.viruses.subtraction import COUNTED, LETTER_COLUMNS, LISTED, Tally

DECOMPRESS, COUNT, BUILD, FINALIZE = "Decompress FASTA", "Compute GC and count", "Build index", "Finalize"

GB = 1_000_000_000

#: How much of a genome is judged before anything is charged, unpacked. What is wrong behind it fails the job.
PEEKED = 64 * formats.MB


class Inputs(Model):
    genome: InputFile = file_field("Genome of the host: nucleotide FASTA, plain or gzipped.", ("fasta",))


class Settings(Model):
    name: str = Field(
        "",
        max_length=200,
        description="Name of the subtraction; empty: that of the file.",
        examples=["Malus domestica"],
    )
    nickname: str = Field(
        "", max_length=100, description="What the host is called every day.", examples=["apple"]
    )


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    yield PriceLine("Subtraction", 3)
    beyond = sum(file.path.stat().st_size for file in given.files("genome")) - GB
    if beyond > 0:
        started = math.ceil(beyond / GB)
        yield PriceLine(f"{started:,} GB of genome beyond the first", 3 * started)


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    if problem := _problem(given.file("genome")):
        yield Problem("genome", problem)


@remembered(32)
def _problem(source: LocalFile) -> str | None:
    refusal = formats.refuse(source, ("fasta",), "the genome of a host as nucleotide FASTA")
    if refusal:
        return refusal
    tally = Tally()
    try:
        with formats.open_binary(source.path, PEEKED) as content:
            tally.take(fasta.pieces(content))
        tally.judge()
    except formats.UnpacksTooLarge:
        return None  # the rest is judged while running
    except InputFailure as error:
        return f"{source.name}: {error}"
    return None


def run(job: RunningJob) -> Result:
    folder = job.out / "subtraction"
    folder.mkdir()
    source, settings = job.given.file("genome"), job.given.settings
    plain = job.work / "subtraction.fa"

    job.step(DECOMPRESS)
    _decompress(job, source, plain)

    job.step(COUNT)
    tally = _count(job, plain)

    job.step(BUILD)
    bowtie2.build(job, plain, folder / subtraction.BOWTIE)

    job.step(FINALIZE)
    fasta.pack(fasta.chunks(plain, job.progress), folder / subtraction.FASTA, job.cpus)
    name = _name(job.given)
    facts = {
        "nickname": settings.nickname.strip(),
        **tally.facts,
        "built_with": programs.version("bowtie2-build"),
    }
    return Result(
        summary={"name": name, **{key: value for key, value in facts.items() if key != "shares"}},
        tables=[_letters(tally), _sequences(tally)],
        library=[LibraryItem(folder, name, "subtraction", facts)],
        warnings=tally.warnings,
    )


def _name(given: Given[Inputs, Settings]) -> str:
    return given.settings.name.strip() or formats.stem(given.file("genome"))


def _decompress(job: RunningJob, source: LocalFile, target: Path) -> None:
    with target.open("wb", buffering=1 << 20) as plain:
        for piece in _followed(job, source.path):
            plain.write(b">%b\n" % piece.content if piece.is_header else piece.content)


def _count(job: RunningJob, plain: Path) -> Tally:
    tally = Tally()
    tally.take(_followed(job, plain))
    tally.judge()
    return tally


def _followed(job: RunningJob, path: Path) -> Iterator[Piece]:
    """Its pieces, while the job's progress follows."""
    with formats.open_followed(path, LIMITS.unpacked_mb * formats.MB) as (content, share_read):
        for piece in fasta.pieces(content):
            yield piece
            if not piece.is_header:
                job.progress(share_read())


def _letters(tally: Tally) -> Table:
    rows = [(letter.upper(), tally.counts[letter], tally.share(letter)) for letter in COUNTED]
    return Table("letters", "Letters", LETTER_COLUMNS, rows)


def _sequences(tally: Tally) -> Table:
    columns = [
        Column("id", "Id"),
        Column("length", "Length", "nt", "BIGINT"),
        Column(
            "gc", "GC", "%", "DOUBLE", "G and C among A, C, G and T; empty where there are none of these."
        ),
    ]
    return Table("sequences", "Sequences", columns, tally.longest)


def view(finished: Finished) -> Sequence[Panel]:
    summary = finished.summary
    more = summary["count"] > LISTED
    return [
        subtraction.metrics(summary),
        TablePanel("Letters", "letters"),
        TablePanel(
            "Sequences", "sequences", f"The {LISTED:,} longest of {summary['count']:,}." if more else ""
        ),
    ]


def title(given: Given[Inputs, Settings]) -> str:
    return f"Subtraction {_name(given)}"


def example() -> Example:
    chromosomes = {f"chromosome{number}": made_up.sequence(10 + number, 3000) for number in (1, 2)}
    return Example(
        "A made-up host of 6,000 nt",
        {"genome": {"text": made_up.fasta(chromosomes), "name": "made_up_host.fa"}},
        {"name": "Made-up host", "nickname": "example"},
        note="Two random chromosomes: made up, not real.",
    )


LIMITS = Limits(
    cpus_max=8,
    memory_mb=8192,
    timeout_s=24 * 3600,
    file_size_mb=200_000,
    input_mb=200_000,
    unpacked_mb=1_000_000,
)

TOOL = Tool(
    id="create-subtraction",
    name="Create subtraction",
    summary="Builds the bowtie2 index of a host's genome, by which its reads are taken away from a sample.",
    category="Viruses",
    keywords=("subtraction", "host", "genome", "plant", "GC", "bowtie2", "Virtool", "index"),
    homepage="https://bowtie-bio.sourceforge.net/bowtie2/",
    licence="GPL-3.0 (bowtie2, called as a program)",
    doi="10.1038/nmeth.1923",
    version=lambda: programs.version("bowtie2-build"),
    Inputs=Inputs,
    Settings=Settings,
    limits=LIMITS,
    steps=(DECOMPRESS, COUNT, BUILD, FINALIZE),
    price=price,
    pricing="3 credits, and 3 more for each started GB of genome beyond the first (bytes as stored).",
    check=check,
    imports=("numpy",),
    run=run,
    view=view,
    example=example,
    missing=lambda: programs.missing("bowtie2-build"),
    title=title,
)
