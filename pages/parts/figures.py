"""One look for all figures, in light and dark."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

LIGHT = {"text": "#18252b", "grid": "#dfe6e8", "axis": "#9aa8ae"}
DARK = {"text": "#dfe8ea", "grid": "#26343a", "axis": "#5c6a70"}
#: Okabe and Ito: apart for every common form of colour blindness.
COLOURS = {
    "light": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5c6a70"],
    "dark": ["#56b4e9", "#e8803c", "#3cc7a0", "#d695bd", "#e6ac3d", "#7f9fd6", "#9aa8ae"],
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


def dark() -> bool:
    return st.context.theme.type == "dark"


def template() -> go.layout.Template:
    """Ticks outside, thin axes, no frame; background of the page."""
    ink = DARK if dark() else LIGHT
    axis = {
        "gridcolor": ink["grid"],
        "linecolor": ink["axis"],
        "tickcolor": ink["axis"],
        "zerolinecolor": ink["axis"],
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "automargin": True,
        "title": {"standoff": 8},
    }
    layout = go.Layout(
        font={"family": FONT, "size": 12, "color": ink["text"]},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=COLOURS["dark" if dark() else "light"],
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        xaxis={**axis, "showgrid": False},
        yaxis=axis,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"font": {"family": FONT}},
        bargap=0.25,
    )
    return go.layout.Template(layout=layout)


def draw(figure: Any, *, key: str, alt: str, height: int = 320) -> None:
    """Draw a figure of plotly in the app's look. `alt` is what a screen reader says."""
    shown = go.Figure(figure)
    shown.update_layout(template=template())
    if shown.layout.height is None:
        shown.update_layout(height=height)
    config = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
    st.plotly_chart(shown, theme=None, key=key, alt=alt or None, config=config)
