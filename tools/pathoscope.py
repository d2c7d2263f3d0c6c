"""Pathoscope: which known viruses are in a sample, and how the reads spread over their isolates.

1. the reads are mapped to the default isolates of the index (bowtie2)
2. an index of all isolates of the viruses that were hit is built
3. the reads are mapped to all of those, each read to up to 100 sequences
4. alignments that match a host's genome as well or better are eliminated
5. reads with several alignments are reassigned by expectation maximisation; report and coverage are made

The steps are those of Virtool's workflow-pathoscope. Reads are not trimmed. Mates are mapped apart, and count as one
read where their headers are the same up to the first blank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from tools import programs
from tools.contract import (
    Given,
    InputFailure,
    InputFile,
    Limits,
    Model,
    PriceLine,
    Problem,
    Result,
    RunningJob,
    Tool,
    file_field,
)
from tools.viruses import bowtie2, coverage, em, inputs, pathoscope_view, reference, sam
from tools.viruses import pathoscope_report as report
from tools.viruses.collapse import collapse
from tools.viruses.reference import Index

if TYPE_CHECKING:
    import numpy as np

MOST_SUBTRACTIONS = 20


class Inputs(Model):
    sample: InputFile = file_field("Reads of one library.", ("sample",))
    index: InputFile = file_field("The viruses to look for.", ("index",))
    subtractions: Annotated[list[InputFile], Field(max_length=MOST_SUBTRACTIONS)] = Field(
        default_factory=list,
        description="Genomes of hosts. What matches one of them as well as a virus is taken away.",
        json_schema_extra={"formats": ["subtraction"]},
    )


_ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(Model):
    p_score_cutoff: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Least score of an alignment, and least posterior of one that stays in the coverage.",
        json_schema_extra=_ADVANCED,
    )
    max_iterations: int = Field(
        50, ge=1, le=10_000, description="Most iterations of the reassignment.", json_schema_extra=_ADVANCED
    )
    epsilon: float = Field(
        1e-7,
        gt=0,
        le=0.1,
        description="The reassignment ends when the weights change by less than this together.",
        json_schema_extra=_ADVANCED,
    )
    pi_prior: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="Reads that every sequence is given beforehand, for the weights.",
        json_schema_extra=_ADVANCED,
    )
    theta_prior: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="The same for the shares of the reads that align to several sequences.",
        json_schema_extra=_ADVANCED,
    )
    alignments_per_read: int = Field(
        100,
        ge=1,
        le=1000,
        description="Most sequences that a read is aligned to.",
        json_schema_extra=_ADVANCED,
    )
    collapse_reference: bool = Field(
        False,
        description="Leave out isolates that are 99 % the same as an earlier one of their virus, so that they do not "
        "share its reads; as newer Virtool does. Default isolates stay.",
        json_schema_extra=_ADVANCED,
    )


BASE_CREDITS, CREDITS_PER_GB = 10, 2
PRICING = (
    f"{BASE_CREDITS} credits, and {CREDITS_PER_GB} for each started GB of reads beyond the first, "
    "as the sample keeps them (gzipped)."
)


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    yield PriceLine("Mapping and reassignment", BASE_CREDITS)
    yield from inputs.price_by_size(given, CREDITS_PER_GB)


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    yield from inputs.problems(given)
    if given.settings.collapse_reference and (missing := programs.missing("cd-hit-est")):
        yield Problem("collapse_reference", f"{missing}. Or switch this off.")


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    for problem in check(job.given):
        raise InputFailure(problem.message)
    reads = inputs.reads(job.given.file("sample").path)
    index = reference.open_index(job.given.file("index").path)

    job.step("Map default isolates")
    with job.stream([*_bowtie2(job, index.bowtie), *_STRICT, "-U", _named(job, reads)], reads=reads) as found:
        candidates = sam.references(found, settings.p_score_cutoff)
    job.log(f"Reads align to {len(candidates):,} sequences of default isolates.")
    if not candidates:
        return report.result(job, index, [], None, 0, [_NONE])

    job.step("Build isolate index")
    lengths = _build(job, index, candidates)

    job.step("Map isolates")
    mapped = job.work / "isolate_mapped.fq"
    several = ("-k", str(settings.alignments_per_read), "--al", mapped.name, "-U", _named(job, reads))
    with job.stream([*_bowtie2(job, job.work / "isolates"), *_STRICT, *several], reads=reads) as found:
        alignments = sam.read(found, settings.p_score_cutoff)
    job.log(f"{len(alignments.reads):,} reads have {len(alignments.read):,} alignments to all isolates.")

    job.step("Eliminate subtraction")
    alignments, subtracted = sam.eliminate(alignments, _host_scores(job, mapped, alignments.reads))
    job.log(f"{subtracted:,} reads lost alignments to a subtraction.")

    job.step("Reassign reads")
    if not len(alignments.read):
        every = f"Every read that aligns to a virus matches a subtraction as well: {subtracted:,} reads."
        return report.result(job, index, [], None, subtracted, [every if subtracted else _NONE])
    reassigned = _reassign(job, alignments)
    depths = _depths(alignments, reassigned.kept, lengths)
    hits = report.hits(reassigned, alignments.references, depths)
    return report.result(job, index, hits, reassigned, subtracted, list(report.left_out(hits)))


_NONE = "No read aligns to a virus of this index."

#: As Virtool maps to viruses.
_STRICT = ("--score-min", "L,20,1.0", "-L", "15")


def _bowtie2(job: RunningJob, index: Path) -> list[str | Path]:
    """What every mapping has in common. The order of the reads is kept: no result depends on the number of CPUs."""
    return [
        "bowtie2",
        *("-p", str(job.cpus)),
        "--local",
        "--no-unal",
        "--no-hd",
        "--no-sq",
        *("-N", "0"),
        "--reorder",
        *("-x", bowtie2.relative(job, index)),
    ]


def _named(job: RunningJob, reads: Sequence[Path]) -> str:
    return ",".join(bowtie2.relative(job, read) for read in reads)


def _build(job: RunningJob, index: Index, candidates: set[str]) -> dict[str, int]:
    """bowtie2's index of all isolates of the viruses with a hit; the lengths of their sequences."""
    hit = {index.places[id][0].id for id in candidates}
    otus = [otu for otu in index.reference.otus if otu.id in hit]
    if job.given.settings.collapse_reference:
        before = sum(len(otu.isolates) for otu in otus)
        otus = collapse(job, otus)
        job.log(
            f"{sum(len(otu.isolates) for otu in otus):,} of {before:,} isolates are left after collapsing."
        )
    lengths = {}
    fasta = job.work / "isolates.fa"
    with fasta.open("w") as file:
        for sequence in (sequence for otu in otus for sequence in otu.sequences):
            file.write(f">{sequence.id}\n{sequence.sequence}\n")
            lengths[sequence.id] = len(sequence.sequence)
    job.log(f"{len(otus):,} viruses with {len(lengths):,} sequences are candidates.")
    bowtie2.build(job, fasta, job.work / "isolates")
    return lengths


def _host_scores(job: RunningJob, mapped: Path, reads: dict[bytes, int]) -> Iterator[np.ndarray]:
    """Of each subtraction in turn: the best scores of the reads that align to viruses."""
    subtractions = job.given.files("subtractions")
    for number, subtraction in enumerate(subtractions, start=1):
        job.log(f"Subtraction {number}: {subtraction.name}")
        with job.stream(
            [*_bowtie2(job, inputs.host(subtraction)), "-U", mapped.name],
            reads=[mapped],
            part=(number, len(subtractions)),
        ) as found:
            yield sam.best_scores(found, reads)


def _reassign(job: RunningJob, alignments: sam.Alignments) -> em.Reassigned:
    settings: Settings = job.given.settings
    found = em.reassign(
        alignments.read,
        alignments.reference,
        alignments.score,
        len(alignments.references),
        max_iterations=settings.max_iterations,
        epsilon=settings.epsilon,
        pi_prior=settings.pi_prior,
        theta_prior=settings.theta_prior,
        cutoff=settings.p_score_cutoff,
    )
    job.log(
        f"{found.reads:,} reads, {found.multi_reads:,} of them with several sequences; {found.iterations} iterations, "
        f"the last of which changed the weights by {found.change:.2g}."
    )
    return found


def _depths(alignments: sam.Alignments, kept: np.ndarray, lengths: dict[str, int]) -> list[np.ndarray]:
    return coverage.depths(
        alignments.reference[kept],
        alignments.position[kept],
        alignments.length[kept],
        [lengths[id] for id in alignments.references],
    )


def title(given: Given[Inputs, Settings]) -> str:
    return f"{given.file('sample').name}: known viruses"


TOOL = Tool(
    id="pathoscope",
    name="Pathoscope",
    summary="Tells which known viruses are in a sample, with their weight, depth and coverage.",
    category="Viruses",
    keywords=(
        "virus",
        "detect",
        "identify",
        "diagnostics",
        "screening",
        "isolate",
        "strain",
        "coverage",
        "bowtie2",
        "reassignment",
        "Virtool",
        "plant virus",
        "metagenomics",
    ),
    homepage="https://www.virtool.ca",
    licence="MIT",
    doi="10.1186/2049-2618-2-33",
    version=lambda: programs.version("bowtie2"),
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=8,
        memory_mb=4096,
        timeout_s=24 * 3600,
        input_mb=200_000,
        unpacked_mb=1_000_000,
        file_size_mb=200_000,
    ),
    steps=(
        "Map default isolates",
        "Build isolate index",
        "Map isolates",
        "Eliminate subtraction",
        "Reassign reads",
    ),
    imports=("numpy", "scipy.sparse"),
    price=price,
    pricing=PRICING,
    check=check,
    run=run,
    view=pathoscope_view.view,
    example=None,
    first="Pathoscope needs a sample (Create Sample) and an index (Build Index). With the genome of the host as a "
    "subtraction (Create Subtraction), reads that are the host's do not count as a virus's.",
    missing=lambda: programs.missing("bowtie2", "bowtie2-build"),
    title=title,
)
