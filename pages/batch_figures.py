"""Figures of a metric over the wells of a batch: how it is distributed, and the wells from best to worst."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from data.records import Well
from pages import batch_plate
from pages.parts import figures, human, wells
from tools.contract import Metric

#: With fewer values a figure tells less than the table.
ENOUGH = 3
#: Points that are drawn; of more every second, third ... rank.
POINTS = 1_500


def draw(shown: Sequence[Well], metric: Metric, *, of: int, key: str) -> None:
    found = [(value, well) for well in shown if (value := batch_plate.value_of(well, metric)) is not None]
    if len(found) < ENOUGH:
        return
    left, right = st.columns(2, gap="large")
    title = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    with left:
        st.subheader("Distribution", anchor=False)
        distribution([value for value, _ in found], title, key)
    with right:
        st.subheader("From best to worst", anchor=False)
        ranking(found, metric, title, of, key)


def distribution(values: Sequence[float], title: str, key: str) -> None:
    figure = go.Figure(go.Histogram(x=values, nbinsx=min(60, max(10, round(2 * len(values) ** 0.5)))))
    figure.update_traces(hovertemplate="%{x}: %{y} wells<extra></extra>")
    figure.update_layout(xaxis_title=title, yaxis_title="Wells", bargap=0.05)
    told = f"{len(values):,} wells from {short(min(values))} to {short(max(values))}"
    figures.draw(figure, key=f"{key}.distribution", alt=f"Histogram of {title}: {told}", height=280)
    middle = sorted(values)[len(values) // 2]
    st.caption(human.markdown_text(f"{told}, median {short(middle)}."))


def ranking(found: Sequence[tuple[float, Well]], metric: Metric, title: str, of: int, key: str) -> None:
    layout = wells.layout(of)
    ranked = sorted(found, key=lambda pair: pair[0], reverse=metric.better == "higher")
    step = -(-len(ranked) // POINTS)
    drawn = list(enumerate(ranked, 1))[::step]
    figure = go.Figure(
        go.Scattergl(
            x=[rank for rank, _ in drawn],
            y=[value for _, (value, _) in drawn],
            text=[f"{layout.name(well.number)} · {well.name}" for _, (_, well) in drawn],
            mode="markers",
            marker={"size": 5},
            hovertemplate="%{text}<br>rank %{x}: %{y}<extra></extra>",
        )
    )
    figure.update_layout(xaxis={"title": "Rank", "zeroline": False}, yaxis_title=title)
    best, well = ranked[0]
    told = f"Best: {well.name} ({layout.name(well.number)}), {short(best)}{f' {metric.unit}' if metric.unit else ''}"
    figures.draw(figure, key=f"{key}.ranking", alt=f"{title} by rank. {told}", height=280)
    thinned = f" Of the ranks one in {step} is drawn." if step > 1 else ""
    st.caption(human.markdown_text(f"{told}; {metric.better} is better.{thinned}"))


def short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
