"""Granting credits to any team: for the site's admin."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, Team, new_id
from pages.parts import human, session
from pages.parts.drawing import refusal

_DONE = "credits.granted"
#: Of the form that is open: granted once, however often the button is pressed.
_FORM = "credits.form"


def button(workbench: Workbench, person: Person) -> None:
    if st.button("Grant credits …", icon=":material/add:", key="credits.grant"):
        st.session_state[_FORM] = new_id()
        form(workbench, person)


def result() -> None:
    """What the last grant did, once."""
    if sentence := st.session_state.pop(_DONE, None):
        st.success(human.markdown_text(sentence), icon=":material/check_circle:")


@st.dialog("Grant credits")
def form(workbench: Workbench, person: Person) -> None:
    if session.still(person) is None:
        return
    try:
        teams = {team.id: team for team in workbench.credits.teams(person)}
    except WellplateError as error:
        return refusal(error)
    chosen = st.selectbox(
        "Team",
        list(teams),
        index=list(teams).index(person.team) if person.team in teams else 0,
        format_func=lambda id: teams[id].name,
        key="credits.grant.team",
    )
    credits = st.number_input(
        "Credits",
        value=None,
        step=1,
        placeholder="500",
        key="credits.grant.credits",
        help="Below zero takes credits back, never those that are held.",
    )
    note = st.text_input(
        "What for", max_chars=200, placeholder="shown in the ledger", key="credits.grant.note"
    )
    given = int(credits) if credits else 0
    st.caption(human.markdown_text(outcome(teams[chosen], given)))
    words = f"{'Take back' if given < 0 else 'Grant'} {human.credits(abs(given))}" if given else "Grant"
    if not st.button(words, type="primary", disabled=not given, key="credits.grant.confirm"):
        return
    try:
        balance = workbench.credits.grant(person, chosen, given, note, key=st.session_state[_FORM])
    except WellplateError as error:
        return refusal(error)
    st.session_state[_DONE] = f"{teams[chosen].name} has {balance.available:,} credits available now."
    st.rerun()


def outcome(team: Team, given: int) -> str:
    """What the button will do, before it is pressed."""
    available = team.balance - team.held
    if not given:
        return f"{team.name} has {available:,} credits available."
    return f"{team.name} has {available:,} credits available, and {available + given:,} afterwards."
