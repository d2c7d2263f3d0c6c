"""How a job goes: why it waits, what runs, its steps, and how it ended when it brought no result."""

from __future__ import annotations

from html import escape

import streamlit as st

from compute.workbench import Workbench
from data.records import ErrorKind, Job, JobDetail, Person, Status, Step
from pages.parts import human

CANCELLING = "Cancelling: the program was told to stop, and in a few seconds it is killed."
#: What one can do about each kind of error.
ADVICE = {
    ErrorKind.INPUT: "Duplicate the job, correct what the sentence names, and run it again.",
    ErrorKind.TOOL: "The log below holds the program's own words. Duplicate the job to change a setting.",
    ErrorKind.LIMIT: "Split the input or choose smaller settings; the site's admin can raise the tool's limits.",
    ErrorKind.PLATFORM: "This was not your input. Nothing was charged; press Retry.",
}


def progress(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    job = detail.job
    if job.cancel_requested:
        why = workbench.waiting(person, job.id) if job.status is Status.PROCESSING else None
        st.warning(human.markdown_text(why or CANCELLING), icon=":material/stop_circle:")
    if job.status in (Status.PENDING, Status.QUEUED, Status.RETRY):
        why = workbench.waiting(person, job.id)
        st.info(human.markdown_text(why or "Waits for a free slot."), icon=":material/hourglass_empty:")
        return
    now = " · ".join(human.markdown_text(part) for part in (job.step, job.note) if part)
    if job.progress is None:
        st.markdown(
            f":material/progress_activity: {now or 'Running'} – no percentage is known for this step."
        )
        return
    st.progress(min(100, max(0, round(job.progress))), text=f"{now or 'Running'} · {job.progress:.0f} %")


def ending(job: Job) -> None:
    """How a job that brought no result ended, and what to do."""
    if job.error:
        advice = ADVICE[job.error.kind]
        st.error(f"**{human.markdown_text(job.error.message)}**  \n{advice}", icon=":material/error:")
        if job.error.log_tail:
            st.code(job.error.log_tail, language=None, wrap_lines=True)
    elif job.status is Status.TIMEOUT:
        limit = human.duration(job.timeout_s)
        st.error(f"**Stopped after its limit of {limit}.** Split the input or choose smaller settings.")
    elif job.status is Status.CANCELLED:
        st.info("Cancelled. Its partial files were removed.", icon=":material/stop_circle:")


_MARKS = {"done": "✓", "running": "►", "failed": "✕", "waiting": "○"}


def steps(all_steps: list[Step], *, stopped: bool) -> None:
    ended = "stopped" if stopped else "failed"
    rows = "".join(
        f'<li class="{escape(step.state)}"><span aria-hidden="true">{_MARKS.get(step.state, "○")}</span>'
        f'<span>{escape(step.name)}<span class="quiet"> {ended if step.state == "failed" else ""}</span></span>'
        f'<span class="t">{step_time(step)}</span></li>'
        for step in all_steps
    )
    st.html(f'<ol class="steps" aria-label="Steps">{rows}</ol>')


def step_time(step: Step) -> str:
    if step.started_at is None:
        return ""
    if step.ended_at is None:
        return f"since {human.local(step.started_at):%H:%M:%S}"
    return human.duration((step.ended_at - step.started_at).total_seconds())
