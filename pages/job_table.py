"""The table of jobs.

Streamlit tells selections and clicks as positions. They are resolved against the jobs that were drawn, whose ids are
hashed into the table's key, and a table with a selection is not redrawn: what changed meanwhile is counted instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, JobFilter, JobPage, Person, Status
from pages import job_actions
from pages.job_filters import Known
from pages.parts import human, session, statuses

PAGE = 50
_DRAWN, _ERROR = "jobs.drawn", "jobs.star.error"
STAR, NO_STAR, MENU = "★", "☆", ":material/more_horiz:"


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


def page_to_draw(
    workbench: Workbench, person: Person, filter: JobFilter, asked: tuple[Any, ...], cursor: str | None
) -> tuple[Drawn, int]:
    """The rows to draw and how many changed since: those on the screen while any is selected, otherwise fresh ones."""
    fresh = workbench.jobs(person, filter, limit=PAGE, cursor=cursor)
    question = (person.id, person.team, asked, cursor)
    generation = st.session_state.setdefault(job_actions.GENERATION, 0)
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


def draw(workbench: Workbench, person: Person, drawn: Drawn, known: Known) -> None:
    if sentence := st.session_state.pop(_ERROR, None):
        st.toast(sentence, icon=":material/error:")
    jobs = drawn.page.jobs
    st.dataframe(
        frame(person, jobs, known),
        hide_index=True,
        key=f"{drawn.key}.table",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=columns(workbench, person, drawn),
        height="content",
        row_height=36,
        alt="Jobs, newest first",
    )


def frame(person: Person, jobs: list[Job], known: Known) -> pd.DataFrame:
    rows: dict[str, list[Any]] = {
        "star": [STAR if job.starred else NO_STAR for job in jobs],
        "name": [job.name for job in jobs],
        "menu": [MENU for _ in jobs],
        "status": [[statuses.look(job).label] for job in jobs],
        "progress": [job.progress if job.status is Status.PROCESSING else None for job in jobs],
        "what": [what_happens(job) for job in jobs],
        "tags": [list(job.tags) for job in jobs],
        "tool": [known.tools.get(job.tool, job.tool) for job in jobs],
        "submitter": ["me" if job.submitter == person.id else job.submitter_name for job in jobs],
        "created": [human.ago(job.created_at) for job in jobs],
        "took": [took(job) for job in jobs],
        "credits": [job.credits for job in jobs],
    }
    # A column in which nothing stands tells nothing and costs width.
    if not any(job.tags for job in jobs):
        del rows["tags"]
    if not any(job.status is Status.PROCESSING for job in jobs):
        del rows["progress"]
    if not any(rows["what"]):
        del rows["what"]
    return pd.DataFrame(rows)


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


def columns(workbench: Workbench, person: Person, drawn: Drawn) -> dict[str, Any]:
    config, looks = st.column_config, statuses.every()

    def button(name: str, label: str, callback: Any, **more: Any) -> Any:
        key = f"{drawn.key}.{name}"
        return config.ButtonColumn(
            label, type="tertiary", key=key, on_click=callback, args=(key, drawn), **more
        )

    def starred(key: str, drawn: Drawn) -> None:
        _starred(workbench, person, key, drawn)

    return {
        "star": button("star", " ", starred, width=36, help="Stars are yours alone."),
        "name": button("open", "Name", _opened, width=225, alignment="left", help="Opens the job."),
        "menu": button("menu", " ", _menu, width=40, help="Everything that can be done with the job."),
        "status": config.MultiselectColumn(
            "Status",
            width=115,
            options=[look.label for look in looks],
            color=[look.colour for look in looks],
        ),
        "progress": config.ProgressColumn("Progress", min_value=0, max_value=100, format="%d %%", width=105),
        "what": config.TextColumn("Step or error", width=155),
        "tags": config.ListColumn("Tags", width=120),
        "tool": config.TextColumn("Tool", width=132),
        "submitter": config.TextColumn("By", width=95),
        "created": config.TextColumn("Submitted", width=95, help="The job's page tells the exact time."),
        "took": config.TextColumn("Took", width=85, alignment="right"),
        "credits": config.NumberColumn("Credits", width=64, help="What the job was priced at."),
    }


def _opened(key: str, drawn: Drawn) -> None:
    """The name of a row, whatever it is: the job is the one drawn there, whatever the list holds by now."""
    if click := st.session_state[key]:
        job_actions.choose("open", [drawn.page.jobs[click["row"]]])


def _menu(key: str, drawn: Drawn) -> None:
    if click := st.session_state[key]:
        job_actions.choose("menu", [drawn.page.jobs[click["row"]]])


def _starred(workbench: Workbench, person: Person, key: str, drawn: Drawn) -> None:
    """The rows stay where they are, also under a selection: only the star of this one turns."""
    who, click = session.acting(person), st.session_state[key]
    if who is None or not click:
        return
    job = drawn.page.jobs[click["row"]]
    try:
        workbench.marks.star(who, job.id, not job.starred)
    except WellplateError as error:
        st.session_state[_ERROR] = human.markdown_text(error.message)
        return
    rows = [
        replace(each, starred=not each.starred) if each.id == job.id else each for each in drawn.page.jobs
    ]
    st.session_state[_DRAWN] = replace(drawn, page=replace(drawn.page, jobs=rows))
