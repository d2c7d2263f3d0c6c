"""The plate of a batch: what colours its wells, and where a click leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from compute import plates
from data.records import Batch, Status, Well
from pages import batch_numbers
from pages.components.plate import Picture, Scale, plate
from pages.parts import human, session, statuses
from tools.contract import Metric

#: In the URL, and the choice that is no metric.
COLOUR, BY_STATUS = "colour", "status"
#: From so many values on a few far off do not squeeze the others into one colour.
MANY = 50
#: Letters of an error beside a well; its page has all.
ERROR_LENGTH = 240


def chosen_metric(metrics: Sequence[Metric]) -> Metric | None:
    """The one that the URL names; without a word in the URL the tool's first."""
    word = st.query_params.get(COLOUR)
    if word == BY_STATUS or not metrics:
        return None
    return next((metric for metric in metrics if metric.key == word), metrics[0])


def choice(metrics: Sequence[Metric]) -> None:
    if not metrics:
        return
    chosen = chosen_metric(metrics)
    labels = {BY_STATUS: "Status", **{metric.key: metric.label for metric in metrics}}
    st.session_state["batch.colour"] = chosen.key if chosen else BY_STATUS
    st.segmented_control(
        "Colour by",
        list(labels),
        key="batch.colour",
        format_func=lambda key: human.markdown_text(labels[key]),
        required=True,
        label_visibility="collapsed",
        on_change=session.on_change(_coloured),
        help="Wells that have no value yet keep the colour of their status.",
    )


def _coloured() -> None:
    st.query_params[COLOUR] = st.session_state["batch.colour"]


def draw(batch: Batch, rows: Sequence[Well], metric: Metric | None) -> None:
    """A click on a well, or Enter, opens its job."""
    opened = plate(picture(batch, rows, metric), key=f"batch.{batch.id}.plate")
    if opened is not None and opened < len(rows):
        st.switch_page("jobs.py", query_params={"jobId": rows[opened].job})


def picture(batch: Batch, rows: Sequence[Well], metric: Metric | None) -> Picture:
    looks = statuses.every()
    places = {look.word: str(number) for number, look in enumerate(looks)}
    values = [value_of(well, metric) for well in rows] if metric else []
    known = [value for value in values if value is not None]
    scale = scale_of(metric, known) if metric and known else None
    return Picture(
        layout=plates.layout(len(rows)),
        names=[well.name for well in rows],
        statuses="".join(places[look_of(well).word] for well in rows),
        looks=looks,
        progress={
            well.number: well.progress
            for well in rows
            if well.status is Status.PROCESSING and well.progress is not None
        },
        errors={well.number: well.error.message[:ERROR_LENGTH] for well in rows if well.error},
        values=values if scale else [],
        scale=scale,
        alt=alt(batch, rows, scale),
    )


def look_of(well: Well) -> statuses.Look:
    cancelling = well.cancel_requested and not well.status.terminal
    return statuses.CANCELLING if cancelling else statuses.LOOKS[well.status]


def value_of(well: Well, metric: Metric) -> float | None:
    """Of a completed well that has it as a number."""
    return number(well.summary.get(metric.key)) if well.status is Status.COMPLETED else None


def number(value: Any) -> float | None:
    """What can stand on a scale."""
    told = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if told else None


def scale_of(metric: Metric, values: Sequence[float]) -> Scale:
    """From the lowest to the highest; of many without the outer hundredths, which have the colour of the ends."""
    ranked = sorted(values)
    margin = len(ranked) // 100 if len(ranked) >= MANY else 0
    low, high = ranked[margin], ranked[-1 - margin]
    return Scale(metric.label, metric.unit, metric.better, low, high, ranked[0] < low, ranked[-1] > high)


def alt(batch: Batch, rows: Sequence[Well], scale: Scale | None) -> str:
    told = ", ".join(
        f"{number:,} {statuses.LOOKS[status].word.lower()}"
        for status, number in batch_numbers.counts(rows).items()
    )
    coloured = f" Coloured by {scale.label}, {scale.better} is better." if scale else ""
    return f"Plate of {batch.name}: {human.count(len(rows), 'well')}, {told}.{coloured} Arrow keys move, Enter opens."
