"""The tables of files and of the results of jobs: a click on a name shows what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from compute import access
from compute.workbench import Workbench
from data.records import FileFilter, Person, ResultFile, StoredFile
from pages import files_filters
from pages.files_filters import FILES, RESULTS, Known
from pages.parts import file_inputs, human, items

PAGE = 50
#: The table beside a chosen file scrolls by itself, so that both stay on the screen.
BESIDE = 560
_JOB = "files.job"


@dataclass(frozen=True)
class Drawn:
    """The rows that are on the screen."""

    view: str
    rows: Sequence[StoredFile] | Sequence[ResultFile]
    following: str | None

    @property
    def key(self) -> str:
        """Clicks are told as positions: other rows are another table."""
        ids = "".join(token(row) for row in self.rows)
        return f"files.{self.view}.{hashlib.sha256(ids.encode()).hexdigest()[:12]}"


def token(row: StoredFile | ResultFile) -> str:
    """What names it in the URL: a file's id, or the job's id, "/", and the path in it."""
    return row.id if isinstance(row, StoredFile) else f"{row.job}/{row.path}"


def page(workbench: Workbench, person: Person, view: str, filter: FileFilter) -> Drawn:
    cursor = st.query_params.get("cursor")
    if view == RESULTS:
        results = workbench.library.results(person, filter, limit=PAGE, cursor=cursor)
        return Drawn(view, results.files, results.next_cursor)
    files = workbench.library.list(person, filter, limit=PAGE, cursor=cursor)
    return Drawn(view, files.files, files.next_cursor)


def draw(person: Person, drawn: Drawn, known: Known, *, narrow: bool) -> None:
    shown = [
        file_row(person, row, known) if isinstance(row, StoredFile) else result_row(person, row, known)
        for row in drawn.rows
    ]
    frame = pd.DataFrame(shown)
    if narrow:
        frame = frame[[name for name in ("name", "format", "made", "size") if name in frame]]
    st.dataframe(
        frame,
        hide_index=True,
        key=f"{drawn.key}.table",
        column_config=columns(drawn, narrow),
        height=BESIDE if narrow and len(frame) > 14 else "content",
        row_height=36,
        alt=f"{files_filters.VIEWS[drawn.view]}, newest first",
    )


def file_row(person: Person, file: StoredFile, known: Known) -> dict[str, Any]:
    seen = access.sees(person, file)
    return {
        "name": file.name if seen else f"🔒 {file.name}",
        "format": file_inputs.format_name(file.format),
        "facts": items.short(file) if seen else "",
        "origin": known.tools.get(file.tool, file.tool) if file.tool else "Upload",
        "by": "me" if file.owner == person.id else file.owner_name,
        "made": human.ago(file.created_at),
        "size": human.size(file.size),
    }


def result_row(person: Person, file: ResultFile, known: Known) -> dict[str, Any]:
    return {
        "name": file.title or file.path,
        "format": file_inputs.format_name(file.format),
        "job": file.job_name,
        "origin": known.tools.get(file.tool, file.tool),
        "by": "me" if file.submitter == person.id else file.submitter_name,
        "made": human.ago(file.created_at),
        "size": human.size(file.size),
    }


def columns(drawn: Drawn, narrow: bool) -> dict[str, Any]:
    config = st.column_config

    def button(name: str, label: str, callback: Any, **more: Any) -> Any:
        key = f"{drawn.key}.{name}"
        return config.ButtonColumn(
            label, type="tertiary", key=key, on_click=callback, args=(key, drawn), alignment="left", **more
        )

    return {
        "name": button("show", "Name", _shown, width=240, help="Shows what is in it."),
        "format": config.TextColumn("Format", width=110),
        "facts": config.TextColumn("Holds", width=250),
        "job": button("job", "Job", _to_job, width=220, help="Opens the job."),
        "origin": config.TextColumn("From" if drawn.view == FILES else "Tool", width=140),
        "by": config.TextColumn("By", width=100),
        "made": config.TextColumn("Added" if drawn.view == FILES else "Made", width=100),
        "size": config.TextColumn("Size", width=85, alignment="right"),
    }


def _shown(key: str, drawn: Drawn) -> None:
    """In a callback."""
    if click := st.session_state[key]:
        st.query_params["show"] = token(drawn.rows[click["row"]])


def _to_job(key: str, drawn: Drawn) -> None:
    """In a callback."""
    if click := st.session_state[key]:
        row = drawn.rows[click["row"]]
        if isinstance(row, ResultFile):
            st.session_state[_JOB] = row.job


def go_on() -> None:
    """Where a click on a job leads."""
    if (job := st.session_state.pop(_JOB, None)) is not None:
        st.switch_page("jobs.py", query_params={"jobId": job})


def nothing(view: str) -> None:
    with st.container(border=True):
        if files_filters.narrowed():
            st.markdown("**No file matches these filters.**")
            st.button(
                "Clear the filters",
                on_click=files_filters.clear,
                icon=":material/filter_alt_off:",
                key="files.all",
            )
        elif view == FILES:
            st.markdown(
                "**No files yet.** Drop some above: reads, genomes, structures. "
                "They stay here for every tool, and only you see them until you share them."
            )
        else:
            st.markdown("**No results yet.** The files of every completed job stand here.")
            st.page_link("catalogue.py", label="Choose a tool", icon=":material/science:")
