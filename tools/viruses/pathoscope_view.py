"""The result of Pathoscope on a page: what was found, and each virus with its coverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
from tools.viruses import pathoscope_figures as figures
from tools.viruses.pathoscope_report import PRESENT

READING = f"""
- **Coverage** says most: above {PRESENT:g} the virus is present, below 0.2 it is not. Look twice at what lies between.
- **Weight** above 0.001 is strong. It is the share of the reads that are the virus's, weighted by how well they match:
  a virus close to the index outweighs one that differs. How much of each there is, the share of reads tells better.
- High weight and depth with **low coverage** suggest a genotype that the index does not hold: run **NuVs**.
- **Depth** is the median, so that a single deep spot does not raise it.
- Coverage looks at the sequences with a hit only. Of a virus with several segments, look whether all were found.
"""


def view(finished: Finished) -> Sequence[Panel]:
    viruses = finished.rows("otus")
    panels: list[Panel] = [_metrics(finished.summary)]
    if viruses:
        below = sum(row["coverage"] < PRESENT for row in viruses)
        panels += [
            FilteredPanel(
                f"Show {below} more with a coverage below {PRESENT:g}",
                below,
                passing=partial(_table, lambda row: row["coverage"] >= PRESENT),
                everything=partial(_table, None),
            ),
            ChoicePanel("Coverage", "Virus", _choices(finished, viruses)),
        ]
    return [*panels, TextPanel("How to read this", READING)]


def _metrics(summary: Mapping[str, Any]) -> MetricsPanel:
    return MetricsPanel(
        "Reads and viruses",
        [
            ("Viruses", f"{summary['viruses']:,}", f"With a coverage of {PRESENT:g} or more"),
            ("Reads of the sample", f"{summary['reads']:,}", "Mates of a pair are two"),
            (
                "Reads mapped",
                f"{summary['mapped_reads']:,}",
                "Aligned to viruses and kept; mates of one name count once",
            ),
            ("Subtracted", f"{summary['subtracted_reads']:,}", "Aligned to a host as well or better"),
            ("Index", str(summary["index"]), f"Version {summary['index_version']}"),
        ],
    )


def _table(where: Callable[[Mapping[str, Any]], bool] | None) -> list[Panel]:
    return [TablePanel("Viruses", "otus", where=where)]


def _choices(
    finished: Finished, viruses: Sequence[Mapping[str, Any]]
) -> list[tuple[str, Callable[[], Sequence[Panel]]]]:
    """Those that are present first."""
    ordered = sorted(viruses, key=lambda row: row["coverage"] < PRESENT)
    twice = len({row["name"] for row in ordered}) < len(ordered)
    return [
        (f"{row['name']} ({row['otu']})" if twice else row["name"], partial(_virus, finished, row))
        for row in ordered
    ]


def _virus(finished: Finished, virus: Mapping[str, Any]) -> list[Panel]:
    def own(row: Mapping[str, Any]) -> bool:
        return bool(row["otu"] == virus["otu"])

    isolates = [row for row in finished.rows("isolates") if own(row)]
    curves = [row for row in finished.rows("coverage") if own(row)]
    return [
        *figures.depth(virus, isolates, curves),
        TablePanel("Isolates", "isolates", "Highest coverage first.", where=own),
        TablePanel("Sequences", "sequences", where=own),
    ]
