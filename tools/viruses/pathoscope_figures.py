"""Depth along the segments of one virus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.contract import FigurePanel

Rows = Sequence[Mapping[str, Any]]

#: Isolates drawn; the table lists all.
MOST_ISOLATES = 12


def depth(virus: Mapping[str, Any], isolates: Rows, curves: Rows) -> list[FigurePanel]:
    """One figure a segment: the maximum over all isolates as an area, and each isolate as a line to be switched on.

    `curves` are rows of the table `coverage` that are of this virus.
    """
    names = {row["isolate_id"]: row["isolate"] for row in isolates[:MOST_ISOLATES]}
    segments = dict.fromkeys(row["segment"] for row in curves)
    hidden = len(isolates) - len(names)
    note = "Click an isolate in the legend to switch its line."
    if hidden > 0:
        note += f" {hidden} more isolates are in the table."
    return [
        _segment(virus["name"], segment, names, [row for row in curves if row["segment"] == segment], note)
        for segment in segments
    ]


def _segment(virus: str, segment: str, names: Mapping[str, str], rows: Rows, note: str) -> FigurePanel:
    import plotly.graph_objects as go

    figure = go.Figure()
    highest = _line(rows, "")
    figure.add_scatter(**highest, name="Maximum of all isolates", fill="tozeroy", mode="lines", line_width=1)
    for isolate, name in names.items():
        own = _line(rows, isolate)
        if own["x"]:
            figure.add_scatter(**own, name=name, mode="lines", line_width=1.5, visible="legendonly")
    figure.update_layout(
        height=320,
        xaxis_title="Position (nt)",
        xaxis_tickformat=",d",
        yaxis_title="Depth (×)",
        yaxis_rangemode="tozero",
        showlegend=True,
    )
    peak, length = max(highest["y"]), max(highest["x"])
    return FigurePanel(
        f"Coverage of {segment}",
        figure,
        note,
        alt=f"Depth of reads along {segment} of {virus}, {length:,} nt long, up to {peak:,}",
    )


def _line(rows: Rows, isolate: str) -> dict[str, list[int]]:
    own = [row for row in rows if row["isolate"] == isolate]
    return {"x": [row["position"] for row in own], "y": [row["depth"] for row in own]}
