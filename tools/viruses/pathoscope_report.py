"""What Pathoscope tells: the report of sequences, and the figures of isolates and viruses (OTUs) made from it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import library
from tools.contract import Result, ResultFile, RunningJob
from tools.viruses import coverage, pathoscope_tables
from tools.viruses.em import BestHits, Reassigned

if TYPE_CHECKING:
    import numpy as np

    from tools.viruses.reference import Index, Isolate, Otu

#: A sequence below this weight and without a best hit ends the report.
LEAST_WEIGHT = 0.01
DECIMALS = 10
#: bowtie2 aligns no read below this length with the scores asked for, and small RNAs only where they match exactly.
SHORTEST, NEARLY_EXACT = 20, 30
#: Coverage from which a virus counts as present (Virtool's manual).
PRESENT = 0.5


@dataclass(frozen=True)
class Figures:
    pi: float
    best: float
    high: float
    low: float
    #: Reads whose best hit it is; a tie shares a read.
    reads: float

    def told(self) -> dict[str, float]:
        return {
            "pi": self.pi,
            "best": self.best,
            "high": self.high,
            "low": self.low,
            "reads": int(self.reads),
        }


@dataclass(frozen=True)
class Hit:
    """A row of the report: one sequence."""

    id: str
    final: Figures
    initial: Figures
    depth: np.ndarray


def hits(found: Reassigned, references: Sequence[str], depths: Sequence[np.ndarray]) -> list[Hit]:
    """By final weight, ties by id, both descending, up to the first that has neither weight nor best hits."""
    order = sorted(
        range(len(references)), key=lambda index: (float(found.pi[index]), references[index]), reverse=True
    )
    kept = []
    for index in order:
        final = found.final
        if found.pi[index] < LEAST_WEIGHT and final.high[index] <= 0 and final.low[index] <= 0:
            break
        kept.append(
            Hit(
                references[index],
                _figures(found.pi, final, index),
                _figures(found.initial_pi, found.initial, index),
                depths[index],
            )
        )
    return kept


def left_out(report: Sequence[Hit]) -> Iterator[str]:
    """A warning where the report ends before what the reads were assigned to."""
    weight = 1 - sum(hit.final.pi for hit in report)
    if weight >= LEAST_WEIGHT:
        yield (
            f"Sequences that have {weight:.1%} of the weight together are not in the report, as none stands out: so "
            "it is where a virus has a hundred isolates that are nearly the same. Run it again with “collapse "
            "reference” to see them."
        )


def _figures(pi: np.ndarray, hits: BestHits, index: int) -> Figures:
    columns = (pi, hits.best, hits.high, hits.low, hits.reads)
    return Figures(*(round(float(column[index]), DECIMALS) for column in columns))


_HEADER = (
    "Genome",
    "Final Guess",
    "Final Best Hit",
    "Final Best Hit Read Numbers",
    "Final High Confidence Hits",
    "Final Low Confidence Hits",
    "Initial Guess",
    "Initial Best Hit",
    "Initial Best Hit Read Numbers",
    "Initial High Confidence Hits",
    "Initial Low Confidence Hits",
)


def write_tsv(path: Path, report: Sequence[Hit], reads: int, genomes: int) -> None:
    """As PathoScope writes it, with two rows of headers."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerow(("Total Number of Aligned Reads:", reads, "Total Number of Mapped Genomes:", genomes))
        rows.writerow(_HEADER)
        for hit in report:
            sides = (
                (side.pi, side.best, side.reads, side.high, side.low) for side in (hit.final, hit.initial)
            )
            rows.writerow((hit.id, *(value for side in sides for value in side)))


def hits_json(report: Sequence[Hit], index: Index) -> list[dict[str, Any]]:
    """As Virtool keeps them. Its depth of a sequence is the mean, that of isolates and viruses the median."""
    found = []
    for hit in report:
        otu, _ = index.places[hit.id]
        found.append(
            {
                "id": hit.id,
                "otu": {"id": otu.id, "version": otu.version},
                "final": hit.final.told(),
                "initial": hit.initial.told(),
                "align": hit.depth.tolist(),
                "coverage": round(coverage.covered(hit.depth), 3),
                "depth": _mean(hit.depth),
            }
        )
    return found


def _mean(depth: np.ndarray) -> int:
    return round(float(depth.mean())) if len(depth) else 0


def viruses(report: Sequence[Hit], index: Index) -> list[dict[str, Any]]:
    """Each virus with its isolates and their sequences that were hit; by weight, descending.

    As in Virtool a sequence without a hit is no part of its isolate's coverage: `segments` tells how many were found.
    """
    by_otu: dict[str, list[Hit]] = {}
    for hit in report:
        by_otu.setdefault(index.places[hit.id][0].id, []).append(hit)
    found = [_virus(index.places[own[0].id][0], {hit.id: hit for hit in own}) for own in by_otu.values()]
    return sorted(found, key=lambda virus: (-virus["weight"], virus["id"]))


def _virus(otu: Otu, own: Mapping[str, Hit]) -> dict[str, Any]:
    import numpy as np

    isolates = [
        _isolate(isolate, own)
        for isolate in otu.isolates
        if any(each.id in own for each in isolate.sequences)
    ]
    pieces = [
        coverage.Piece(isolate.id, sequence.segment, own[sequence.id].depth)
        for isolate in otu.isolates
        for sequence in isolate.sequences
        if sequence.id in own
    ]
    segments = [
        (name, coverage.highest([piece.depth for piece in pieces]), pieces)
        for name, pieces in coverage.segments(pieces, otu.segments)
    ]
    whole = np.concatenate([curve for _, curve, _ in segments])
    return {
        "id": otu.id,
        "name": otu.name,
        "abbreviation": otu.abbreviation,
        "version": otu.version,
        "weight": _sum(hit.final.pi for hit in own.values()),
        "share": _sum(hit.final.best for hit in own.values()),
        "coverage": max(isolate["coverage"] for isolate in isolates),
        "depth": coverage.median(whole),
        "max_depth": int(whole.max(initial=0)),
        "reads": int(_sum(hit.final.reads for hit in own.values())),
        "segments": [name for name, _, _ in segments],
        "segments_missing": [name for name in otu.segments if name not in {name for name, _, _ in segments}],
        "isolates": sorted(
            isolates, key=lambda isolate: (-isolate["coverage"], -isolate["weight"], isolate["id"])
        ),
        "curves": segments,
    }


def _isolate(isolate: Isolate, own: Mapping[str, Hit]) -> dict[str, Any]:
    import numpy as np

    sequences = [each for each in isolate.sequences if each.id in own]
    found = [own[each.id] for each in sequences]
    whole = np.concatenate([hit.depth for hit in found])
    return {
        "id": isolate.id,
        "name": isolate.name,
        "default": isolate.default,
        "weight": _sum(hit.final.pi for hit in found),
        "share": _sum(hit.final.best for hit in found),
        "coverage": round(coverage.covered(whole), 4),
        "depth": coverage.median(whole),
        "length": len(whole),
        "reads": int(_sum(hit.final.reads for hit in found)),
        "found": len(found),
        "of": len(isolate.sequences),
        "sequences": [
            {
                "id": sequence.id,
                "accession": sequence.accession,
                "definition": sequence.definition,
                "segment": sequence.segment,
                "length": len(sequence.sequence),
                "final": hit.final.told(),
                "initial": hit.initial.told(),
                "coverage": round(coverage.covered(hit.depth), 4),
                "depth": coverage.median(hit.depth),
                "mean_depth": round(float(hit.depth.mean()), 2),
            }
            for sequence, hit in zip(sequences, found, strict=True)
        ],
    }


def _sum(values: Any) -> float:
    return round(sum(values), DECIMALS)


def viruses_json(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Without the curves, which the hits have in full."""
    return [{key: value for key, value in virus.items() if key != "curves"} for virus in found]


def result(
    job: RunningJob,
    index: Index,
    hits: Sequence[Hit],
    reassigned: Reassigned | None,
    subtracted: int,
    warnings: Sequence[str],
) -> Result:
    """Writes the files too. `reassigned` is None where no read was left to reassign."""
    sample = job.given.file("sample")
    facts = library.about(sample.path)["facts"]
    mapped = reassigned.reads if reassigned else 0
    genomes = len(reassigned.pi) if reassigned else 0
    found = viruses(hits, index)
    content = {
        "sample": {"name": sample.name, **facts},
        "index": {"name": index.name, "version": index.version},
        "subtractions": [file.name for file in job.given.files("subtractions")],
        "read_count": mapped,
        "subtracted_count": subtracted,
        "total_reads": facts["count"],
        "hits": hits_json(hits, index),
        "otus": viruses_json(found),
    }
    (job.out / "pathoscope.json").write_text(json.dumps(content, separators=(",", ":")))
    write_tsv(job.out / "report.tsv", hits, mapped, genomes)
    present = [virus for virus in found if virus["coverage"] >= PRESENT]
    return Result(
        summary={
            "viruses": len(present),
            "top_virus": present[0]["name"] if present else None,
            "reads": facts["count"],
            "mapped_reads": mapped,
            "subtracted_reads": subtracted,
            "multi_reads": reassigned.multi_reads if reassigned else 0,
            "iterations": reassigned.iterations if reassigned else 0,
            "sample": sample.name,
            "index": index.name,
            "index_version": index.version,
        },
        tables=pathoscope_tables.tables(found),
        files=[
            ResultFile(
                job.out / "pathoscope.json", "Result with every depth, as Virtool keeps it", "pathoscope"
            ),
            ResultFile(job.out / "report.tsv", "PathoScope's report of sequences", "tsv"),
        ],
        warnings=[*warnings, *_length_warnings(facts), *_segment_warnings(present)],
    )


def _length_warnings(facts: dict[str, Any]) -> Iterator[str]:
    longest = int(facts["length"][1])
    if longest < SHORTEST:
        yield f"The longest read has {longest} nt: reads below {SHORTEST} nt are never aligned."
    elif longest < NEARLY_EXACT:
        yield (
            f"The longest read has {longest} nt: reads this short are aligned only where nearly every base matches, so "
            "that distant relatives of the viruses in the index are missed."
        )


def _segment_warnings(present: Sequence[dict[str, Any]]) -> Iterator[str]:
    for virus in present:
        if virus["segments_missing"]:
            missing = ", ".join(virus["segments_missing"])
            yield f"{virus['name']}: no read was assigned to {missing}. Its coverage is that of the other segments."
