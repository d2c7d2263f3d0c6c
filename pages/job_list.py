"""The list of jobs: newest first, filtered by the URL, live, with actions on one row or on several."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import JobFilter, Person
from pages import job_bulk, job_dialogs, job_filter_bar, job_filters, job_table
from pages.components.live import listen
from pages.parts import paging, session
from pages.parts.drawing import header, refusal

_LEFT = "jobs.left"


def main(workbench: Workbench, person: Person) -> None:
    header("Jobs", "What ran, runs and waits, newest first.")
    listing(workbench, person)


@st.fragment
def listing(workbench: Workbench, person: Person) -> None:
    person = session.still(person) or person
    listen(key="jobs.live", whole_list=True)
    try:
        filter = job_filters.from_url(person)
        st.session_state[_LEFT] = {name: st.query_params.get_all(name) for name in st.query_params}
        known, counts = job_filters.known(workbench, person), workbench.counts(person, filter)
        job_filter_bar.view(person.team_name)
        job_filter_bar.bar(filter, known, counts)
        cursor = st.query_params.get("cursor")
        drawn, changed = job_table.page_to_draw(workbench, person, filter, job_filters.asked(), cursor)
        job_dialogs.carry_out(workbench, person)
        if not drawn.page.jobs:
            return nothing(filter)
        if chosen := job_table.selected(drawn):
            job_bulk.selection(workbench, person, chosen, changed)
        else:
            job_bulk.summary(workbench, person, filter, counts, len(drawn.page.jobs))
        job_table.draw(workbench, person, drawn, known)
        paging.draw(drawn.page.next_cursor, "jobs")
    except WellplateError as error:
        refusal(error)


def back() -> None:
    """In a callback of a job's page: the list as it was left."""
    st.query_params.from_dict(st.session_state.get(_LEFT, {}))


def nothing(filter: JobFilter) -> None:
    """No rows: because of the filter, or because nothing is there yet."""
    with st.container(border=True):
        if job_filters.narrowed(filter):
            st.markdown("**No job matches these filters.**")
            st.button(
                "Clear the filters",
                on_click=job_filters.clear,
                icon=":material/filter_alt_off:",
                key="jobs.all",
            )
            return
        if filter.shared:
            st.markdown("**Nobody has shared a job with you by name yet.**")
            st.caption("When somebody invites you to a job by your e-mail address, it stands here.")
            return
        st.markdown(
            "**No jobs yet.** Choose a tool, load its example and press Run; the job appears here at once."
        )
        st.page_link("catalogue.py", label="Choose a tool", icon=":material/science:")
