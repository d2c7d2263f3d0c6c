"""NuVs: look for viruses that no index holds, in what is left of the reads after all that is known.

1. adapters and bad ends are trimmed (skewer)
2. reads that map to the index's default isolates, then to each subtraction, are taken away (bowtie2)
3. pairs of which either mate is left are brought together again
4. what is left is assembled (SPAdes)
5. long open reading frames of the contigs are searched with profiles of viral protein families (hmmscan)

The steps are those of Virtool's workflow-nuvs. When nothing is left on the way, the job completes and says where.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import Field

from tools import programs
from tools.contract import (
    Given,
    InputFailure,
    InputFile,
    Limits,
    LocalFile,
    Model,
    PriceLine,
    Problem,
    Result,
    ResultFile,
    RunningJob,
    Tool,
    file_field,
)
from tools.remembered import remembered
from tools.viruses import contigs, discovery, inputs, nuvs_view, profiles

MOST_SUBTRACTIONS = 20


class Inputs(Model):
    sample: InputFile = file_field("Reads of one library.", ("sample",))
    index: InputFile = file_field("Known viruses, whose reads are taken away first.", ("index",))
    subtractions: Annotated[list[InputFile], Field(max_length=MOST_SUBTRACTIONS)] = Field(
        default_factory=list,
        description="Genomes of hosts, whose reads are taken away too.",
        json_schema_extra={"formats": ["subtraction"]},
    )
    hmms: InputFile = file_field(
        "Profiles of viral protein families, such as vFam (.hmm, also gzipped).", ("hmm",), title="HMM set"
    )
    annotations: InputFile | None = file_field(
        "Names and families of the profiles' clusters: Virtool's annotation table for vFam (JSON, also gzipped).",
        ("json",),
        optional=True,
    )


_ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(Model):
    min_length: int | None = Field(
        None,
        ge=15,
        le=1000,
        description="Shortest read that is kept after trimming. Automatic is Virtool's rule by the sample's longest "
        "read (35 below 80 nt, 100 below 160 nt, else 160), and 18 for a library of small RNAs.",
        json_schema_extra={"unit": "nt"},
    )
    evalue: float = Field(
        1e-5,
        title="E-value",
        gt=0,
        le=10,
        description="Contigs with a hit up to this E-value are shown first. HMMER reports hits up to 10, and all of "
        "them stay in the tables.",
    )
    min_contig: int = Field(
        300,
        ge=100,
        le=100_000,
        description="Shortest contig that is looked at; ORFs are looked for in longer ones only.",
        json_schema_extra={**_ADVANCED, "unit": "nt"},
    )
    min_orf: int = Field(
        100,
        title="Min ORF",
        ge=20,
        le=10_000,
        description="Shortest open reading frame, between stops or the contig's ends.",
        json_schema_extra={**_ADVANCED, "unit": "aa"},
    )
    end_quality: int = Field(
        20,
        ge=0,
        le=41,
        description="Ends of reads are trimmed up to this quality.",
        json_schema_extra=_ADVANCED,
    )
    mean_quality: int = Field(
        25,
        ge=0,
        le=41,
        description="Reads of a lower mean quality are left out.",
        json_schema_extra=_ADVANCED,
    )
    max_error_rate: float = Field(
        0.1, ge=0, le=0.5, description="Of the adapter in a read, when trimming.", json_schema_extra=_ADVANCED
    )
    max_indel_rate: float = Field(
        0.03,
        ge=0,
        le=0.5,
        description="Of the adapter in a read, when trimming.",
        json_schema_extra=_ADVANCED,
    )


BASE_CREDITS, CREDITS_PER_GB = 25, 10
PRICING = (
    f"{BASE_CREDITS} credits, and {CREDITS_PER_GB} for each started GB of reads beyond the first, "
    "as the sample keeps them (gzipped)."
)


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    yield PriceLine("Assembly and search", BASE_CREDITS)
    yield from inputs.price_by_size(given, CREDITS_PER_GB)


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    yield from inputs.problems(given)
    for name in ("hmms", "annotations"):
        for file in given.files(name):
            if problem := _PROBLEM[name](file):
                yield Problem(name, problem)


def _problem_of(read: Callable[[LocalFile], Any]) -> Callable[[LocalFile], str | None]:
    @remembered(32)  # vFam takes seconds to read
    def problem(file: LocalFile) -> str | None:
        try:
            read(file)
        except InputFailure as error:
            return str(error)
        return None

    return problem


_PROBLEM = {
    "hmms": _problem_of(profiles.read),
    "annotations": _problem_of(profiles.read_annotations),
}


def run(job: RunningJob) -> Result:
    given = job.given
    for problem in inputs.problems(given):
        raise InputFailure(problem.message)
    found = discovery.discover(job)
    report = job.out / "nuvs.json"
    told = {
        "sample": given.file("sample").name,
        "index": given.file("index").name,
        "subtractions": [file.name for file in given.files("subtractions")],
        "hmms": given.file("hmms").name,
        "summary": found.summary,
        "hits": list(contigs.report(found.contigs)),
    }
    report.write_text(json.dumps(told))
    return Result(
        summary=found.summary,
        tables=contigs.tables(found.contigs),
        files=[*found.files, ResultFile(report, "Contigs, ORFs and hits as Virtool keeps them", "json")],
        warnings=found.warnings,
    )


def title(given: Given[Inputs, Settings]) -> str:
    return f"{given.file('sample').name}: unknown viruses"


USED = ("skewer", "bowtie2", "spades.py", "hmmpress", "hmmscan")

TOOL = Tool(
    id="nuvs",
    name="NuVs",
    summary="Looks for viruses that no index holds, by assembly and profiles of viral protein families.",
    category="Viruses",
    keywords=(
        "new virus",
        "novel",
        "unknown",
        "discovery",
        "assembly",
        "de novo",
        "contig",
        "ORF",
        "HMM",
        "vFam",
        "Virtool",
        "plant virus",
        "diagnostics",
        "metagenomics",
    ),
    homepage="https://www.virtool.ca",
    licence="MIT",
    doi="10.1371/journal.pone.0105067",
    version=lambda: ", ".join(programs.version(name) for name in USED if name != "hmmpress"),
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=8,
        memory_mb=8192,
        timeout_s=48 * 3600,
        input_mb=200_000,
        unpacked_mb=1_000_000,
        file_size_mb=200_000,
    ),
    steps=discovery.STEPS,
    imports=("numpy", "dnaio", "Bio.Data.CodonTable", "duckdb"),
    price=price,
    pricing=PRICING,
    check=check,
    run=run,
    view=nuvs_view.view,
    example=None,
    first="NuVs needs a sample (Create Sample), an index (Build Index) and a set of HMMs such as vFam; "
    "the genome of the host (Create Subtraction) makes it faster and its result cleaner.",
    missing=lambda: programs.missing(*USED),
    title=title,
)
