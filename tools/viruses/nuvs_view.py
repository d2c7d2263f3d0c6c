"""What NuVs found, to look at: contigs by E-value, each with its map, hits and sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tools.contract import (
    ChoicePanel,
    FilteredPanel,
    Finished,
    MetricsPanel,
    Panel,
    TablePanel,
    TextPanel,
)
from tools.viruses import assembly, nuvs_figures
from tools.words import told

#: Contigs that one can choose from; a list of thousands helps nobody, and all are in the table.
MOST_CHOICES = 300
#: Letters in a line of FASTA.
WIDTH = 70

Row = Mapping[str, Any]


def view(finished: Finished) -> Sequence[Panel]:
    limit = float(finished.given_settings.get("evalue", 1e-5))
    rows = sorted(
        finished.rows("contigs"), key=lambda row: (row["e"] is None, row["e"] or 0.0, -row["length"])
    )
    metrics = _metrics(finished, limit)
    if not rows:
        return [metrics]  # the result's warning says why
    good = [row for row in rows if row["e"] is not None and row["e"] <= limit]
    show = partial(_contigs, finished, limit)
    return [
        metrics,
        FilteredPanel(
            f"Show {len(rows) - len(good):,} more without a hit of E ≤ {limit:g}",
            len(rows) - len(good),
            passing=partial(show, good),
            everything=partial(show, rows),
        ),
    ]


def _contigs(finished: Finished, limit: float, contigs: Sequence[Row]) -> Sequence[Panel]:
    if not contigs:
        return [TextPanel("Contigs", f"No contig has a hit of E ≤ {limit:g}.")]
    orfs = finished.rows("orfs")
    shown = {row["contig"] for row in contigs}
    more = f" The first {MOST_CHOICES} by E-value and length." if len(contigs) > MOST_CHOICES else ""
    return [
        nuvs_figures.overview(contigs, orfs, limit),
        TablePanel(
            "Contigs",
            "contigs",
            "A low E-value says that a protein of the contig belongs to a family of viral proteins.",
            where=lambda row: row["contig"] in shown,
        ),
        ChoicePanel(
            "One contig",
            "Contig",
            [(_name(row), partial(_contig, finished, limit, row)) for row in contigs[:MOST_CHOICES]],
            "Its map, its hits and its sequences." + more,
        ),
    ]


def _name(contig: Row) -> str:
    found = "no hit" if contig["e"] is None else f"E {contig['e']:.2g}, {contig['names']}"
    return f"{contig['contig']}: {contig['length']:,} nt, {found}"


def _contig(finished: Finished, limit: float, contig: Row) -> Sequence[Panel]:
    own = [orf for orf in finished.rows("orfs") if orf["contig"] == contig["contig"]]
    panels: list[Panel] = [nuvs_figures.contig_map(contig, own, limit)]
    if any(orf["hits"] for orf in own):
        panels.append(
            TablePanel("Hits of this contig", "hits", where=lambda row: row["contig"] == contig["contig"])
        )
    return [
        *panels,
        TextPanel("Contig, FASTA", _fasta(finished.path("assembly.fa.gz"), [contig["scaffold"]]), "fasta"),
        TextPanel("Proteins of its ORFs, FASTA", _proteins(finished, own), "fasta"),
    ]


def _proteins(finished: Finished, orfs: Sequence[Row]) -> str:
    """With the place on the contig and the best hit behind the name."""
    path = finished.path("orfs.fa.gz")
    if not path.exists():
        return ""
    by_name = {f"sequence_{orf['contig']}.{orf['orf']}": orf for orf in orfs}

    def header(name: str) -> str:
        orf = by_name[name]
        hit = f" {orf['profile']} E={orf['e']:.2g}" if orf["hits"] else ""
        return f"{name} {orf['first']}-{orf['last']} ({orf['strand']}){hit}"

    return _fasta(path, list(by_name), header)


def _fasta(path: Path, names: Sequence[str], header: Callable[[str], str] = str) -> str:
    """These records of a FASTA file, which is read no further than it must be."""
    wanted = set(names)
    found = []
    for record in assembly.scaffolds(path):
        if record.name in wanted:
            lines = [record.sequence[at : at + WIDTH] for at in range(0, len(record.sequence), WIDTH)]
            found.append("\n".join([f">{header(record.name)}", *lines]))
            wanted.remove(record.name)
            if not wanted:
                break
    return "\n".join(found)


def _metrics(finished: Finished, limit: float) -> MetricsPanel:
    summary = finished.summary
    left = told(summary.get("unknown_reads"), "{:,}")
    return MetricsPanel(
        "From reads to contigs",
        [
            ("Reads", told(summary.get("reads"), "{:,}"), "Of the sample, both files"),
            (
                "After trimming",
                told(summary.get("trimmed_reads"), "{:,}"),
                f"Reads of at least {told(summary.get('min_length'))} nt",
            ),
            ("In no index or subtraction", left, "Reads that map to nothing known"),
            ("Longest contig", told(summary.get("longest_contig"), "{:,} nt"), "With an open reading frame"),
            (
                "Contigs with a hit",
                f"{told(summary.get('significant'))} of {told(summary.get('contigs'), '{:,}')}",
                f"Of E ≤ {limit:g}; contigs without an open reading frame are not counted",
            ),
            ("Best E-value", told(summary.get("best_e"), "{:.2g}"), told(summary.get("best_profile"))),
        ],
    )
