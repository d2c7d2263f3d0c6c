"""One job: what it is, how it goes, and what came out. Its address can be sent to a colleague."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote

import plotly.graph_objects as go
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import ErrorKind, Job, JobDetail, Person, Status, Step, Usage
from pages import figures, file_inputs, forms, human, job_actions, job_list, panels, session, statuses
from pages.components.live import listen
from pages.drawing import badge, facts, header, refusal
from tools.contract import Tool

LOG_LINES = 40
#: Files listed before the rest is folded away.
LISTED_FILES = 8
#: Widths of the job and of what stands beside it.
COLUMNS = [2, 1]
CANCELLING = "Cancelling: the program was told to stop, and in a few seconds it is killed."
#: What one can do about each kind of error.
ADVICE = {
    ErrorKind.INPUT: "Duplicate the job, correct what the sentence names, and run it again.",
    ErrorKind.TOOL: "The log below holds the program's own words. Duplicate the job to change a setting.",
    ErrorKind.LIMIT: "Split the input or choose smaller settings; the site's admin can raise the tool's limits.",
    ErrorKind.PLATFORM: "This was not your input. Nothing was charged; press Retry.",
}


def main(workbench: Workbench, person: Person, job_id: str) -> None:
    try:
        detail = workbench.job(person, job_id)
    except WellplateError as error:
        return not_here(error)
    st.set_page_config(page_title=f"{detail.job.name} · {statuses.look(detail.job).word} · Wellplate")
    st.button(
        "All jobs", icon=":material/arrow_back:", type="tertiary", on_click=job_list.back, key="job.back"
    )
    if detail.row_only:
        return private(workbench, person, detail)
    if detail.job.live:
        return running(workbench, person, job_id)
    left, right = st.columns(COLUMNS, gap="large")
    with left:
        present(workbench, person, job_id, was_live=False)
        result = st.container()
        if detail.usage and detail.usage.series:
            usage(detail.usage, job_id)
        log(workbench, person, job_id)
    with right:
        beside(workbench, person, detail)
    if detail.job.status is Status.COMPLETED:
        # Last, so that a tool whose view fails takes neither log nor downloads with it.
        with result:
            panels.draw_all(workbench, person, detail)


def private(workbench: Workbench, person: Person, detail: JobDetail) -> None:
    """A colleague's job that is not shared: what the list tells of it, and no more."""
    job_actions.carry_out(workbench, person)
    heading(workbench, person, detail.job)
    st.info(
        f"This job is private to {human.markdown_text(detail.job.submitter_name)}.", icon=":material/lock:"
    )
    about(detail, offered(workbench, person, detail.job.tool))


@st.fragment
def running(workbench: Workbench, person: Person, job_id: str) -> None:
    """A job that has not ended: everything on its page can change."""
    left, right = st.columns(COLUMNS, gap="large")
    with left:
        detail = show(workbench, person, job_id, was_live=True)
    with right:
        beside(workbench, person, detail)


@st.fragment
def present(workbench: Workbench, person: Person, job_id: str, was_live: bool) -> None:
    """The head of a job that has ended; its result is not drawn again when it is renamed or deleted."""
    show(workbench, person, job_id, was_live)


def beside(workbench: Workbench, person: Person, detail: JobDetail) -> None:
    tool = offered(workbench, person, detail.job.tool)
    about(detail, tool)
    inputs_and_settings(workbench, person, detail, tool)
    downloads(detail)
    past(detail)


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


def show(workbench: Workbench, person: Person, job_id: str, was_live: bool) -> JobDetail:
    """What it is, what can be done, what happens; drawn again when something happens to the job."""
    person = session.still(person) or person
    listen(key=f"job.{job_id}.live", jobs=[job_id])
    detail = seen(workbench, person, job_id)
    if detail is None or detail.row_only or detail.job.live != was_live:
        st.rerun(scope="app")
    job_actions.carry_out(workbench, person)
    heading(workbench, person, detail.job)
    if detail.job.live:
        progress(workbench, person, detail)
    elif detail.job.error or detail.job.status is not Status.COMPLETED:
        ending(detail.job)
    if detail.steps and detail.job.status is not Status.COMPLETED:
        steps(detail.steps, stopped=detail.job.status is Status.CANCELLED)
    if detail.job.live and detail.job.started_at:
        log_tail(workbench, person, job_id)
    return detail


def seen(workbench: Workbench, person: Person, job_id: str) -> JobDetail | None:
    """The job, or None when it has gone meanwhile: the whole page says so then."""
    try:
        return workbench.job(person, job_id)
    except WellplateError:
        return None


def heading(workbench: Workbench, person: Person, job: Job) -> None:
    header(job.name)
    may = workbench.actions(person, job)
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(job)
        st.caption(timing(job))
    with st.container(horizontal=True, vertical_alignment="center"):
        for action in BUTTONS:
            if action not in may or (may[action] is not None and action in ("cancel", "retry")):
                continue
            icon, _, label = job_actions.LABELS[action].partition(" ")
            st.button(
                label,
                icon=icon,
                key=f"job.{action}",
                disabled=may[action] is not None,
                help=may[action],
                on_click=job_actions.choose,
                args=(action, [job]),
            )


#: In the order of the page.
BUTTONS = ("cancel", "retry", "duplicate", "rename", "copy_link", "delete")


def timing(job: Job) -> str:
    seconds = human.ran_for(job)
    parts = [f"submitted {human.ago(job.created_at)} by {human.markdown_text(job.submitter_name)}"]
    if seconds is not None:
        parts.append(f"{'running for' if job.live else 'took'} {human.duration(seconds)}")
    if job.attempt > 1:
        parts.append(f"attempt {job.attempt}")
    return " · ".join(parts)


def progress(workbench: Workbench, person: Person, detail: JobDetail) -> None:
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


def log_tail(workbench: Workbench, person: Person, job_id: str) -> None:
    try:
        text = workbench.log(person, job_id, tail=LOG_LINES)
    except WellplateError as error:
        return refusal(error)
    if text.strip():
        st.code(text, language=None, height=240 if text.count("\n") > 10 else "content")


def log(workbench: Workbench, person: Person, job_id: str) -> None:
    with st.expander("Log", icon=":material/terminal:"):
        try:
            text = workbench.log(person, job_id, tail=400)
        except WellplateError as error:
            return refusal(error)
        st.code(text or "The log is empty.", language=None, height=320)


def usage(used: Usage, job_id: str) -> None:
    """CPU cores and memory of the whole process tree over time."""
    with st.expander("Resources used", icon=":material/monitoring:"):
        seconds = [sample[0] for sample in used.series]
        figure = go.Figure()
        figure.add_scatter(
            x=seconds, y=[sample[1] for sample in used.series], name="CPU cores", line_shape="hv"
        )
        figure.add_scatter(
            x=seconds,
            y=[sample[2] / 1e6 for sample in used.series],
            name="Memory (MB)",
            yaxis="y2",
            line_dash="dot",
        )
        figure.update_layout(
            xaxis_title="Time since the start (s)",
            yaxis={"title": "CPU cores", "rangemode": "tozero"},
            yaxis2={
                "title": "Memory (MB)",
                "overlaying": "y",
                "side": "right",
                "rangemode": "tozero",
                "showgrid": False,
            },
            hovermode="x unified",
        )
        peak = human.size(used.peak_memory_bytes)
        cpu = human.duration(used.cpu_seconds)
        figures.draw(
            figure, key=f"job.{job_id}.usage", alt=f"CPU and memory over time; peak {peak}", height=240
        )
        st.caption(
            f"CPU time {cpu}, peak memory {peak}, read {human.size(used.read_bytes)}, "
            f"written {human.size(used.written_bytes)}: all processes of the job together."
        )


def offered(workbench: Workbench, person: Person, tool_id: str) -> Tool | None:
    """The job's tool; None when this site does not offer it any more."""
    return next((status.tool for status in workbench.tools(person) if status.tool.id == tool_id), None)


def about(detail: JobDetail, tool: Tool | None) -> None:
    job = detail.job
    name = escape(tool.name if tool else job.tool)
    st.subheader("About", anchor=False)
    least = max(1, job.cpus_min)  # a quick tool asks for none: it has a lane of its own
    cpus = f"{least}" if least == job.cpus_max else f"{least}–{job.cpus_max}"
    memory = human.size(job.memory_mb * 2**20)
    owners = [] if detail.row_only else [("Credits", credits(detail)), ("Worker", escape(job.worker or "–"))]
    facts(
        [
            (
                "Tool",
                f'<a href="/app/tool?tool={quote(job.tool)}" target="_self">{name}</a>' if tool else name,
            ),
            ("Submitter", escape(job.submitter_name)),
            ("Submitted", human.time_html(job.created_at)),
            ("Started", human.time_html(job.started_at)),
            ("Ended", human.time_html(job.ended_at)),
            (
                "Asked for",
                f"{cpus} {'CPU' if cpus == '1' else 'CPUs'}, {memory}{f', {job.gpus} GPUs' if job.gpus else ''}",
            ),
            *owners,
            ("Attempt", str(job.attempt)),
            ("Id", f"<code>{job.id}</code>"),
        ]
    )


def credits(detail: JobDetail) -> str:
    job = detail.job
    if not job.credits:
        return "free"
    lines = escape(", ".join(f"{line['label']}: {line['credits']}" for line in detail.price))
    charged = f'<span title="{lines}">{human.credits(job.credits)}</span>'
    if detail.refunded:
        return f"{charged}, {detail.refunded:,} refunded"
    return f"{charged} {'held' if job.started_at is None and job.live else 'charged' if job.started_at else 'released'}"


def inputs_and_settings(workbench: Workbench, person: Person, detail: JobDetail, tool: Tool | None) -> None:
    st.subheader("Inputs", anchor=False)
    try:
        given = workbench.input_files(person, detail.job.id)
    except WellplateError as error:
        refusal(error)
    else:
        facts((human.words(name), input_links(detail.job.id, name, files)) for name, files in given.items())
    if detail.settings:
        st.subheader("Settings", anchor=False)
        labels = {field.name: field.label for field in forms.fields(tool.Settings)} if tool else {}
        facts(
            (escape(labels.get(name, human.words(name))), escape(setting(value)))
            for name, value in detail.settings.items()
        )


def input_links(job_id: str, name: str, files: list[dict[str, Any]]) -> str:
    base = f"/api/v1/jobs/{job_id}/inputs/{quote(name)}"
    return "<br>".join(
        f"{link(f'{base}/{number}', file['name'])} <span class='quiet'>{human.size(file['bytes'])}</span>"
        for number, file in enumerate(files)
    )


def link(path: str, label: str) -> str:
    return f'<a href="{escape(path)}" download>{escape(label)}</a>'


def setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(setting(part) for part in value) or "–"
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None or value == "" else str(value)


def downloads(detail: JobDetail) -> None:
    if detail.job.status is not Status.COMPLETED:
        return
    st.subheader("Downloads", anchor=False)
    base = f"/api/v1/jobs/{detail.job.id}"
    links = "<br>".join(link(path, label) for label, path in job_actions.downloads(detail.job))
    st.html(f'<div class="links">{links}</div>')
    rows = [
        (human.size(file["bytes"]), link(f"{base}/files/{quote(file['path'])}", file_label(file)))
        for file in detail.files
    ]
    facts(rows[:LISTED_FILES])
    if len(rows) > LISTED_FILES:
        with st.expander(f"{len(rows) - LISTED_FILES} more files"):
            facts(rows[LISTED_FILES:])


def file_label(file: dict[str, Any]) -> str:
    return f"{file['title'] or file['path']} ({file_inputs.format_name(file['format'])})"


def past(detail: JobDetail) -> None:
    if not detail.history:
        return
    with st.expander("History", icon=":material/history:"):
        facts(
            (
                f"{human.local(entry.at):%H:%M:%S}",
                escape(
                    statuses.LOOKS[entry.to_status].label
                    + (f" · attempt {entry.attempt}" if entry.attempt > 1 else "")
                    + (f" · {entry.note}" if entry.note else "")
                ),
            )
            for entry in detail.history
        )
