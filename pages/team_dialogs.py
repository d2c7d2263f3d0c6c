"""Dialogs that end a membership: what goes with it, and to whom it is handed over."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.people import Membership
from data.records import JobFilter, Member, Person, Role
from pages.parts import asking, human


def remove(workbench: Workbench, person: Person, member: Member) -> None:
    name = human.markdown_text(member.name)
    st.markdown(
        f"**{name}** loses access to {human.markdown_text(person.team_name)} at once: sessions and API tokens "
        "that act in this team end."
    )
    members = workbench.teams.members(person)
    heir = hand_over(workbench, person, member.person, members, first=person.id)
    if st.button(f"Remove {name}", type="primary", key="team.remove.confirm"):
        asking.do(
            lambda: workbench.teams.remove(person, member.person, heir_id=heir),
            f"{member.name} is no longer in this team.",
        )


def leave(workbench: Workbench, person: Person, membership: Membership) -> None:
    there = workbench.accounts.in_team(person, membership.team)
    name = human.markdown_text(membership.team_name)
    st.markdown(f"You no longer see the jobs and credits of **{name}**. Your API tokens of this team end.")
    if len(workbench.teams.mine(person)) == 1:
        st.warning(
            "It is your only team: without one you run nothing, and see only what others share with you.",
            icon=":material/warning:",
        )
    members = workbench.teams.members(there)
    heir = hand_over(workbench, there, person.id, members, first=None)
    if st.button(f"Leave {name}", type="primary", key="team.leave.confirm"):
        asking.do(
            lambda: workbench.teams.remove(person, person.id, heir_id=heir, team_id=membership.team),
            f"You left {membership.team_name}.",
        )


def hand_over(
    workbench: Workbench, person: Person, leaver: str, members: list[Member], *, first: str | None
) -> str | None:
    """Who gets the jobs and uploads; None when there is nobody to choose."""
    able = [each for each in members if each.active and each.role is not Role.VIEWER]
    heirs = sorted(
        (each for each in able if each.person != leaver),
        key=lambda each: (each.person != first, each.role, each.name.casefold()),
    )
    jobs = sum(workbench.counts(person, JobFilter(submitter=(leaver,))).values())
    what = human.count(jobs, "job") + " and the uploads" if jobs else "Uploads, if there are any,"
    if not heirs:
        return None
    names = {each.person: f"{each.name} ({each.role})" for each in heirs}
    return st.selectbox(
        f"{what} go to",
        list(names),
        format_func=names.__getitem__,
        key="team.heir",
        help="Jobs that are private become private to this person.",
    )


DIALOGS: asking.Dialogs = {
    "remove": ("Remove from the team", remove),
    "leave": ("Leave the team", leave),
}
