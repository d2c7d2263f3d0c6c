"""What was asked to be done with jobs, and what came of it.

A dialog is asked for by leaving its name in the session, and stays until it is answered or closed, so that a redraw of
the page under it does not take it away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from compute.bulk import Outcomes
from data.errors import WellplateError
from data.records import Job
from pages.parts import human
from pages.parts.drawing import refusal

_ASKED, _TOLD, _GO = "jobs.asked", "jobs.told", "jobs.go"
#: Of the table: a new one has no selection and fresh rows.
GENERATION = "jobs.generation"
#: How long it is said what an action did.
TOLD_FOR_S = 10.0
#: Names listed before "and 12 more".
LISTED = 12


@dataclass(frozen=True)
class Asked:
    """An action on these jobs, as they were when it was asked."""

    action: str
    jobs: tuple[Job, ...]
    #: They are all that the list's filter found, also on its other pages.
    whole: bool = False

    @property
    def ids(self) -> list[str]:
        return [job.id for job in self.jobs]


@dataclass(frozen=True)
class Told:
    action: str
    outcomes: Outcomes
    at: float = field(default_factory=time.monotonic)


def choose(action: str, jobs: list[Job]) -> None:
    """In a callback: remember what was chosen; `job_dialogs.carry_out` does it when the page is drawn."""
    if action in ("open", "duplicate"):
        close()
        st.session_state[_GO] = Asked(action, tuple(jobs))
    else:
        st.session_state[_ASKED] = Asked(action, tuple(jobs))


def choose_all(action: str, jobs: list[Job]) -> None:
    """In a callback: the same for everything that a filter finds, on whatever page it stands."""
    st.session_state[_ASKED] = Asked(action, tuple(jobs), whole=True)


def going() -> Asked | None:
    """Where the last choice leads, once."""
    going: Asked | None = st.session_state.pop(_GO, None)
    return going


def asked() -> Asked | None:
    found: Asked | None = st.session_state.get(_ASKED)
    return found


def close() -> None:
    st.session_state.pop(_ASKED, None)


def told() -> None:
    """Say for a while what the last action did, job by job: a redraw in the meantime must not swallow it."""
    said: Told | None = st.session_state.get(_TOLD)
    if said is None:
        return
    if time.monotonic() - said.at > TOLD_FOR_S:
        st.session_state.pop(_TOLD)
        return
    done, refused = said.outcomes.done, said.outcomes.refused
    if done:
        names = _names([name for _, name in done])
        st.success(f"{DONE[said.action]} {human.count(len(done), 'job')}: {names}.")
    if said.action == "retry" and len(done) == 1:
        # A page link to the page that is open already leaves the old address in the browser.
        to = f"/app/jobs?jobId={done[0][0]}"
        st.html(f'<a class="plain-link" target="_self" href="{to}">Open the new job</a>')
    if refused:
        _refused(refused)


#: Before "3 jobs: names".
DONE = {"cancel": "Cancelled", "delete": "Deleted", "retry": "Running again:"}


def _refused(refused: list[tuple[str, str]]) -> None:
    lines = [
        f"- **{human.markdown_text(name)}**: {human.markdown_text(why)}" for name, why in refused[:LISTED]
    ]
    st.warning(
        f"Not done for {human.count(len(refused), 'job')}:\n" + "\n".join(lines), icon=":material/block:"
    )
    if len(refused) > LISTED:
        with st.expander(f"All {len(refused):,} that were not done"):
            st.dataframe(pd.DataFrame(refused, columns=["Job", "Why"]), hide_index=True)


def _names(names: list[str]) -> str:
    shown = ", ".join(f"“{human.markdown_text(name)}”" for name in names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED:,} more"


def answered(action: Callable[[], Told | None], label: str) -> None:
    """A dialog's two buttons; a refusal stays in the dialog as its sentence."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep as it is", key="ask.no"):
            close()
            st.rerun()
        sure = st.button(label, type="primary", key="ask.yes")
    if not sure:
        return
    try:
        with st.spinner("Working …", show_time=True):
            outcome = action()
    except WellplateError as error:
        return refusal(error)
    close()
    if outcome:
        st.session_state[_TOLD] = outcome
        refresh()
    st.rerun()


def refresh() -> None:
    """A new table, without the selection."""
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def link(job: Job) -> str:
    """The job's address as a colleague would type it."""
    here = urlsplit(st.context.url or "")
    origin = f"{here.scheme}://{here.netloc}" if here.netloc else ""
    return f"{origin}/app/jobs?jobId={job.id}"
