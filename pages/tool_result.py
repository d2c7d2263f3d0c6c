"""The job that the tool's form was filled from, with its result, below the form."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, Status
from pages import job_dialogs, job_menu, job_progress
from pages.components.live import listen
from pages.parts import human, panels, session
from pages.parts.drawing import badge, refusal


def draw(workbench: Workbench, person: Person, job_id: str) -> None:
    try:
        live = workbench.job(person, job_id).job.live
    except WellplateError as error:
        return refusal(error)
    st.divider()
    head(workbench, person, job_id, live)
    if live:
        return
    detail = workbench.job(person, job_id)
    if detail.job.status is Status.COMPLETED:
        panels.draw_all(workbench, person, detail)
    else:
        job_progress.ending(detail.job)


@st.fragment
def head(workbench: Workbench, person: Person, job_id: str, was_live: bool) -> None:
    """What the job is and can be done with it; drawn again when something happens to it."""
    person = session.still(person) or person
    listen(key=f"tool.{job_id}.live", jobs=[job_id])
    job_dialogs.carry_out(workbench, person)
    try:
        detail = workbench.job(person, job_id)
    except WellplateError as error:
        return refusal(error)
    job = detail.job
    if job.live != was_live:
        st.rerun(scope="app")
    st.subheader(f"Result of “{human.markdown_text(job.name)}”", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(job)
        st.caption(
            f"by {human.markdown_text(job.submitter_name)}, {human.ago(job.created_at)}", width="content"
        )
        job_menu.popover(workbench, person, job)
    if job.live:
        job_progress.progress(workbench, person, detail)
