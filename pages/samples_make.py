"""The first step: samples of uploaded FASTQ files, paired by name or as a run sheet says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from compute.many import Row
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person
from pages import samples_start
from pages.components.upload import upload, uploaded
from pages.parts import human
from pages.parts.drawing import refusal

_FILES, _LOOKED = "samples.files", "samples.looked"
TEMPLATE = (
    "name,reads_1,reads_2,library_type,host,isolate,notes\n"
    "field-1,field-1_R1.fastq.gz,field-1_R2.fastq.gz,normal,Solanum tuberosum,,\n"
)
LIBRARIES = {"normal": "Normal", "srna": "Small RNA (sRNA)"}


def draw(workbench: Workbench, person: Person) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        files()
    with right:
        sheet = run_sheet()
    try:
        rows = rows_of(workbench, person, sheet)
    except WellplateError as error:
        return refusal(error)
    if rows:
        table(rows)
        start(workbench, person, rows)
    elif sheet is None:
        st.caption(
            "The samples appear here as soon as their files are uploaded: nothing starts before you say so."
        )


def files() -> None:
    st.subheader("FASTQ files", anchor=False)
    st.caption(
        "A folder or its files, plain or gzipped. R1 and R2 are paired and lanes joined by their names."
    )
    key = f"{_FILES}.upload"
    upload("FASTQ files", key=key, accept=["FASTQ"], several=True, folder=True, on_done=lambda: arrived(key))
    st.selectbox(
        "Kind of library",
        list(LIBRARIES),
        key="samples.library",
        format_func=LIBRARIES.__getitem__,
        help="Of all samples for which a run sheet does not say it. Small RNA is trimmed and assembled differently.",
        width=260,
    )
    chosen: dict[str, str] = st.session_state.get(_FILES, {})
    if chosen:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{human.count(len(chosen), 'file')} uploaded.", width="content")
            st.button("Start over", key=f"{_FILES}.clear", type="tertiary", on_click=clear)


def arrived(key: str) -> None:
    """In a callback."""
    chosen = st.session_state.setdefault(_FILES, {})
    chosen |= {file["id"]: file["name"] for file in uploaded(key)}


def clear() -> None:
    st.session_state[_FILES] = {}
    st.session_state.pop(_LOOKED, None)


def run_sheet() -> str | None:
    """The text of a sheet; None where the files' names decide."""
    st.subheader("Run sheet", anchor=False)
    st.caption("Optional: a table (CSV) that names the samples and their files, instead of the files' names.")
    text = st.text_area(
        "Run sheet",
        key="samples.sheet",
        height=120,
        label_visibility="collapsed",
        placeholder=TEMPLATE,
    )
    st.download_button(
        "Template",
        TEMPLATE,
        file_name="run-sheet.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    return text if text.strip() else None


def rows_of(workbench: Workbench, person: Person, sheet: str | None) -> list[Row]:
    settings = {"library_type": st.session_state["samples.library"]}
    if sheet is not None:
        rows = workbench.many.sheet(person, sheet)
        return [replace(row, settings=settings | dict(row.settings)) for row in rows]
    chosen = st.session_state.get(_FILES, {})
    return workbench.many.heap(person, list(chosen), settings) if chosen else []


def table(rows: Sequence[Row]) -> None:
    st.subheader("Samples", anchor=False)
    looked = looked_at(rows)
    st.dataframe(
        pd.DataFrame([shown(row) for row in looked or rows]),
        hide_index=True,
        key="samples.rows",
        alt="Table: samples that are to be made",
        column_config={"Problem": st.column_config.TextColumn(width="large")},
    )


def shown(row: Row) -> dict[str, Any]:
    return {
        "#": row.number,
        "Name": row.name,
        "Files": ", ".join(row.names),
        "Library": LIBRARIES.get(row.settings.get("library_type", ""), row.settings.get("library_type", "")),
        "Host": row.settings.get("host", ""),
        "Problem": " ".join(row.problems),
    }


def looked_at(rows: Sequence[Row]) -> list[Row] | None:
    """The same rows with what their files' content says; None before anybody looked."""
    known: tuple[list[Row], list[Row]] | None = st.session_state.get(_LOOKED)
    return known[1] if known and known[0] == list(rows) else None


def start(workbench: Workbench, person: Person, rows: list[Row]) -> None:
    looked = looked_at(rows)
    if looked is None:
        label = f"Look into the files of {human.count(len(rows), 'sample')}"
        if st.button(label, type="primary", icon=":material/search:", key="samples.look"):
            with st.spinner("Looking into the files"):
                st.session_state[_LOOKED] = (rows, workbench.many.look(person, rows))
            st.rerun()
        return
    good = [row for row in looked if not row.problems]
    if len(good) < len(looked):
        st.warning(
            f"{human.count(len(looked) - len(good), 'sample')} cannot be made as they are; the table says why.",
            icon=":material/warning:",
        )
    samples_start.ask(
        workbench,
        person,
        [row.submission() for row in good],
        verb=f"Make {human.count(len(good), 'sample')}",
        key="samples.make",
        after="When they are done, go to step 2.",
    )
