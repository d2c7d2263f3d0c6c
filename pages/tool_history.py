"""The jobs of one tool, newest first: a click loads one back into the tool's page."""

from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, JobFilter, Person
from pages.job_table import took
from pages.parts import human, session, statuses
from pages.parts.drawing import refusal
from tools.contract import Tool

_OPEN, _WHOSE, _CLICK = "tool.history.open", "tool.history.whose", "tool.history.click"
#: Jobs listed; the list of jobs has the others.
LISTED = 30


def ask(tool: Tool) -> None:
    """In a callback: open the dialog, which stays until it is closed."""
    st.session_state[_OPEN] = tool.id


def close() -> None:
    st.session_state.pop(_OPEN, None)


def carry_out(workbench: Workbench, person: Person, tool: Tool) -> None:
    if st.session_state.get(_OPEN) == tool.id:
        title = f"History of {human.markdown_text(tool.name)}"
        st.dialog(title, width="large", on_dismiss=close)(_dialog)(workbench, person, tool)


def _dialog(workbench: Workbench, person: Person, tool: Tool) -> None:
    who = session.still(person)
    if who is None:
        return
    if st.session_state.get(_OPEN) != tool.id:
        st.rerun()  # one was chosen
    team = (
        st.segmented_control(
            "Whose jobs",
            ["mine", "team"],
            default="mine",
            required=True,
            key=_WHOSE,
            format_func=lambda word: "Mine" if word == "mine" else who.team_name,
            label_visibility="collapsed",
        )
        == "team"
    )
    try:
        page = workbench.jobs(
            who, JobFilter(tool=(tool.id,), submitter=() if team else (who.id,)), limit=LISTED
        )
    except WellplateError as error:
        return refusal(error)
    if not page.jobs:
        return _nothing(tool, team)
    st.caption("Choose a job to load its inputs, settings and result into this page.")
    _table(who, page.jobs, team)
    if page.next_cursor and st.button(
        f"More than {LISTED}: all jobs of this tool",
        icon=":material/list:",
        type="tertiary",
        key="tool.history.all",
    ):
        close()
        whose = {} if team else {"submitter": "me"}
        st.switch_page("jobs.py", query_params={"tool": tool.id, **whose})


def _nothing(tool: Tool, team: bool) -> None:
    st.markdown("**Nobody here has run this tool yet.**" if team else "**You have not run this tool yet.**")
    begin = "Load the example" if tool.example else "Fill in the form"
    st.caption(f"{begin} and press Run; the job stands here from then on.")


def _table(person: Person, jobs: list[Job], team: bool) -> None:
    # A click is told as a position: the key follows the ids, so that it is never taken for another list's.
    key = f"{_CLICK}.{hashlib.sha256(''.join(job.id for job in jobs).encode()).hexdigest()[:12]}"
    rows: dict[str, list[Any]] = {
        "Name": [job.name for job in jobs],
        "Status": [[statuses.look(job).label] for job in jobs],
        "Submitted": [human.ago(job.created_at) for job in jobs],
        "Took": [took(job) for job in jobs],
    }
    if team:
        rows["By"] = ["me" if job.submitter == person.id else job.submitter_name for job in jobs]
    config, looks = st.column_config, statuses.every()
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"{key}.table",
        height="content" if len(jobs) <= 12 else 460,
        row_height=36,
        alt="Jobs of this tool, newest first",
        column_config={
            "Name": config.ButtonColumn(
                "Name",
                type="tertiary",
                alignment="left",
                width=280,
                key=key,
                on_click=_chosen,
                args=(key, jobs),
            ),
            "Status": config.MultiselectColumn(
                "Status",
                width=120,
                options=[look.label for look in looks],
                color=[look.colour for look in looks],
            ),
            "Took": config.TextColumn("Took", alignment="right"),
        },
    )


def _chosen(key: str, jobs: list[Job]) -> None:
    """In a callback: the URL names the job, and the form is filled from it when the page is drawn."""
    if click := st.session_state[key]:
        job = jobs[click["row"]]
        close()
        st.query_params.from_dict({"tool": job.tool, "jobId": job.id})
