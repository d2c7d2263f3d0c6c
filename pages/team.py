"""The team in use: who is in it, who was invited, and how it is set up."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.access import may_give, may_manage
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Invitation, Member, Person, Role, Team, Visibility
from pages import team_dialogs
from pages.parts import asking, flash, human, session
from pages.parts.drawing import empty, facts, header, preset, refusal

#: Members above this many are found by a search.
SEARCH_ABOVE = 12
SHOWN = 50
ROLES = {
    Role.OWNER: "everything, also who owns the team",
    Role.ADMIN: "runs jobs, keeps order, manages members",
    Role.MEMBER: "runs jobs",
    Role.VIEWER: "looks, runs nothing",
}
VISIBLE = {
    Visibility.PRIVATE: "Its submitter only",
    Visibility.TEAM: "Everybody in the team",
    Visibility.USERS: "Anybody signed in here",
    Visibility.INVITED: "Invited people",
    Visibility.PUBLIC: "Anyone with the link",
}
#: An invitation that was made in the run before.
_MADE = "team.invited"


def main(workbench: Workbench, person: Person) -> None:
    header(person.team_name, f"The team in which you act now; you are its {person.role}.")
    flash.show()
    asking.draw(team_dialogs.DIALOGS, workbench, person)
    try:
        team, members = workbench.teams.team(person), workbench.teams.members(person)
    except WellplateError as error:
        return refusal(error)
    left, right = st.columns([3, 2], gap="large")
    with left:
        people(workbench, person, members)
    with right:
        if may_manage(person, person.team):
            invite(workbench, person)
            invitations(workbench, person)
        setup(workbench, person, team)


def givable(person: Person) -> list[Role]:
    """The roles that this person may give and take in the team in which they act."""
    return [role for role in Role if may_give(person, person.team, role)]


# Members ------------------------------------------------------------------------------------------------------


def people(workbench: Workbench, person: Person, members: list[Member]) -> None:
    st.subheader(human.count(len(members), "member"), anchor=False)
    wanted = search() if len(members) > SEARCH_ABOVE else ""
    found = [each for each in members if wanted in f"{each.name} {each.email}".casefold()]
    for each in found[:SHOWN]:
        row(workbench, person, each)
    if len(found) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(found):,}; search for the others.")
    if not found:
        st.caption("Nobody is called like this.")
    if len(members) == 1 and may_manage(person, person.team):
        empty(
            "You are alone in this team. Invite colleagues: they see the team's jobs, and share its credits."
        )


def search() -> str:
    return (
        st.text_input(
            "Find a member",
            key="team.search",
            type="search",
            live="200ms",
            placeholder="name or address",
            label_visibility="collapsed",
        )
        .casefold()
        .strip()
    )


def row(workbench: Workbench, person: Person, member: Member) -> None:
    me = member.person == person.id
    changes = member.role in givable(person)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{human.markdown_text(member.name)}**{' · you' if me else ''}")
            st.caption(about(member))
        if changes:
            role(workbench, person, member)
        else:
            st.badge(member.role, color="gray", help=ROLES[member.role].capitalize() + ".")
        if changes:
            name = human.markdown_text(member.name)
            st.button(
                "",
                icon=":material/person_remove:",
                type="tertiary",
                disabled=me,
                help="Leave a team on your Account page." if me else f"Remove {name} from the team …",
                key=f"team.remove.{member.person}",
                on_click=asking.ask,
                args=("remove", member),
            )


def about(member: Member) -> str:
    marks = [] if member.verified else ["address not confirmed"]
    marks += [] if member.active else ["switched off by the site's admin"]
    return " · ".join(
        [human.markdown_text(member.email), *marks, f"since {human.local(member.since):%Y-%m-%d}"]
    )


def role(workbench: Workbench, person: Person, member: Member) -> None:
    key = f"team.role.{member.person}.{member.role}"
    options = givable(person)
    st.selectbox(
        f"Role of {member.name}",
        options,
        index=options.index(member.role),
        format_func=str,
        label_visibility="collapsed",
        key=key,
        width=110,
        help="  \n".join(f"{name}: {words}" for name, words in ROLES.items()),
        on_change=session.on_change(change_role),
        args=(workbench, person, member, key),
    )


def change_role(workbench: Workbench, person: Person, member: Member, key: str) -> None:
    """In a callback."""
    chosen, who = st.session_state[key], session.acting(person)
    if who is None or chosen == member.role:
        return
    done = f"{member.name} is {chosen} now."
    if not flash.attempt(lambda: workbench.teams.set_role(who, member.person, chosen), done):
        st.session_state[key] = member.role


# Invitations --------------------------------------------------------------------------------------------------


def invite(workbench: Workbench, person: Person) -> None:
    st.subheader("Invite", anchor=False)
    with st.form("team.invite", clear_on_submit=False):
        email = st.text_input(
            "E-mail address", placeholder="ben@lab.example", max_chars=254, key="team.email"
        )
        offered = givable(person)
        chosen = st.segmented_control(
            "As",
            offered,
            default=Role.MEMBER,
            required=True,
            format_func=str,
            key="team.as",
            help="  \n".join(f"{name}: {ROLES[name]}" for name in offered),
        )
        if st.form_submit_button("Invite"):
            invite_now(workbench, person, email, chosen or Role.MEMBER)
    made: Invitation | None = st.session_state.pop(_MADE, None)
    if made is not None and made.status == "accepted":
        st.success(f"{human.markdown_text(made.email)} is in the team now.", icon=":material/person_check:")
    elif made is not None:
        mailed = workbench.notices.sends_mail
        how = "was mailed this link" if mailed else "needs this link: send it by a way that you trust"
        st.success(f"{human.markdown_text(made.email)} {how}.", icon=":material/mail:")
        st.code(workbench.invitations.link(made), language=None, wrap_lines=True)


def invite_now(workbench: Workbench, person: Person, email: str, chosen: Role) -> None:
    try:
        st.session_state[_MADE] = workbench.invitations.to_team(person, email, chosen)
    except WellplateError as error:
        refusal(error)


def invitations(workbench: Workbench, person: Person) -> None:
    try:
        every = workbench.invitations.of_team(person)
    except WellplateError as error:
        return refusal(error)
    pending = [each for each in every if each.status == "pending"]
    if not pending:
        return
    st.subheader("Pending invitations", anchor=False)
    for each in pending:
        invitation(workbench, person, each)


def invitation(workbench: Workbench, person: Person, each: Invitation) -> None:
    email = human.markdown_text(each.email)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{email}**")
            st.caption(f"{each.role} · invited {human.ago(each.created_at)}")
        with st.popover("Link", icon=":material/link:", key=f"team.link.{each.id}"):
            st.code(workbench.invitations.link(each), language=None, wrap_lines=True)
            st.caption("Who opens it can join, whatever their address.")
        st.button(
            "",
            icon=":material/close:",
            type="tertiary",
            help=f"Withdraw the invitation of {email}",
            key=f"team.withdraw.{each.id}",
            on_click=withdraw,
            args=(workbench, person, each),
        )


def withdraw(workbench: Workbench, person: Person, each: Invitation) -> None:
    """In a callback."""
    if who := session.acting(person):
        done = f"The invitation of {each.email} is withdrawn; its link no longer works."
        flash.attempt(lambda: workbench.invitations.withdraw(who, each.id), done)


# How it is set up ---------------------------------------------------------------------------------------------


def setup(workbench: Workbench, person: Person, team: Team) -> None:
    st.subheader("Set-up", anchor=False)
    if not may_manage(person, person.team):
        return facts(
            [
                ("New jobs", VISIBLE[team.default_visibility]),
                ("Cap per person", cap(team.person_credits)),
            ]
        )
    # The team in every key: a browser keeps what stood in a field of the same key, and another team would get it.
    with st.form(f"team.setup.{team.id}"):
        name = st.text_input("Name", team.name, max_chars=100, key=f"team.name.{team.id}")
        visibility = st.selectbox(
            "Who sees a new job",
            list(VISIBLE),
            index=list(VISIBLE).index(team.default_visibility),
            format_func=VISIBLE.__getitem__,
            key=f"team.visibility.{team.id}",
            help="Unless its submitter says otherwise. Jobs that are there already stay as they are.",
        )
        preset(f"team.cap.{team.id}", team.person_credits)
        credits = st.number_input(
            "Credits that one person may use in a month",
            min_value=0,
            value=None,
            step=1,
            placeholder="no cap",
            key=f"team.cap.{team.id}",
            help="Empty: no cap. A month is a calendar month (UTC).",
        )
        preset(f"team.concurrency.{team.id}", team.concurrency)
        at_once = st.number_input(
            "Jobs of a batch that wait or run at once",
            min_value=1,
            value=None,
            step=1,
            placeholder="as the site has it",
            key=f"team.concurrency.{team.id}",
        )
        if not st.form_submit_button("Save set-up"):
            return
    try:
        workbench.teams.change(
            person,
            name=name,
            default_visibility=visibility,
            person_credits=None if credits is None else int(credits),
            concurrency=None if at_once is None else int(at_once),
        )
    except WellplateError as error:
        return refusal(error)
    flash.after_rerun("The team's set-up is saved.")


def cap(credits: int | None) -> str:
    return "none" if credits is None else f"{human.credits(credits) if credits else 'no credits'} a month"


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
