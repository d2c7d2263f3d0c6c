"""Leave out isolates that are nearly the same as another one of their virus, as newer Virtool does (cd-hit-est)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tools.contract import RunningJob
from tools.viruses.otus import Isolate, Otu

IDENTITY = "0.99"

# 1	6395nt, >HE818410.1... at +/99.51%        0	6396nt, >NC_001367... *
_MEMBER = re.compile(r">(?P<id>\S+)\.\.\. (?P<how>\*|at .*)$")


def collapse(job: RunningJob, otus: Sequence[Otu]) -> list[Otu]:
    """The viruses with fewer isolates.

    Each segment's sequences are clustered by themselves. An isolate goes when the representatives of its sequences are
    those of an earlier isolate; the default isolate stays. A virus stays as it is when it has one isolate, or when its
    isolates do not have the same segments.
    """
    collapsed = []
    for number, otu in enumerate(otus):
        job.progress(number / len(otus), otu.name)
        collapsed.append(_collapse(job, otu, f"collapse-{number}") if _comparable(otu) else otu)
    return collapsed


def _comparable(otu: Otu) -> bool:
    segments = [sorted(sequence.segment for sequence in isolate.sequences) for isolate in otu.isolates]
    once = len(set(segments[0])) == len(segments[0])
    return len(segments) > 1 and once and all(own == segments[0] for own in segments)


def _collapse(job: RunningJob, otu: Otu, name: str) -> Otu:
    representatives: dict[str, str] = {}
    for place, segment in enumerate(sorted({sequence.segment for sequence in otu.sequences})):
        own = {each.id: each.sequence for each in otu.sequences if each.segment == segment}
        representatives |= _cluster(job, own, job.work / f"{name}-{place}.fa")
    return replace(otu, isolates=tuple(_kept(otu, representatives)))


def _kept(otu: Otu, representatives: dict[str, str]) -> list[Isolate]:
    seen: set[frozenset[str]] = set()
    kept = []
    for isolate in otu.isolates:
        own = frozenset(representatives[sequence.id] for sequence in isolate.sequences)
        if isolate.default or own not in seen:
            kept.append(isolate)
        seen.add(own)
    return kept


def _cluster(job: RunningJob, sequences: dict[str, str], fasta: Path) -> dict[str, str]:
    """Id of each sequence -> that of its cluster's representative."""
    fasta.write_text("".join(f">{id}\n{letters}\n" for id, letters in sequences.items()))
    out = fasta.with_suffix(".cdhit")
    options = ("-c", IDENTITY, "-T", "1", "-M", "0", "-d", "0")
    job.command(
        ["cd-hit-est", "-i", fasta.name, "-o", out.name, *options], on_line=lambda line: None, quiet=True
    )
    found: dict[str, str] = {}
    for cluster in out.with_suffix(".cdhit.clstr").read_text().split(">Cluster ")[1:]:
        members = {
            member["id"]: member["how"] for member in map(_MEMBER.search, cluster.splitlines()) if member
        }
        (first,) = (id for id, how in members.items() if how == "*")
        found |= dict.fromkeys(members, first)
    # cd-hit-est leaves out what is shorter than 11 letters.
    return {id: found.get(id, id) for id in sequences}
