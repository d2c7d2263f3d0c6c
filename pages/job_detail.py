"""One job: what it is, how it goes, and what came out. Its address can be sent to a colleague."""

from __future__ import annotations

import streamlit as st

from compute import plates
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, JobDetail, Person, Status
from pages import (
    job_about,
    job_actions,
    job_dialogs,
    job_list,
    job_menu,
    job_progress,
    job_record,
    sharing_dialog,
    sign_in,
)
from pages.components.live import listen
from pages.parts import human, panels, session, statuses
from pages.parts.drawing import badge, header, refusal

#: Widths of the job and of what stands beside it.
COLUMNS = [2, 1]
#: Shown as buttons when they are possible; the menu has everything.
BUTTONS = ("cancel", "retry", "duplicate", "share")


def main(workbench: Workbench, person: Person | None, job_id: str) -> None:
    try:
        detail = workbench.job(person, job_id)
    except WellplateError as error:
        return sign_in.ask() if person is None else not_here(error)
    st.set_page_config(page_title=f"{detail.job.name} · {statuses.look(detail.job).word} · Wellplate")
    way_back(workbench, person, detail.job)
    if detail.row_only:
        return private(workbench, person, detail)
    if detail.job.live:
        return running(workbench, person, job_id)
    left, right = st.columns(COLUMNS, gap="large")
    with left:
        present(workbench, person, job_id, was_live=False)
        result = st.container()
        if detail.usage and detail.usage.series:
            job_record.usage(detail.usage, job_id)
        job_record.log(workbench, person, job_id)
    with right:
        job_about.beside(workbench, person, detail)
    if detail.job.status is Status.COMPLETED:
        # Last, so that a tool whose view fails takes neither log nor downloads with it.
        with result:
            panels.draw_all(workbench, person, detail)


def way_back(workbench: Workbench, person: Person | None, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.batch is not None:
            to_plate(workbench, person, job, job.batch)
        elif person is not None:
            st.button(
                "All jobs",
                icon=":material/arrow_back:",
                type="tertiary",
                on_click=job_list.back,
                key="job.back",
            )
        if person is None:
            st.caption(":material/public: You see this job because its link is public.", width="content")
            st.html(
                f'<a class="plain-link" target="_self" href="{session.sign_in_link()}">Sign in</a>',
                width="content",
            )


def to_plate(workbench: Workbench, person: Person | None, job: Job, batch_id: str) -> None:
    """Of a child of a batch: the way back, and which well it is."""
    try:
        batch = workbench.batches.batch(person, batch_id)
    except WellplateError:
        return  # a colleague's, of which the list of jobs tells the row only
    if job.well is None:
        place = "A job that a retry replaced"
    else:
        place = plates.name(job.well, batch.wells)
    st.page_link(
        "batch.py",
        label=f"{place} of “{human.markdown_text(batch.name)}”",
        icon=":material/arrow_back:",
        query_params={"batchId": batch.id},
        help="Back to the plate of its batch.",
    )


def private(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    """A colleague's job that is not shared: what the list tells of it, and no more."""
    job_dialogs.carry_out(workbench, person)
    heading(workbench, person, detail.job, row_only=True)
    st.info(
        f"This job is private to {human.markdown_text(detail.job.submitter_name)}.", icon=":material/lock:"
    )
    job_about.about(person, detail, job_about.offered(workbench, person, detail.job.tool))


@st.fragment
def running(workbench: Workbench, person: Person | None, job_id: str) -> None:
    """A job that has not ended: everything on its page can change."""
    left, right = st.columns(COLUMNS, gap="large")
    with left:
        detail = show(workbench, person, job_id, was_live=True)
    with right:
        job_about.beside(workbench, person, detail)


@st.fragment
def present(workbench: Workbench, person: Person | None, job_id: str, was_live: bool) -> None:
    """The head of a job that has ended; its result is not drawn again when it is renamed or deleted."""
    show(workbench, person, job_id, was_live)


def not_here(error: WellplateError) -> None:
    """The same page for a job that does not exist and for one that this person may not see."""
    if error.status != 404:
        header("This job cannot be shown now")
        refusal(error)
    else:
        header("This job is not here")
        st.markdown(
            "It was deleted, the link is incomplete, or its owner has not shared it with you. "
            "If somebody sent you the link, ask them to share the job."
        )
    st.button("Back to the jobs", icon=":material/arrow_back:", on_click=job_list.back, key="job.back.lost")


def show(workbench: Workbench, person: Person | None, job_id: str, was_live: bool) -> JobDetail:
    """What it is, what can be done, what happens; drawn again when something happens to the job."""
    person = session.still(person) or person
    listen(key=f"job.{job_id}.live", jobs=[job_id])
    detail = seen(workbench, person, job_id)
    if detail is None or detail.row_only or detail.job.live != was_live:
        st.rerun(scope="app")
    job_dialogs.carry_out(workbench, person)
    heading(workbench, person, detail.job)
    if detail.job.live:
        job_progress.progress(workbench, person, detail)
    elif detail.job.error or detail.job.status is not Status.COMPLETED:
        job_progress.ending(detail.job)
    if detail.steps and detail.job.status is not Status.COMPLETED:
        job_progress.steps(detail.steps, stopped=detail.job.status is Status.CANCELLED)
    if detail.job.live and detail.job.started_at:
        job_record.log_tail(workbench, person, job_id)
    return detail


def seen(workbench: Workbench, person: Person | None, job_id: str) -> JobDetail | None:
    """The job, or None when it has gone meanwhile: the whole page says so then."""
    try:
        return workbench.job(person, job_id)
    except WellplateError:
        return None


def heading(workbench: Workbench, person: Person | None, job: Job, *, row_only: bool = False) -> None:
    header(job.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(job)
        st.caption(timing(job), width="content")
        for tag in job.tags:
            st.badge(human.markdown_text(tag), icon=":material/sell:", color="gray")
    if not row_only:
        who_sees(workbench, person, job)
    buttons(workbench, person, job)


def who_sees(workbench: Workbench, person: Person | None, job: Job) -> None:
    words = human.markdown_text(workbench.sharing.words(person, job))
    st.caption(f"{sharing_dialog.ICONS[job.visibility]} Who can see this: **{words}**")


def buttons(workbench: Workbench, person: Person | None, job: Job) -> None:
    may = workbench.actions(person, job)
    with st.container(horizontal=True, vertical_alignment="center"):
        for action in BUTTONS:
            if may[action] is not None:
                continue
            icon, words = job_menu.LOOKS[action]
            st.button(
                words,
                icon=icon,
                key=f"job.{action}",
                on_click=job_actions.choose,
                args=(action, [job]),
            )
        if person is not None and may["star"] is None:
            st.button(
                "Starred" if job.starred else "Star",
                icon=":material/star:" if job.starred else ":material/star_border:",
                key="job.star",
                help="Stars are yours alone; the list of jobs is filtered by them.",
                on_click=job_menu.star,
                args=(workbench, person, job),
            )
        job_menu.popover(workbench, person, job)


def timing(job: Job) -> str:
    seconds = human.ran_for(job)
    parts = [f"submitted {human.ago(job.created_at)} by {human.markdown_text(job.submitter_name)}"]
    if seconds is not None:
        parts.append(f"{'running for' if job.live else 'took'} {human.duration(seconds)}")
    if job.attempt > 1:
        parts.append(f"attempt {job.attempt}")
    return " · ".join(parts)
