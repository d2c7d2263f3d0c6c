"""Kinds of files that outlive the job that made them, and what lies in them.

A reference and an HMM set are single files, which people upload. An index, a sample and a subtraction are folders that
jobs make (`tools.contract.LibraryItem`), with `about.json` in them:

    index         reference.json.gz, reference.fa.gz, bowtie/reference.*.bt2
    sample        reads_1.fq.gz, reads_2.fq.gz when paired, quality.json
    subtraction   subtraction.fa.gz, bowtie/subtraction.*.bt2
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.contract import LocalFile, Panel

ABOUT = "about.json"


@dataclass(frozen=True, kw_only=True)
class Kind:
    format: str
    name: str
    plural: str
    #: What it is and what for, in a sentence.
    summary: str
    #: How one comes to have one, for an empty list.
    first: str
    #: Facts that a list shows: (key, label, unit).
    columns: Sequence[tuple[str, str, str]]
    #: Jobs that start from it: (tool, input).
    starts: Sequence[tuple[str, str]]
    #: `module:function` of (LocalFile, facts) -> panels: what it holds.
    panels: str
    #: `module:function` of LocalFile -> facts, for what people upload. Raises InputFailure.
    facts: str = ""

    def show(self, file: LocalFile, facts: Mapping[str, Any]) -> Sequence[Panel]:
        return _function(self.panels)(file, facts)

    def look(self, file: LocalFile) -> dict[str, Any]:
        """The facts of an upload. Raises InputFailure with what is wrong with it."""
        return _function(self.facts)(file) if self.facts else {}


def about(folder: Path) -> dict[str, Any]:
    """{"format", "name", "facts", "tool", "versions"} of a folder that a job made."""
    return json.loads((folder / ABOUT).read_text())


def _function(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


KINDS = {
    kind.format: kind
    for kind in (
        Kind(
            format="reference",
            name="Reference",
            plural="References",
            summary="Viruses (OTUs) with their isolates and sequences, as Virtool exports them.",
            first="Upload a reference: a JSON export of Virtool, plain or gzipped.",
            columns=[("otus", "OTUs", ""), ("isolates", "Isolates", ""), ("sequences", "Sequences", "")],
            starts=[("build-index", "reference")],
            panels="tools.viruses.reference:panels",
            facts="tools.viruses.reference:facts",
        ),
        Kind(
            format="index",
            name="Index",
            plural="Indexes",
            summary="A frozen build of a reference that reads are mapped against.",
            first="Build one from a reference.",
            columns=[
                ("version", "Version", ""),
                ("otus", "OTUs", ""),
                ("isolates", "Isolates", ""),
                ("sequences", "Sequences", ""),
            ],
            starts=[("pathoscope", "index"), ("nuvs", "index")],
            panels="tools.viruses.reference:index_panels",
        ),
        Kind(
            format="sample",
            name="Sample",
            plural="Samples",
            summary="The reads of one sequencing library with their quality.",
            first="Make one from FASTQ files.",
            columns=[
                ("count", "Reads", ""),
                ("length", "Length", "nt"),
                ("gc", "GC", "%"),
                ("library_type", "Library", ""),
                ("host", "Host", ""),
            ],
            starts=[("pathoscope", "sample"), ("nuvs", "sample")],
            panels="tools.reads.figures:panels",
        ),
        Kind(
            format="subtraction",
            name="Subtraction",
            plural="Subtractions",
            summary="The genome of a host, whose reads are taken away.",
            first="Make one from a genome as FASTA.",
            columns=[("nickname", "Nickname", ""), ("count", "Sequences", ""), ("gc", "GC", "%")],
            starts=[("pathoscope", "subtractions"), ("nuvs", "subtractions")],
            panels="tools.viruses.subtraction:panels",
        ),
        Kind(
            format="hmm",
            name="HMM set",
            plural="HMM sets",
            summary="Profiles of viral protein families that NuVs looks for.",
            first="Upload profiles as HMMER writes them (.hmm), such as vFam.",
            columns=[("profiles", "Profiles", ""), ("length", "Length", "aa")],
            starts=[("nuvs", "hmms")],
            panels="tools.viruses.profiles:panels",
            facts="tools.viruses.profiles:facts",
        ),
    )
}
