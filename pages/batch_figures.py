"""Figures of a metric over the wells of a batch: how it is distributed, and the wells from best to worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import median
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages import batch_plate
from pages.parts import figures, human
from tools.contract import Metric

#: With fewer values a figure tells less than the table.
ENOUGH = 3
#: Points that are drawn; of more every second, third ... rank.
POINTS = 1_500


def draw(rows: Sequence[Mapping[str, Any]], metric: Metric, *, key: str) -> None:
    """Of rows of the batch's table."""
    found = [
        (value, f"{row['name']} ({row['place']})")
        for row in rows
        if (value := batch_plate.number(row.get(metric.key))) is not None
    ]
    if len(found) < ENOUGH:
        return
    left, right = st.columns(2, gap="large")
    title = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    with left:
        st.subheader("Distribution", anchor=False)
        distribution([value for value, _ in found], title, key)
    with right:
        st.subheader("From best to worst", anchor=False)
        ranking(found, metric, title, key)


def distribution(values: Sequence[float], title: str, key: str) -> None:
    figure = go.Figure(go.Histogram(x=values, nbinsx=min(60, max(10, round(2 * len(values) ** 0.5)))))
    figure.update_traces(hovertemplate="%{x}: %{y} wells<extra></extra>")
    figure.update_layout(xaxis_title=title, yaxis_title="Wells", bargap=0.05)
    told = f"{len(values):,} wells from {short(min(values))} to {short(max(values))}"
    figures.draw(figure, key=f"{key}.distribution", alt=f"Histogram of {title}: {told}", height=280)
    st.caption(human.markdown_text(f"{told}, median {short(median(values))}."))


def ranking(found: Sequence[tuple[float, str]], metric: Metric, title: str, key: str) -> None:
    ranked = sorted(found, key=lambda pair: pair[0], reverse=metric.better == "higher")
    step = -(-len(ranked) // POINTS)
    drawn = list(enumerate(ranked, 1))[::step]
    figure = go.Figure(
        go.Scattergl(
            x=[rank for rank, _ in drawn],
            y=[value for _, (value, _) in drawn],
            text=[escape(name) for _, (_, name) in drawn],
            mode="markers",
            marker={"size": 5},
            hovertemplate="%{text}<br>rank %{x}: %{y}<extra></extra>",
        )
    )
    figure.update_layout(xaxis={"title": "Rank", "zeroline": False}, yaxis_title=title)
    best, name = ranked[0]
    told = f"Best: {name}, {short(best)}{f' {metric.unit}' if metric.unit else ''}"
    figures.draw(figure, key=f"{key}.ranking", alt=f"{title} by rank. {told}", height=280)
    thinned = f" Of the ranks one in {step} is drawn." if step > 1 else ""
    st.caption(human.markdown_text(f"{told}; {metric.better} is better.{thinned}"))


def short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
