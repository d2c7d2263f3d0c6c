"""Draws the panels that a tool's `view` (or `preview`) returns as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import JobDetail, Person
from pages.components.structure import structure
from pages.parts import figures, human
from pages.parts.drawing import refusal
from tools.contract import (
    FigurePanel,
    MetricsPanel,
    Panel,
    StructurePanel,
    TablePanel,
    TextPanel,
)

#: Rows shown in a page; the export holds all.
SHOWN_ROWS = 10_000


def draw_all(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    """The result: what a reader must see first, then every panel of the tool."""
    warnings(detail.warnings)
    try:
        panels = workbench.panels(person, detail.job.id)
    except WellplateError as error:
        return refusal(error)
    for number, panel in enumerate(panels):
        draw(workbench, person, detail, panel, f"panel.{detail.job.id}.{number}")


def warnings(sentences: Sequence[str]) -> None:
    if not sentences:
        return
    lines = "\n".join(f"- {human.markdown_text(sentence)}" for sentence in sentences)
    st.warning(lines if len(sentences) > 1 else human.markdown_text(sentences[0]), icon=":material/warning:")


def draw(workbench: Workbench, person: Person | None, detail: JobDetail, panel: Panel, key: str) -> None:
    if isinstance(panel, TablePanel):
        return table(workbench, person, detail, panel, key)
    if isinstance(panel, StructurePanel):
        return scene(panel, key, detail.job.id)
    plain(panel, key)


def draw_preview(panel: Panel) -> None:
    """A panel before Run: there is no job yet, so that it can have no tables or files."""
    if isinstance(panel, StructurePanel):
        return scene(panel, f"preview.{panel.title}", None)
    if not isinstance(panel, TablePanel):
        plain(panel, f"preview.{panel.title}")


def plain(panel: FigurePanel | TextPanel | MetricsPanel, key: str) -> None:
    st.subheader(human.markdown_text(panel.title), anchor=False)
    if isinstance(panel, FigurePanel):
        figures.draw(panel.figure, key=key, alt=panel.alt or panel.title)
        note(panel.note)
    elif isinstance(panel, MetricsPanel):
        metrics(panel)
    elif panel.language == "markdown":
        st.markdown(human.markdown_list(panel.text))
    else:
        st.code(panel.text, language=panel.language, height=320 if panel.text.count("\n") > 18 else "content")


def metrics(panel: MetricsPanel) -> None:
    with st.container(horizontal=True, gap="medium"):
        for label, value, help in panel.metrics:
            texts = [human.markdown_text(text) for text in (label, value, help)]
            st.metric(texts[0], texts[1], help=texts[2] or None, width="content")


def note(text: str) -> None:
    if text:
        st.caption(human.markdown_text(text))


def scene(panel: StructurePanel, key: str, job: str | None) -> None:
    st.subheader(human.markdown_text(panel.title), anchor=False)
    shown = [layer.label for layer in (*panel.layers, *panel.choices[:1])]
    box = ""
    if panel.box:
        edges = " × ".join(f"{edge:g}" for edge in panel.box.size)
        box = f", and a box of {edges} Å"
    structure(
        key=key,
        alt=f"{panel.title}: {', '.join(shown)}{box}, in 3D",
        layers=panel.layers,
        choices=panel.choices,
        box=panel.box,
        job=job,
    )
    note(panel.note)


def table(
    workbench: Workbench, person: Person | None, detail: JobDetail, panel: TablePanel, key: str
) -> None:
    st.subheader(human.markdown_text(panel.title), anchor=False)
    described = next((table for table in detail.tables if table["name"] == panel.table), None)
    try:
        rows = workbench.table(person, detail.job.id, panel.table)
    except WellplateError as error:
        return refusal(error)
    if described is None or not rows:
        st.caption("This table has no rows.")
        return
    columns: list[dict[str, Any]] = described["columns"]
    names = [column["name"] for column in columns]
    frame = pd.DataFrame(rows[:SHOWN_ROWS], columns=names).apply(readable)
    st.dataframe(
        frame,
        hide_index=True,
        key=key,
        column_config={column["name"]: column_config(column, frame[column["name"]]) for column in columns},
        alt=f"Table: {panel.title}",
        height="auto" if len(frame) < 15 else 460,
    )
    if len(rows) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS:,} of {len(rows):,} rows; the download holds all.")
    note(panel.note)
    st.download_button(
        "Download CSV",
        data=lambda: workbench.table_csv(person, detail.job.id, panel.table),
        file_name=f"{file_stem(detail.job.name)}-{panel.table}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"{key}.csv",
        help="All rows, with units in the header and the result's warnings above it.",
    )


def readable(values: pd.Series) -> pd.Series:
    """Yes and no in words, and nothing where there is no value."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values
    words = {True: "yes", False: "no"}
    return values.map(lambda value: words.get(value, value) if isinstance(value, bool) else value).fillna("")


def column_config(column: dict[str, Any], values: pd.Series) -> Any:
    """Units in the header; the numbers of a column with the same digits after the point."""
    label, help = heading(column), column.get("help") or None
    if pd.api.types.is_numeric_dtype(values):
        return st.column_config.NumberColumn(label, help=help, format=number_format(values))
    return st.column_config.TextColumn(label, help=help)


def number_format(values: pd.Series) -> str | None:
    """As many decimals as the values need, at most three; scientific where three would hide them."""
    sizes = values.dropna().abs()
    if pd.api.types.is_integer_dtype(values) or sizes.empty:
        return None
    smallest = sizes[sizes > 0].min()
    if sizes.max() >= 1e6 or smallest < 1e-3:
        return "%.3g"
    needed = max(len(f"{value:.3f}".rstrip("0").partition(".")[2]) for value in sizes)
    return f"%.{needed}f"


def heading(column: dict[str, Any]) -> str:
    label = str(column.get("label") or column["name"])
    return f"{label} ({column['unit']})" if column.get("unit") else label


def file_stem(name: str) -> str:
    """A download's name from a job's name, in letters that every system takes."""
    kept = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name)
    return "-".join(part for part in kept.split("-") if part).strip(".-")[:80] or "job"
