"""Draws the panels that a tool's `view` (or `preview`) returns as data."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
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
    ChoicePanel,
    FigurePanel,
    FilteredPanel,
    ImagePanel,
    MetricsPanel,
    Panel,
    RowsPanel,
    StructurePanel,
    TablePanel,
    WarningsPanel,
)

#: Rows shown in a page; the export holds all.
SHOWN_ROWS = 10_000


@dataclass(frozen=True)
class Source:
    """The completed job whose panels are drawn: where their tables come from."""

    workbench: Workbench
    person: Person | None
    detail: JobDetail


def draw_all(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    """The result: what a reader must see first, then every panel of the tool."""
    warnings(detail.warnings)
    try:
        panels = workbench.panels(person, detail.job.id)
    except WellplateError as error:
        return refusal(error)
    several(panels, f"panel.{detail.job.id}", Source(workbench, person, detail))


def draw_plain(panels: Sequence[Panel], key: str) -> None:
    """Panels that belong to no job: of a preview, or of what a library item holds. They have no result tables."""
    several(panels, key, None)


def warnings(sentences: Sequence[str]) -> None:
    if not sentences:
        return
    lines = "\n".join(f"- {human.markdown_text(sentence)}" for sentence in sentences)
    st.warning(lines if len(sentences) > 1 else human.markdown_text(sentences[0]), icon=":material/warning:")


def several(panels: Sequence[Panel], key: str, source: Source | None) -> None:
    for number, panel in enumerate(panels):
        draw(panel, f"{key}.{number}", source)


def draw(panel: Panel, key: str, source: Source | None) -> None:
    if isinstance(panel, FilteredPanel):
        return filtered(panel, key, source)
    if isinstance(panel, WarningsPanel):
        return warnings(panel.sentences)
    st.subheader(human.markdown_text(panel.title), anchor=False)
    if isinstance(panel, ChoicePanel):
        choice(panel, key, source)
    elif isinstance(panel, TablePanel):
        if source is not None:
            table(source, panel, key)
    elif isinstance(panel, StructurePanel):
        scene(panel, key, source.detail.job.id if source else None)
    elif isinstance(panel, FigurePanel):
        figures.draw(panel.figure, key=key, alt=panel.alt or panel.title)
        note(panel.note)
    elif isinstance(panel, MetricsPanel):
        metrics(panel)
    elif isinstance(panel, RowsPanel):
        rows(panel, key)
    elif isinstance(panel, ImagePanel):
        image(panel)
    elif panel.language == "markdown":
        st.markdown(human.markdown_list(panel.text))
    else:
        st.code(panel.text, language=panel.language, height=320 if panel.text.count("\n") > 18 else "content")


def filtered(panel: FilteredPanel, key: str, source: Source | None) -> None:
    shown = panel.hidden > 0 and st.toggle(human.markdown_text(panel.label), key=f"{key}.all")
    several(panel.everything() if shown else panel.passing(), f"{key}.{'all' if shown else 'some'}", source)


def choice(panel: ChoicePanel, key: str, source: Source | None) -> None:
    made = dict(panel.choices)
    if not made:
        return note(panel.note)
    chosen = st.selectbox(
        human.markdown_text(panel.label), list(made), key=f"{key}.choice", label_visibility="collapsed"
    )
    note(panel.note)
    several(made[chosen](), f"{key}.{list(made).index(chosen)}", source)


def metrics(panel: MetricsPanel) -> None:
    with st.container(horizontal=True, gap="medium"):
        for label, value, help in panel.metrics:
            texts = [human.markdown_text(text) for text in (label, value, help)]
            st.metric(texts[0], texts[1], help=texts[2] or None, width="content")


def image(panel: ImagePanel) -> None:
    kind = "png" if panel.content.startswith(b"\x89PNG") else "jpeg"
    data = base64.b64encode(panel.content).decode()
    st.html(
        f'<img alt="{escape(panel.alt)}" src="data:image/{kind};base64,{data}" style="max-width: 100%; height: auto">'
    )
    note(panel.note)


def note(text: str) -> None:
    if text:
        st.caption(human.markdown_text(text))


def scene(panel: StructurePanel, key: str, job: str | None) -> None:
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


def table(source: Source, panel: TablePanel, key: str) -> None:
    workbench, person, detail = source.workbench, source.person, source.detail
    described = next((table for table in detail.tables if table["name"] == panel.table), None)
    try:
        found = workbench.table(person, detail.job.id, panel.table)
    except WellplateError as error:
        return refusal(error)
    shown = [row for row in found if panel.where is None or panel.where(row)]
    if described is None or not shown:
        st.caption("This table has no rows." if not found else "No row passes the filter.")
    else:
        names = [column["name"] for column in described["columns"]]
        frame_of(pd.DataFrame(shown[:SHOWN_ROWS], columns=names), described["columns"], panel.title, key)
        if len(shown) > SHOWN_ROWS:
            st.caption(f"The first {SHOWN_ROWS:,} of {len(shown):,} rows; the download holds all.")
    note(panel.note)
    if not found:
        return
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


def rows(panel: RowsPanel, key: str) -> None:
    if panel.rows:
        columns = [asdict(column) for column in panel.columns]
        frame = pd.DataFrame(list(panel.rows)[:SHOWN_ROWS], columns=[column.name for column in panel.columns])
        frame_of(frame, columns, panel.title, key)
    else:
        st.caption("Nothing.")
    note(panel.note)


def frame_of(frame: pd.DataFrame, columns: list[dict[str, Any]], title: str, key: str) -> None:
    frame = frame.apply(readable)
    st.dataframe(
        frame,
        hide_index=True,
        key=key,
        column_config={column["name"]: column_config(column, frame[column["name"]]) for column in columns},
        alt=f"Table: {title}",
        height="auto" if len(frame) < 15 else 460,
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
