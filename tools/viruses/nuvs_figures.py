"""Contigs with their open reading frames, drawn to scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.contract import FigurePanel

#: Okabe and Ito, of a lightness between light and dark pages.
COLOURS = ("#2b87c0", "#d9661f", "#12a37a", "#c977a4", "#cf9413", "#7a86d1", "#4fb0d8")
#: An ORF without a hit, and a contig.
PLAIN = "#8f9ba0"

#: Contigs of the overview.
MOST_CONTIGS = 40

_LANES = ("+1", "+2", "+3", "−1", "−2", "−3")
NO_HIT = "No hit"
NO_FAMILY = "Hit without a family"

Row = Mapping[str, Any]


def contig_map(contig: Row, orfs: Sequence[Row], limit: float) -> FigurePanel:
    """One contig: its ORFs as arrows by strand and frame, coloured by the families of their hits."""
    import plotly.graph_objects as go

    figure = go.Figure()
    colours = _colours(orfs)
    named: set[str] = set()
    for orf in orfs:
        kind = _kind(orf)
        xs, ys = _arrow(orf, contig["length"])
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            fill="toself",
            fillcolor=colours[kind],
            line={"color": colours[kind], "width": 1},
            opacity=1 if _passes(orf, limit) else 0.55,
            hoveron="fills",
            hoverinfo="text",
            text=_told(orf),
            name=_unmarked(kind),
            legendgroup=kind,
            showlegend=kind not in named,
        )
        named.add(kind)
    figure.update_layout(
        height=330,
        xaxis={"title": "Position (nt)", "range": [0, contig["length"]]},
        yaxis={
            "title": "Strand and frame",
            "tickvals": [-each for each in range(len(_LANES))],
            "ticktext": list(_LANES),
            "range": [-len(_LANES) + 0.4, 0.6],
            "showgrid": False,
            "zeroline": False,
        },
    )
    return FigurePanel(
        f"Map of contig {contig['contig']}",
        figure,
        f"Arrows point along the strand; those without a hit of E ≤ {limit:g} are paler.",
        alt=f"Contig {contig['contig']} of {contig['length']:,} nt with {_in_words(orfs)}",
    )


def overview(contigs: Sequence[Row], orfs: Sequence[Row], limit: float) -> FigurePanel:
    """Contigs below each other to one scale, each with its ORFs above (plus strand) and below (minus) its line."""
    import plotly.graph_objects as go

    shown = contigs[:MOST_CONTIGS]
    place = {contig["contig"]: -number for number, contig in enumerate(shown)}
    own = [orf for orf in orfs if orf["contig"] in place]
    figure = go.Figure()
    figure.add_bar(
        x=[contig["length"] for contig in shown],
        y=[place[contig["contig"]] for contig in shown],
        width=0.06,
        orientation="h",
        marker={"color": PLAIN, "line": {"width": 0}},
        hovertext=[f"Contig {contig['contig']}: {contig['length']:,} nt" for contig in shown],
        hoverinfo="text",
        showlegend=False,
    )
    for name, colour, drawn in (
        (f"ORF with a hit of E ≤ {limit:g}", COLOURS[0], [orf for orf in own if _passes(orf, limit)]),
        ("ORF with another hit or none", PLAIN, [orf for orf in own if not _passes(orf, limit)]),
    ):
        if drawn:
            figure.add_bar(
                x=[orf["last"] - orf["first"] + 1 for orf in drawn],
                base=[orf["first"] - 1 for orf in drawn],
                y=[place[orf["contig"]] + (0.2 if orf["strand"] == "+" else -0.2) for orf in drawn],
                width=0.3,
                orientation="h",
                marker={"color": colour, "line": {"width": 0}},
                opacity=0.85,  # ORFs of several frames overlap
                hovertext=[f"Contig {orf['contig']}, {_told(orf)}" for orf in drawn],
                hoverinfo="text",
                name=name,
            )
    longest = max(contig["length"] for contig in shown)
    figure.update_layout(
        barmode="overlay",
        height=110 + 30 * len(shown),
        xaxis={"title": "Position (nt)", "range": [0, longest]},
        yaxis={
            "title": "Contig",
            "tickvals": list(place.values()),
            "ticktext": [str(each) for each in place],
            "range": [-len(shown) + 0.4, 0.6],
            "showgrid": False,
            "zeroline": False,
        },
    )
    note = "ORFs of the plus strand lie above a contig's line, those of the minus strand below it."
    if len(contigs) > len(shown):
        note += f" The first {len(shown)} of {len(contigs):,} contigs, by E-value and length."
    return FigurePanel(
        "Contigs to one scale",
        figure,
        note,
        alt=f"{_number(len(shown), 'contig')}, the longest of {longest:,} nt, with {_in_words(own)}",
    )


def _arrow(orf: Row, length: int) -> tuple[list[float], list[float]]:
    """Corners of an arrow in the lane of its strand and frame; its head is at most a fiftieth of the contig."""
    start, end = orf["first"] - 1, orf["last"]
    forward = orf["strand"] == "+"
    lane = -(orf["frame"] - 1 + (0 if forward else 3))
    head = min(length / 50, (end - start) / 2)
    low, high, tip = lane - 0.32, lane + 0.32, lane
    if forward:
        return [start, end - head, end, end - head, start, start], [high, high, tip, low, low, high]
    return [end, start + head, start, start + head, end, end], [high, high, tip, low, low, high]


def _colours(orfs: Sequence[Row]) -> dict[str, str]:
    """Of every kind of ORF that occurs."""
    kinds = dict.fromkeys(
        _kind(orf) for orf in sorted(orfs, key=lambda orf: (orf["e"] is None, orf["e"] or 0))
    )
    kinds.pop(NO_HIT, None)
    return {kind: COLOURS[number % len(COLOURS)] for number, kind in enumerate(kinds)} | {NO_HIT: PLAIN}


def _kind(orf: Row) -> str:
    if not orf["hits"]:
        return NO_HIT
    return orf["families"] or NO_FAMILY


def _passes(orf: Row, limit: float) -> bool:
    return orf["e"] is not None and orf["e"] <= limit


def _told(orf: Row) -> str:
    told = (
        f"ORF {orf['orf']}: {orf['first']:,}–{orf['last']:,}, strand {orf['strand']}, frame {orf['frame']}, "
        f"{orf['residues']:,} aa"
    )
    if not orf["hits"]:
        return f"{told}<br>no hit"
    words = ", ".join(_unmarked(part) for part in (orf["names"], orf["families"]) if part)
    return f"{told}<br>{_unmarked(orf['profile'])}, E {orf['e']:.2g}<br>{words}"


def _unmarked(text: str) -> str:
    """Plotly reads a part of HTML in labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _in_words(orfs: Sequence[Row]) -> str:
    count = sum(bool(orf["hits"]) for orf in orfs)
    return f"{_number(len(orfs), 'open reading frame')}, {count:,} with a hit"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
