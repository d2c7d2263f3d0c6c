"""NuVs: look for viruses that no index holds, in what is left of the reads after all that is known.

1. adapters and bad ends are trimmed (skewer)
2. reads that map to the index's default isolates, then to each subtraction, are taken away (bowtie2)
3. pairs of which either mate is left are brought together again
4. what is left is assembled (SPAdes)
5. long open reading frames of the contigs are searched with profiles of viral protein families (hmmscan)

The steps are those of Virtool's workflow-nuvs. When nothing is left on the way, the job completes and says where.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tools import library, programs
from tools.contract import (
    Given,
    InputFailure,
    InputFile,
    Limits,
    Model,
    PriceLine,
    Problem,
    Result,
    ResultFile,
    RunningJob,
    Tool,
    file_field,
)
from tools.viruses import assembly, contigs, inputs, nuvs_view, profiles, trimming
from tools.viruses.contigs import Contig
from tools.viruses.elimination import eliminate
from tools.viruses.profiles import Hit
from tools.viruses.reunite import reunite, survivors

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
        "Profiles of viral protein families, such as vFam (.hmm, also gzipped).", ("hmm",)
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
    for name, read in (("hmms", profiles.read), ("annotations", profiles.read_annotations)):
        for file in given.files(name):
            try:
                read(file)
            except InputFailure as error:
                yield Problem(name, str(error))


@dataclass(frozen=True)
class Sample:
    reads: list[Path]
    #: Nucleotides of its longest read.
    longest: int
    small_rna: bool

    @classmethod
    def of(cls, folder: Path) -> Sample:
        facts = library.about(folder)["facts"]
        return cls(inputs.reads(folder), int(facts["length"][1]), facts.get("library_type") == "srna")


@dataclass
class Run:
    """What is known so far: every step adds to it, and any may find that there is nothing to go on with."""

    job: RunningJob
    sample: Sample
    summary: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    contigs: list[Contig] = field(default_factory=list)
    files: list[ResultFile] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        settings: Settings = self.job.given.settings
        return settings


class NothingLeft(Exception):
    """There is nothing to go on with: a sentence for the person. The job completes."""


def run(job: RunningJob) -> Result:
    for problem in inputs.problems(job.given):
        raise InputFailure(problem.message)
    told = Run(job, Sample.of(job.given.file("sample").path))
    try:
        reads, longest = _what_is_unknown(told)
        _assemble(told, reads, longest)
        _search(told)
    except NothingLeft as end:
        told.summary["outcome"] = str(end)
        told.warnings.append(str(end))
    return _result(told)


def _what_is_unknown(told: Run) -> tuple[Sequence[Path], int]:
    """Reads that are in no index and no subtraction, and the length of the longest."""
    job, given = told.job, told.job.given
    trimmed = _trim(told)
    job.step("Eliminate OTUs")
    left = [job.work / "unmapped_otus.fq"]
    count = _eliminate(told, given.file("index").name, inputs.index(given.file("index")), trimmed, left[0])
    told.summary["in_index"] = told.summary["trimmed_reads"] - count
    if not count:
        raise NothingLeft("Every read maps to the index: nothing unknown is left to assemble.")

    job.step("Eliminate subtraction")
    for number, file in enumerate(given.files("subtractions"), start=1):
        left.append(job.work / f"unmapped_subtraction_{number}.fq")
        count = _eliminate(told, file.name, inputs.host(file), left[-2:-1], left[-1])
        left[-2].unlink()
    told.summary["in_subtractions"] = told.summary["trimmed_reads"] - told.summary["in_index"] - count
    told.summary["unknown_reads"] = count
    if not count:
        raise NothingLeft(
            "Every read maps to the index or a subtraction: nothing unknown is left to assemble."
        )

    unknown = survivors(left[-1])
    if len(trimmed) == 1:
        return left[-1:], unknown.longest
    job.step("Reunite pairs")
    both = (job.work / "unmapped_1.fq.gz", job.work / "unmapped_2.fq.gz")
    all_pairs = max(1, told.summary["trimmed_reads"] // 2)
    pairs, longest = reunite(
        (trimmed[0], trimmed[1]), unknown, both, lambda seen: job.progress(min(1.0, seen / all_pairs))
    )
    left[-1].unlink()
    told.summary["assembled_pairs"] = pairs
    job.log(f"{pairs:,} pairs have a mate that maps to nothing known.")
    return both, longest


def _trim(told: Run) -> Sequence[Path]:
    job, sample, settings = told.job, told.sample, told.settings
    job.step("Trim reads")
    minimum = settings.min_length or trimming.minimum_length(sample.longest, small_rna=sample.small_rna)
    trimmed = trimming.trim(
        job,
        sample.reads,
        minimum=minimum,
        max_error_rate=settings.max_error_rate,
        max_indel_rate=settings.max_indel_rate,
        end_quality=settings.end_quality,
        mean_quality=settings.mean_quality,
    )
    told.summary |= {
        "reads": trimmed.before,
        "min_length": minimum,
        "trimmed_reads": trimmed.after,
    }
    advice = (
        f"Reads shorter than {minimum} nt or of a mean quality below {settings.mean_quality} are left out"
    )
    if minimum > sample.longest:
        advice += f", and the longest read of the sample has {sample.longest} nt"
    advice += "; lower the minimum length"
    if sample.longest < assembly.KMERS[1] and not sample.small_rna:
        advice += ", or make the sample again as a library of small RNAs"
    advice += "."
    if not trimmed.after:
        raise NothingLeft(f"No read was left after trimming, of {trimmed.before:,}. {advice}")
    if trimmed.lost > 0.9:
        told.warnings.append(f"Trimming took {trimmed.lost:.1%} of the reads. {advice}")
    return trimmed.files


def _eliminate(told: Run, name: str, index: Path, reads: Sequence[Path], left: Path) -> int:
    count = eliminate(told.job, index, reads, left)
    told.job.log(f"{count:,} reads do not map to {name}.")
    return count


def _assemble(told: Run, reads: Sequence[Path], longest: int) -> None:
    job, settings = told.job, told.settings
    job.step("Assemble")
    wanted = assembly.SMALL_RNA_KMERS if told.sample.small_rna else assembly.KMERS
    kmers = assembly.fitting(wanted, longest)
    if not kmers:
        raise NothingLeft(
            f"The reads that are left are too short to assemble: the longest has {longest} nt, and the smallest "
            f"k-mer {wanted[0]}."
            + ("" if told.sample.small_rna else " Make the sample again as a library of small RNAs.")
        )
    made = assembly.assemble(job, reads, kmers, memory_mb=job.memory_mb)
    told.summary["kmers"] = ", ".join(map(str, made.kmers))
    if made.scaffolds is None:
        raise NothingLeft(
            f"The {told.summary['unknown_reads']:,} reads that are left are too few to assemble: "
            "no k-mer occurs often enough."
        )
    if made.kmers != tuple(wanted):
        told.warnings.append(
            f"Assembled with k-mers of {', '.join(map(str, made.kmers))} instead of {', '.join(map(str, wanted))}: "
            + (
                "the reads are too short for the others."
                if made.kmers == kmers
                else "the reads are too few for the others."
            )
        )

    job.step("Process assembly")
    count = 0
    for scaffold, found in contigs.with_orfs(
        _kept(told, made.scaffolds), settings.min_contig, settings.min_orf
    ):
        count += 1
        if found:
            told.contigs.append(Contig(len(told.contigs), scaffold, found))
    told.summary |= {
        "long_scaffolds": count,
        "contigs": len(told.contigs),
        "longest_contig": max((contig.length for contig in told.contigs), default=0),
        "orfs": sum(len(contig.orfs) for contig in told.contigs),
    }
    if not count:
        raise NothingLeft(f"The assembly has no scaffold of {settings.min_contig} nt or more.")
    if not told.contigs:
        raise NothingLeft(f"No scaffold has an open reading frame of {settings.min_orf} residues or more.")


def _kept(told: Run, path: Path) -> Iterator[assembly.Scaffold]:
    """The scaffolds, all of which go into the result on the way."""
    out = told.job.out / "assembly.fa.gz"
    with gzip.open(out, "wt", compresslevel=6) as kept:
        for scaffold in assembly.scaffolds(path):
            kept.write(f">{scaffold.name}\n{scaffold.sequence}\n")
            yield scaffold
    told.files.append(ResultFile(out, "Assembly (all scaffolds)", "fasta"))


def _search(told: Run) -> None:
    job = told.job
    job.step("VFam")
    proteins, table = job.work / "orfs.fa", job.out / "hmm.tsv"
    with proteins.open("w") as plain, gzip.open(job.out / "orfs.fa.gz", "wt", compresslevel=6) as kept:
        for record in contigs.proteins(told.contigs):
            plain.write(record)
            kept.write(record)
    told.files.append(ResultFile(job.out / "orfs.fa.gz", "Proteins of the ORFs", "fasta"))
    given = job.given.files("annotations")
    annotated = profiles.read_annotations(given[0]) if given else {}
    hits: list[Hit] = profiles.scan(
        job, job.given.file("hmms"), proteins, told.summary["orfs"], table, annotated
    )
    contigs.add_hits(told.contigs, hits)
    told.files.append(ResultFile(table, "hmmscan's table of hits", "tsv"))
    limit = told.settings.evalue
    told.summary |= {"hits": len(hits), **contigs.share_annotated(told.contigs, limit)}
    best = min(
        (contig for contig in told.contigs if contig.e is not None),
        key=lambda each: each.e or 0,
        default=None,
    )
    if best is None:
        raise NothingLeft(f"None of the {told.summary['orfs']:,} ORFs resembles a profile of the set.")
    told.summary |= {"best_e": best.e, "best_profile": best.by_e[0].profile}


def _result(told: Run) -> Result:
    report = told.job.out / "nuvs.json"
    given = told.job.given
    report.write_text(
        json.dumps(
            {
                "sample": given.file("sample").name,
                "index": given.file("index").name,
                "subtractions": [file.name for file in given.files("subtractions")],
                "hmms": given.file("hmms").name,
                "summary": told.summary,
                "hits": list(contigs.report(told.contigs)),
            }
        )
    )
    return Result(
        summary=told.summary,
        tables=contigs.tables(told.contigs),
        files=[*told.files, ResultFile(report, "Contigs, ORFs and hits as Virtool keeps them", "json")],
        warnings=told.warnings,
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
    steps=(
        "Trim reads",
        "Eliminate OTUs",
        "Eliminate subtraction",
        "Reunite pairs",
        "Assemble",
        "Process assembly",
        "VFam",
    ),
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
