"""Figures of the alignment summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.contract import FigurePanel

#: A histogram shows at most this many bars.
BARS = 120


def coverage(bins: Sequence[dict[str, Any]]) -> FigurePanel:
    """Mean and maximum depth along one reference, chosen from a menu."""
    import plotly.graph_objects as go

    names = list(dict.fromkeys(row["reference"] for row in bins))
    figure = go.Figure()
    for number, name in enumerate(names):
        own = [row for row in bins if row["reference"] == name]
        middles = [(row["from"] + row["to"]) / 2 for row in own]
        shown = {"visible": number == 0, "x": middles, "line_shape": "hvh"}
        figure.add_scatter(y=[row["max_depth"] for row in own], name="Maximum of the bin", **shown)
        figure.add_scatter(
            y=[row["mean_depth"] for row in own], name="Mean of the bin", fill="tozeroy", **shown
        )
    buttons = [
        {
            "label": name,
            "method": "update",
            "args": [{"visible": [index // 2 == number for index in range(2 * len(names))]}],
        }
        for number, name in enumerate(names)
    ]
    if len(names) > 1:
        figure.update_layout(updatemenus=[{"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.2}])
    figure.update_layout(xaxis_title="Position (bp)", yaxis_title="Depth (×)", yaxis_rangemode="tozero")
    first = [row for row in bins if row["reference"] == names[0]]
    width = first[0]["to"] - first[0]["from"] + 1
    return FigurePanel(
        "Coverage",
        figure,
        f"Bins of {width:,} bp on {names[0]}; the maximum of every bin is shown, so that no peak is hidden.",
        alt=f"Depth along {names[0]}, up to {max(row['max_depth'] for row in first)}",
    )


def histogram(rows: Sequence[dict[str, Any]], kind: str) -> FigurePanel:
    import plotly.graph_objects as go

    title, label = _WORDS[kind]
    values = [row["value"] for row in rows]
    width = max(1, -(-(max(values) - min(values) + 1) // BARS))
    bars: dict[int, int] = {}
    for row in rows:
        start = min(values) + (row["value"] - min(values)) // width * width
        bars[start] = bars.get(start, 0) + row["reads"]
    figure = go.Figure(
        go.Bar(
            x=[start + (width - 1) / 2 for start in bars], y=list(bars.values()), width=[width] * len(bars)
        )
    )
    figure.update_layout(xaxis_title=label, yaxis_title="Reads", bargap=0)
    note = f"Bars of {width:,}." if width > 1 else ""
    return FigurePanel(title, figure, note, alt=f"{title}: {min(values)} to {max(values)}")


_WORDS = {
    "mapping_quality": ("Mapping quality", "Mapping quality of primary reads"),
    "insert_sizes": ("Insert sizes", "Insert size of proper pairs (bp)"),
}
