"""Dialogs of the site's admin: a sign-in link, switching somebody off, credits for a team."""

from __future__ import annotations

import streamlit as st

from compute.people.teams import AdminView
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, Team
from pages.parts import asking, human
from pages.parts.drawing import preset, refusal


def sign_in_link(workbench: Workbench, person: Person, each: AdminView) -> None:
    name = human.markdown_text(each.name)
    st.markdown(
        f"A link that signs **{name}** in once, within 24 hours; earlier ones end. For somebody who has no "
        "password, or forgot it."
    )
    st.caption("Whoever has the link becomes this person: send it by a way that you trust.")
    if not st.button("Make the link", type="primary", key="admin.link.make"):
        return
    try:
        link = workbench.teams.sign_in_link(person, each.id)
    except WellplateError as error:
        return refusal(error)
    st.code(link, language=None, wrap_lines=True)


def deactivate(workbench: Workbench, person: Person, each: AdminView) -> None:
    name = human.markdown_text(each.name)
    st.markdown(
        f"**{name}** is signed out everywhere at once and cannot sign in again; API tokens and links end. "
        "Jobs and uploads stay, and are handed over. You can switch them on again later."
    )
    heirs = colleagues(workbench, person, each)
    heir = st.selectbox(
        "Hand jobs and uploads over to",
        [None, *heirs],
        format_func=lambda chosen: "the oldest owner of each team" if chosen is None else heirs[chosen],
        key="admin.heir",
        help="In teams of which this person is no member, it is the team's oldest other owner.",
    )
    if not st.button(f"Switch {name} off", type="primary", key="admin.deactivate.confirm"):
        return
    asking.do(
        lambda: workbench.teams.deactivate(person, each.id, heir_id=heir), f"{each.name} is switched off."
    )


def colleagues(workbench: Workbench, person: Person, each: AdminView) -> dict[str, str]:
    """Those who share a team with this person, by id."""
    teams = {team for team, _, _ in each.teams}
    return {
        other.id: f"{other.name} ({other.email})"
        for other in workbench.teams.people(person)
        if other.id != each.id and other.active and teams & {team for team, _, _ in other.teams}
    }


def grant(workbench: Workbench, person: Person, team: Team) -> None:
    name = human.markdown_text(team.name)
    available = team.balance - team.held
    st.markdown(f"**{name}** has {available:,} available.")
    credits = st.number_input(
        "Credits",
        value=None,
        step=1,
        placeholder="such as 500",
        key="admin.grant.credits",
        help="Below zero takes credits away, never those that are held.",
    )
    note = st.text_input("Why", max_chars=200, placeholder="for the ledger", key="admin.grant.note")
    given = int(credits) if credits else 0
    words = f"{'Take' if given < 0 else 'Grant'} {human.credits(abs(given))}" if given else "Grant"
    if not st.button(words, type="primary", disabled=not given, key="admin.grant.confirm"):
        return
    asking.do(
        lambda: workbench.credits.grant(person, team.id, given, note),
        f"The credits of {team.name} are changed.",
    )


def allow(workbench: Workbench, person: Person, team: Team) -> None:
    name = human.markdown_text(team.name)
    st.markdown(f"Credits that **{name}** is given at the start of every month (UTC).")
    preset(f"admin.allow.credits.{team.id}", team.monthly_credits)
    credits = st.number_input(
        "Credits a month",
        min_value=0,
        value=None,
        step=1,
        placeholder="none",
        key=f"admin.allow.credits.{team.id}",
        help="Empty: none. What was given stays.",
    )
    if not st.button("Save", type="primary", key="admin.allow.confirm"):
        return
    given = int(credits) if credits else None
    asking.do(
        lambda: workbench.credits.allow(person, team.id, given), f"The allowance of {team.name} is saved."
    )


DIALOGS: asking.Dialogs = {
    "link": ("Sign-in link", sign_in_link),
    "deactivate": ("Switch off", deactivate),
    "grant": ("Grant credits", grant),
    "allow": ("Monthly allowance", allow),
}
