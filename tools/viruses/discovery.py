"""The seven steps of NuVs: from the reads of a sample to contigs whose proteins resemble those of viruses.

Every step may find that there is nothing to go on with; that is an answer, not a failure.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import library
from tools.contract import ResultFile, RunningJob
from tools.viruses import assembly, contigs, inputs, profiles, trimming
from tools.viruses.contigs import Contig
from tools.viruses.elimination import eliminate
from tools.viruses.reunite import reunite, survivors

STEPS = (
    "Trim reads",
    "Eliminate OTUs",
    "Eliminate subtraction",
    "Reunite pairs",
    "Assemble",
    "Process assembly",
    "VFam",
)


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
class Found:
    """What is known so far: every step adds to it, and any may find that there is nothing to go on with."""

    job: RunningJob
    sample: Sample
    summary: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    contigs: list[Contig] = field(default_factory=list)
    files: list[ResultFile] = field(default_factory=list)

    @property
    def settings(self) -> Any:
        return self.job.given.settings


class NothingLeft(Exception):
    """There is nothing to go on with: a sentence for the person. The job completes."""


def discover(job: RunningJob) -> Found:
    found = Found(job, Sample.of(job.given.file("sample").path))
    try:
        reads, longest = _what_is_unknown(found)
        _process(found, _assemble(found, reads, longest))
        _search(found)
    except NothingLeft as end:
        found.summary["outcome"] = str(end)
        found.warnings.append(str(end))
    return found


def _what_is_unknown(found: Found) -> tuple[Sequence[Path], int]:
    """Reads that are in no index and no subtraction, and the length of the longest."""
    job, given = found.job, found.job.given
    trimmed = _trim(found)
    job.step("Eliminate OTUs")
    left = [job.work / "unmapped_otus.fq"]
    count = _eliminate(found, given.file("index").name, inputs.index(given.file("index")), trimmed, left[0])
    found.summary["in_index"] = found.summary["trimmed_reads"] - count
    if not count:
        raise NothingLeft("Every read maps to the index: nothing unknown is left to assemble.")

    job.step("Eliminate subtraction")
    subtractions = given.files("subtractions")
    for number, file in enumerate(subtractions, start=1):
        left.append(job.work / f"unmapped_subtraction_{number}.fq")
        part = number, len(subtractions)
        count = _eliminate(found, file.name, inputs.host(file), left[-2:-1], left[-1], part=part)
        left[-2].unlink()
    found.summary["in_subtractions"] = found.summary["trimmed_reads"] - found.summary["in_index"] - count
    found.summary["unknown_reads"] = count
    if not count:
        raise NothingLeft(
            "Every read maps to the index or a subtraction: nothing unknown is left to assemble."
        )

    unknown = survivors(left[-1])
    if len(trimmed) == 1:
        return left[-1:], unknown.longest
    job.step("Reunite pairs")
    both = (job.work / "unmapped_1.fq.gz", job.work / "unmapped_2.fq.gz")
    all_pairs = max(1, found.summary["trimmed_reads"] // 2)
    pairs, longest = reunite(
        (trimmed[0], trimmed[1]), unknown, both, lambda seen: job.progress(min(1.0, seen / all_pairs))
    )
    left[-1].unlink()
    found.summary["assembled_pairs"] = pairs
    job.log(f"{pairs:,} pairs have a mate that maps to nothing known.")
    return both, longest


def _trim(found: Found) -> Sequence[Path]:
    job, sample, settings = found.job, found.sample, found.settings
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
    found.summary |= {"reads": trimmed.before, "min_length": minimum, "trimmed_reads": trimmed.after}
    advice = f"Reads below {minimum} nt or a mean quality of {settings.mean_quality} are left out"
    if minimum > sample.longest:
        advice += f", and the longest read of the sample has {sample.longest} nt"
    advice += "; lower the minimum length"
    if sample.longest < assembly.KMERS[1] and not sample.small_rna:
        advice += ", or make the sample again as a library of small RNAs"
    advice += "."
    if not trimmed.after:
        raise NothingLeft(f"No read was left after trimming, of {trimmed.before:,}. {advice}")
    if trimmed.lost > 0.9:
        found.warnings.append(f"Trimming took {trimmed.lost:.1%} of the reads. {advice}")
    return trimmed.files


def _eliminate(
    found: Found,
    name: str,
    index: Path,
    reads: Sequence[Path],
    left: Path,
    *,
    part: tuple[int, int] = (1, 1),
) -> int:
    count = eliminate(found.job, index, reads, left, part=part)
    found.job.log(f"{count:,} reads do not map to {name}.")
    return count


def _assemble(found: Found, reads: Sequence[Path], longest: int) -> Path:
    """The scaffolds as FASTA."""
    job = found.job
    job.step("Assemble")
    wanted = assembly.SMALL_RNA_KMERS if found.sample.small_rna else assembly.KMERS
    kmers = assembly.fitting(wanted, longest)
    if not kmers:
        raise NothingLeft(
            f"The reads that are left are too short to assemble: the longest has {longest} nt, and the smallest "
            f"k-mer {wanted[0]}."
            + ("" if found.sample.small_rna else " Make the sample again as a library of small RNAs.")
        )
    correct = longest <= assembly.LONGEST_CORRECTED
    if not correct:
        found.warnings.append(
            f"The longest read has {longest:,} nt. SPAdes corrects the errors of short reads only: these are assembled "
            "as they are."
        )
    made = assembly.assemble(job, reads, kmers, correct=correct, memory_mb=job.memory_mb)
    found.summary["kmers"] = _listed(made.kmers)
    if made.scaffolds is None:
        raise NothingLeft(
            f"The {found.summary['unknown_reads']:,} reads that are left are too few to assemble: "
            "no k-mer occurs often enough."
        )
    if made.kmers != tuple(wanted):
        why = "the reads are too short for" if made.kmers == kmers else "too seldom in these reads are"
        found.warnings.append(
            f"Assembled with k-mers of {_listed(made.kmers)} instead of {_listed(wanted)}: {why} the others."
        )
    return made.scaffolds


def _listed(kmers: Sequence[int]) -> str:
    return ", ".join(map(str, kmers))


def _process(found: Found, path: Path) -> None:
    settings = found.settings
    found.job.step("Process assembly")
    count = 0
    for scaffold, orfs in contigs.with_orfs(_kept(found, path), settings.min_contig, settings.min_orf):
        count += 1
        if orfs:
            found.contigs.append(Contig(len(found.contigs), scaffold, orfs))
    found.summary |= {
        "long_scaffolds": count,
        "contigs": len(found.contigs),
        "longest_contig": max((contig.length for contig in found.contigs), default=0),
        "orfs": sum(len(contig.orfs) for contig in found.contigs),
    }
    if not count:
        raise NothingLeft(f"The assembly has no scaffold of {settings.min_contig} nt or more.")
    if not found.contigs:
        raise NothingLeft(f"No scaffold has an open reading frame of {settings.min_orf} residues or more.")


def _kept(found: Found, path: Path) -> Iterator[assembly.Scaffold]:
    """The scaffolds, all of which go into the result on the way."""
    out = found.job.out / "assembly.fa.gz"
    with gzip.open(out, "wt", compresslevel=6) as kept:
        for scaffold in assembly.scaffolds(path):
            kept.write(f">{scaffold.name}\n{scaffold.sequence}\n")
            yield scaffold
    found.files.append(ResultFile(out, "Assembly (all scaffolds)", "fasta"))


def _search(found: Found) -> None:
    job = found.job
    job.step("VFam")
    proteins, table = job.work / "orfs.fa", job.out / "hmm.tsv"
    with proteins.open("w") as plain, gzip.open(job.out / "orfs.fa.gz", "wt", compresslevel=6) as kept:
        for record in contigs.proteins(found.contigs):
            plain.write(record)
            kept.write(record)
    found.files.append(ResultFile(job.out / "orfs.fa.gz", "Proteins of the ORFs", "fasta"))
    given = job.given.files("annotations")
    annotated = profiles.read_annotations(given[0]) if given else {}
    hits = profiles.scan(job, job.given.file("hmms"), proteins, found.summary["orfs"], table, annotated)
    contigs.add_hits(found.contigs, hits)
    found.files.append(ResultFile(table, "hmmscan's table of hits", "tsv"))
    found.summary |= {
        "hits": len(hits),
        "with_hit": sum(contig.e is not None for contig in found.contigs),
        "significant": sum(
            contig.e is not None and contig.e <= found.settings.evalue for contig in found.contigs
        ),
    }
    if not hits:
        raise NothingLeft(f"None of the {found.summary['orfs']:,} ORFs resembles a profile of the set.")
    best = min(hits, key=lambda hit: hit.full_e)
    found.summary |= {"best_e": best.full_e, "best_profile": best.profile}
