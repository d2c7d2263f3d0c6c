"""The plate of a batch: a well for each of its jobs, drawn on a canvas, so that ten thousand are one element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from compute.plates import Layout
from pages.components import source
from pages.parts.statuses import Look

_plate = st.components.v2.component(
    "wellplate_plate",
    html='<div class="plate"></div>',
    css=source("plate.css"),
    js=source("telling.js") + source("plate.js"),
)


@dataclass(frozen=True)
class Scale:
    """How values become colours. What lies outside has the colour of the nearer end, and the legend says so."""

    label: str
    unit: str
    better: str
    low: float
    high: float
    #: Whether there are values beyond the ends.
    below: bool = False
    above: bool = False


@dataclass(frozen=True)
class Picture:
    """What the plate shows. Texts and numbers are in the order of the wells."""

    layout: Layout
    names: Sequence[str]
    #: Of each well the position of its look in `looks`, as one digit.
    statuses: str
    looks: Sequence[Look]
    #: Per cent of those that run, by well, where known.
    progress: Mapping[int, float]
    #: Why wells failed, by well.
    errors: Mapping[int, str]
    #: None for a well that has none; empty where statuses are the colours.
    values: Sequence[float | None] = ()
    scale: Scale | None = None
    #: What a screen reader says of the whole.
    alt: str = ""


def plate(picture: Picture, *, key: str) -> int | None:
    """Draw it. Returns the number of the well that was just opened."""
    drawn = _plate(key=key, data=_data(picture), on_opened_change=lambda: None)
    opened = getattr(drawn, "opened", None)
    return int(opened["well"]) if opened else None


def _data(picture: Picture) -> dict[str, Any]:
    scale = picture.scale
    return {
        "rows": picture.layout.rows,
        "columns": picture.layout.columns,
        "lettered": picture.layout.lettered,
        "names": "\n".join(" ".join(name.split()) for name in picture.names),
        "statuses": picture.statuses,
        "looks": [{"word": look.word, "sign": look.sign, "colour": look.colour} for look in picture.looks],
        "progress": {str(number): round(value) for number, value in picture.progress.items()},
        "errors": {str(number): sentence for number, sentence in picture.errors.items()},
        "values": list(picture.values),
        "scale": None if scale is None else vars(scale),
        "alt": picture.alt,
    }
