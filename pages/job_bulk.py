"""Actions on several jobs at once: on those that are ticked, and on everything that the filters find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import streamlit as st

from compute.bulk import STATUSES, Verb
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, JobFilter, Person, Status
from pages import job_actions, job_filters
from pages.parts import human, session
from pages.parts.drawing import refusal

LOOKS: dict[Verb, tuple[str, str]] = {
    "retry": (":material/replay:", "Retry"),
    "cancel": (":material/stop_circle:", "Cancel"),
    "delete": (":material/delete:", "Delete"),
}
PAST = {"retry": "run again", "cancel": "cancelled", "delete": "deleted"}
#: What each can be done to, in the words of the statuses.
WHICH = {
    "retry": "failed, timed out or cancelled",
    "cancel": "that have not ended",
    "delete": "that have ended",
}
_ERROR = "jobs.bulk.error"


def selection(workbench: Workbench, person: Person, chosen: Sequence[Job], changed: int) -> None:
    """In place of the summary while rows are ticked."""
    may = [(job, workbench.actions(person, job)) for job in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{human.count(len(chosen), 'job')} selected**", width="content")
        for verb, (icon, word) in LOOKS.items():
            able = [job for job, actions in may if actions.get(verb, "no") is None]
            st.button(
                f"{word} {len(able)}" if able else word,
                icon=icon,
                disabled=not able,
                key=f"jobs.bulk.{verb}",
                on_click=job_actions.choose,
                args=(verb, able),
                help=None if able else f"None of the selected jobs can be {PAST[verb]} now.",
            )
        st.button("Clear selection", type="tertiary", on_click=job_actions.refresh, key="jobs.clear")
        if changed:
            st.button(
                f"{human.count(changed, 'job')} changed · Refresh",
                type="tertiary",
                icon=":material/refresh:",
                on_click=job_actions.refresh,
                key="jobs.refresh",
            )


def summary(
    workbench: Workbench, person: Person, filter: JobFilter, counts: Mapping[Status, int], shown: int
) -> None:
    """How many rows there are, and what can be done with everything that a filter finds, not only this page."""
    if error := st.session_state.pop(_ERROR, None):
        refusal(error)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{human.count(shown, 'job')} on this page. Tick rows to act on several at once.", width="content"
        )
        numbers = {verb: number for verb in get_args(Verb) if (number := matching(filter, counts, verb))}
        if filter.shared or not numbers or not job_filters.narrowed(filter):
            return  # never everything by accident

        def ask() -> None:
            choose_whole(workbench, person, filter, st.session_state["jobs.whole"])

        st.menu_button(
            "All that match",
            [verb for verb in LOOKS if verb in numbers],
            format_func=lambda verb: f"{LOOKS[verb][0]} {LOOKS[verb][1]} {numbers[verb]:,} {WHICH[verb]}",
            key="jobs.whole",
            type="tertiary",
            icon=":material/checklist:",
            help="Acts on every job that the filters find, also on other pages. Asks first.",
            on_click=ask,
        )


def matching(filter: JobFilter, counts: Mapping[Status, int], verb: Verb) -> int:
    """How many jobs of the filter are in a status in which the verb can be done."""
    asked = set(filter.status or Status) - set(filter.not_status)
    return sum(counts.get(status, 0) for status in STATUSES[verb] & asked)


def choose_whole(workbench: Workbench, person: Person, filter: JobFilter, verb: Verb) -> None:
    """In a callback: ask about every job of the filter, as it is now."""
    who = session.acting(person)
    if who is None:
        return
    try:
        found = workbench.bulk.chosen(who, verb, filter)
    except WellplateError as error:
        st.session_state[_ERROR] = error
        return
    if found:
        job_actions.choose_all(verb, found)
