"""The list of jobs: newest first, filtered by the URL, live, with actions on one row or on several.

Streamlit tells selections and clicks as positions. They are resolved against the jobs that were drawn, whose ids are
hashed into the table's key, and a table with a selection is not redrawn: what changed meanwhile is counted instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import LIVE, Job, JobFilter, JobPage, Person, Status
from pages import human, job_actions, session, statuses
from pages.components.live import listen
from pages.drawing import header, refusal

PAGE = 50
#: Jobs read at once where a whole filter is meant.
WHOLE = 200
_DRAWN, _GENERATION, _TRAIL, _LEFT = "jobs.drawn", "jobs.generation", "jobs.trail", "jobs.left"
FILTERS = ("status", "tool", "submitter", "q")


@dataclass(frozen=True)
class Drawn:
    """The rows that are on the screen, and for which question."""

    question: tuple[Any, ...]
    page: JobPage
    generation: int

    @property
    def key(self) -> str:
        ids = "".join(job.id for job in self.page.jobs)
        return f"jobs.{self.generation}.{hashlib.sha256(ids.encode()).hexdigest()[:12]}"


def main(workbench: Workbench, person: Person) -> None:
    header("Jobs", "What ran, runs and waits in your team, newest first.")
    listing(workbench, person)


@st.fragment
def listing(workbench: Workbench, person: Person) -> None:
    person = session.still(person) or person
    listen(key="jobs.live", whole_list=True)
    try:
        filter = from_url()
        st.session_state[_LEFT] = st.query_params.to_dict()
        tools = {status.tool.id: status.tool.name for status in workbench.tools(person)}
        bar(workbench, person, filter, tools)
        shown, changed = page_to_draw(workbench, person, filter, st.query_params.get("cursor"))
        job_actions.carry_out(workbench, person)
        if not shown.page.jobs:
            return nothing(filter)
        table(workbench, person, filter, shown, changed, tools)
        pager(shown.page)
    except WellplateError as error:
        refusal(error)


def from_url() -> JobFilter:
    """The filter that the URL holds; what it does not know is left out."""
    known = {str(status) for status in Status}
    asked = [word for word in st.query_params.get("status", "").split(",") if word in known]
    return JobFilter(
        status=tuple(Status(word) for word in asked),
        tool=tuple(st.query_params.get_all("tool")),
        submitter=tuple(st.query_params.get_all("submitter")),
        q=st.query_params.get("q") or None,
    )


def into_url(name: str) -> None:
    """In a callback: the widget's value into the URL, back to the first page."""
    value = st.session_state[f"jobs.{name}"]
    text = ",".join(value) if isinstance(value, list) else str(value or "").strip()
    st.query_params.pop("cursor", None)
    if text:
        st.query_params[name] = text
    else:
        st.query_params.pop(name, None)


def back() -> None:
    """In a callback of a job's page: the list as it was left."""
    st.query_params.from_dict(st.session_state.get(_LEFT, {}))


def clear_filters() -> None:
    for name in (*FILTERS, "cursor"):
        st.query_params.pop(name, None)


def bar(workbench: Workbench, person: Person, filter: JobFilter, tools: Mapping[str, str]) -> None:
    """The filters. The URL is what holds; the widgets show it."""
    counts = workbench.counts(person, filter)
    people = dict(workbench.submitters(person))
    st.session_state["jobs.status"] = [str(status) for status in filter.status]
    st.session_state["jobs.tool"] = next((tool for tool in filter.tool if tool in tools), None)
    st.session_state["jobs.submitter"] = next((one for one in filter.submitter if one in people), None)
    st.session_state["jobs.q"] = filter.q or ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Name",
            key="jobs.q",
            type="search",
            live="300ms",
            placeholder="Find by name",
            label_visibility="collapsed",
            on_change=into_url,
            args=("q",),
            width=240,
        )
        _choice("tool", "Any tool", tools)
        _choice(
            "submitter", "Anybody", {id: "Me" if id == person.id else name for id, name in people.items()}
        )
    st.pills(
        "Status",
        [str(status) for status in Status],
        selection_mode="multi",
        key="jobs.status",
        format_func=lambda word: f"{statuses.LOOKS[Status(word)].label} {counts.get(Status(word), 0):,}",
        label_visibility="collapsed",
        on_change=into_url,
        args=("status",),
    )


def _choice(name: str, everything: str, options: Mapping[str, str]) -> None:
    st.selectbox(
        everything,
        list(options),
        index=None,
        key=f"jobs.{name}",
        format_func=lambda id: options.get(id, id),
        placeholder=everything,
        label_visibility="collapsed",
        on_change=into_url,
        args=(name,),
        width=200,
    )


def page_to_draw(
    workbench: Workbench, person: Person, filter: JobFilter, cursor: str | None
) -> tuple[Drawn, int]:
    """The rows to draw and how many changed since: those on the screen while any is selected, otherwise fresh ones."""
    fresh = workbench.jobs(person, filter, limit=PAGE, cursor=cursor)
    question = (person.id, person.team, filter, cursor)
    generation = st.session_state.setdefault(_GENERATION, 0)
    before: Drawn | None = st.session_state.get(_DRAWN)
    if before and before.question == question and before.generation == generation and selected(before):
        return before, changes(before.page.jobs, fresh.jobs)
    drawn = Drawn(question, fresh, generation)
    st.session_state[_DRAWN] = drawn
    return drawn, 0


def selected(drawn: Drawn) -> list[Job]:
    """The selected jobs, resolved against the rows that were drawn."""
    state = st.session_state.get(f"{drawn.key}.table")
    rows = state["selection"]["rows"] if state else []
    return [drawn.page.jobs[row] for row in rows if row < len(drawn.page.jobs)]


def changes(before: Sequence[Job], now: Sequence[Job]) -> int:
    """How many rows came, went, or show something else."""
    old = {job.id: shown(job) for job in before}
    new = {job.id: shown(job) for job in now}
    return sum(old.get(id) != new.get(id) for id in old.keys() | new.keys())


def shown(job: Job) -> Job:
    """The job without what runs on by itself."""
    return replace(job, progress=None, step=None, note=None)


def refresh() -> None:
    """In a callback: a new table, without the selection."""
    st.session_state[_GENERATION] += 1


def table(
    workbench: Workbench,
    person: Person,
    filter: JobFilter,
    drawn: Drawn,
    changed: int,
    tools: Mapping[str, str],
) -> None:
    jobs = drawn.page.jobs
    actions = [job_actions.allowed(workbench.actions(person, job)) for job in jobs]
    chosen = selected(drawn)
    if chosen:
        selection_bar(workbench, person, chosen, changed)
    else:
        summary_bar(workbench, person, filter, len(jobs))
    st.dataframe(
        frame(person, jobs, actions, tools),
        hide_index=True,
        key=f"{drawn.key}.table",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=columns(drawn),
        height="content",
        row_height=36,
        alt="Jobs, newest first",
    )


def summary_bar(workbench: Workbench, person: Person, filter: JobFilter, count: int) -> None:
    """How many rows there are, and a way to stop everything that a filter finds, not only this page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{human.count(count, 'job')} on this page. Tick rows to cancel or delete several at once.",
            width="content",
        )
        if filter == JobFilter():
            return
        asked = [status for status in filter.status or Status if status in LIVE]
        number = sum(workbench.counts(person, filter).get(status, 0) for status in asked)
        if number:
            st.button(
                f"Cancel all that match ({number:,})",
                type="tertiary",
                icon=":material/stop_circle:",
                on_click=cancel_all,
                args=(workbench, person, replace(filter, status=tuple(asked))),
                key="jobs.cancel_all",
            )


def cancel_all(workbench: Workbench, person: Person, filter: JobFilter) -> None:
    """In a callback: ask about every job of the filter that this person may cancel."""
    who = session.acting(person)
    if who is None:
        return
    found: list[Job] = []
    cursor: str | None = None
    while True:
        page = workbench.jobs(who, filter, limit=WHOLE, cursor=cursor)
        found += [job for job in page.jobs if workbench.actions(who, job).get("cancel", "no") is None]
        cursor = page.next_cursor
        if cursor is None:
            break
    if found:
        job_actions.choose("cancel", found)


def selection_bar(workbench: Workbench, person: Person, chosen: list[Job], changed: int) -> None:
    may = [(job, workbench.actions(person, job)) for job in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{human.count(len(chosen), 'job')} selected**")
        for action, icon in (("cancel", ":material/stop_circle:"), ("delete", ":material/delete:")):
            able = [job for job, actions in may if actions.get(action, "no") is None]
            st.button(
                f"{action.capitalize()} {len(able)}" if able else action.capitalize(),
                icon=icon,
                disabled=not able,
                key=f"jobs.bulk.{action}",
                on_click=job_actions.choose,
                args=(action, able),
                help=None if able else f"None of the selected jobs can be {PAST[action]} now.",
            )
        st.button("Clear selection", type="tertiary", on_click=refresh, key="jobs.clear")
        if changed:
            st.button(
                f"{human.count(changed, 'job')} changed · Refresh",
                type="tertiary",
                icon=":material/refresh:",
                on_click=refresh,
                key="jobs.refresh",
            )


PAST = {"cancel": "cancelled", "delete": "deleted"}


def frame(
    person: Person, jobs: list[Job], actions: list[list[str]], tools: Mapping[str, str]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [job.name for job in jobs],
            "actions": [[job_actions.LABELS[key] for key in keys] for keys in actions],
            "status": [[statuses.look(job).label] for job in jobs],
            "progress": [job.progress if job.status is Status.PROCESSING else None for job in jobs],
            "what": [what_happens(job) for job in jobs],
            "tool": [tools.get(job.tool, job.tool) for job in jobs],
            "submitter": ["me" if job.submitter == person.id else job.submitter_name for job in jobs],
            "created": [human.ago(job.created_at) for job in jobs],
            "took": [took(job) for job in jobs],
            "credits": [job.credits for job in jobs],
        }
    )


def what_happens(job: Job) -> str:
    """One line: the step that runs, or why it failed."""
    if job.error:
        return job.error.message
    if job.status is Status.PROCESSING:
        return " · ".join(part for part in (job.step, job.note) if part)
    if job.status is Status.RETRY:
        return f"attempt {job.attempt}"
    return ""


def took(job: Job) -> str:
    seconds = human.ran_for(job)
    return "" if seconds is None else human.duration(seconds)


def columns(drawn: Drawn) -> dict[str, Any]:
    config, looks = st.column_config, statuses.every()
    open_key, menu_key = f"{drawn.key}.open", f"{drawn.key}.menu"
    return {
        "name": config.ButtonColumn(
            "Name",
            type="tertiary",
            alignment="left",
            width=240,
            key=open_key,
            on_click=_opened,
            args=(open_key, drawn),
            help="Opens the job.",
        ),
        "status": config.MultiselectColumn(
            "Status",
            width=120,
            options=[look.label for look in looks],
            color=[look.colour for look in looks],
        ),
        "progress": config.ProgressColumn("Progress", min_value=0, max_value=100, format="%d %%", width=110),
        "what": config.TextColumn("Step or error", width=210),
        "tool": config.TextColumn("Tool", width=125),
        "submitter": config.TextColumn("By", width=110),
        "created": config.TextColumn("Submitted", width=95, help="The job's page tells the exact time."),
        "took": config.TextColumn("Took", width=95, alignment="right"),
        "credits": config.NumberColumn("Credits", width=70, help="What the job was priced at."),
        "actions": config.ButtonColumn(
            " ",
            type="tertiary",
            width=44,
            key=menu_key,
            on_click=_chosen,
            args=(menu_key, drawn),
        ),
    }


def _opened(key: str, drawn: Drawn) -> None:
    """The name of a row, whatever it is: the job is the one drawn there, whatever the list holds by now."""
    if click := st.session_state[key]:
        job_actions.choose("open", [drawn.page.jobs[click["row"]]])


def _chosen(key: str, drawn: Drawn) -> None:
    """An item of a row's menu."""
    if click := st.session_state[key]:
        action = next(action for action, label in job_actions.LABELS.items() if label == click["label"])
        job_actions.choose(action, [drawn.page.jobs[click["row"]]])


def pager(page: JobPage) -> None:
    """Newer and older, by cursor. The way back is the trail of this tab; without one it leads to the newest."""
    cursor = st.query_params.get("cursor")
    if cursor is None and page.next_cursor is None:
        return
    with st.container(horizontal=True):
        st.button(
            "Newer",
            icon=":material/chevron_left:",
            disabled=cursor is None,
            on_click=_newer,
            key="jobs.newer",
        )
        st.button(
            "Older",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=page.next_cursor is None,
            on_click=_older,
            args=(cursor, page.next_cursor),
            key="jobs.older",
        )


def _older(cursor: str | None, following: str) -> None:
    st.session_state[_TRAIL] = [*st.session_state.get(_TRAIL, []), cursor]
    st.query_params["cursor"] = following


def _newer() -> None:
    trail = st.session_state.get(_TRAIL, [])
    before = trail.pop() if trail else None
    if before is None:
        st.query_params.pop("cursor", None)
    else:
        st.query_params["cursor"] = before


def nothing(filter: JobFilter) -> None:
    """No rows: because of the filter, or because nothing has run yet."""
    with st.container(border=True):
        if filter != JobFilter():
            st.markdown("**No job matches these filters.**")
            st.button("Clear the filters", on_click=clear_filters, icon=":material/filter_alt_off:")
            return
        st.markdown(
            "**No jobs yet.** Choose a tool, load its example and press Run; the job appears here at once."
        )
        st.page_link("catalogue.py", label="Choose a tool", icon=":material/science:")
