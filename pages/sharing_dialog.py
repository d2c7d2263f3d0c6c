"""The dialog in which a job or a batch is shared: who may see it, and the people invited by address."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from compute.sharing import Shared
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Invitation, Person, Visibility
from pages.parts import human, session
from pages.parts.drawing import refusal

ICONS = {
    Visibility.PRIVATE: ":material/lock:",
    Visibility.TEAM: ":material/groups:",
    Visibility.USERS: ":material/domain:",
    Visibility.INVITED: ":material/person_add:",
    Visibility.PUBLIC: ":material/public:",
}
#: What one sees and does not see under each.
WHAT = {
    Visibility.PRIVATE: "Your team sees its row in the list and nothing that is in it.",
    Visibility.TEAM: "Inputs, settings, results and log; only you can change it.",
    Visibility.USERS: "Every account of this site, also of other teams.",
    Visibility.INVITED: "By e-mail address, also from outside. They can look and change nothing.",
    Visibility.PUBLIC: "Nobody has to sign in. The link cannot be guessed, but it can be passed on.",
}
_ERROR, _FIELD = "share.error", "share.emails"


@dataclass(frozen=True)
class Subject:
    """What is shared."""

    id: str
    team: str
    #: "job", "batch".
    noun: str
    link: str
    show: Callable[[Person, str], Shared]
    change: Callable[[Person, str, Visibility | None, list[str] | None], object]


def draw(workbench: Workbench, person: Person, subject: Subject, *, close: Callable[[], None]) -> None:
    """The dialog's inside; `close` ends it."""
    try:
        shared = subject.show(person, subject.id)
    except WellplateError as error:
        return refusal(error)
    _choice(workbench, person, subject, shared)
    if refused := st.session_state.pop(_ERROR, None):
        refusal(refused)
    if shared.visibility is Visibility.INVITED or shared.invited:
        _people(workbench, person, subject, shared)
    st.markdown(f"**Who can see it now:** {human.markdown_text(shared.words)}.")
    if shared.visibility is not Visibility.PRIVATE:
        st.code(subject.link, language=None, wrap_lines=True)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Done", type="primary", key="share.done"):
            close()
            st.rerun()


def name(visibility: Visibility, team: str) -> str:
    return {
        Visibility.PRIVATE: "Only you",
        Visibility.TEAM: f"Everybody in {team}",
        Visibility.USERS: "Everybody who is signed in",
        Visibility.INVITED: "People you invite",
        Visibility.PUBLIC: "Anyone with the link",
    }[visibility]


def _choice(workbench: Workbench, person: Person, subject: Subject, shared: Shared) -> None:
    """What is chosen holds at once: there is nothing to save and nothing to forget."""
    team = next(
        (team.team_name for team in workbench.accounts.teams(person) if team.team == subject.team),
        "your team",
    )
    key = f"share.{subject.id}"
    st.session_state[key] = shared.visibility

    def choose() -> None:
        change(person, subject, st.session_state[key], None)

    st.radio(
        f"Who can see this {subject.noun}",
        list(Visibility),
        key=key,
        format_func=lambda each: f"{ICONS[each]} {human.markdown_text(name(each, team))}",
        captions=[WHAT[each] for each in Visibility],
        on_change=session.on_change(choose),
    )


def change(person: Person, subject: Subject, visibility: Visibility | None, emails: list[str] | None) -> bool:
    """In a callback: whether it could be done; the refusal stands in the dialog otherwise."""
    who = session.acting(person)
    if who is None:
        return False
    try:
        subject.change(who, subject.id, visibility, emails)
    except WellplateError as error:
        st.session_state[_ERROR] = error
        return False
    return True


def _people(workbench: Workbench, person: Person, subject: Subject, shared: Shared) -> None:
    with st.container(border=True):
        if shared.visibility is not Visibility.INVITED:
            st.caption(f"These invitations are kept, and count again under “{name(Visibility.INVITED, '')}”.")
        for invitation in shared.invited:
            _person(person, subject, shared, invitation)
        if shared.visibility is Visibility.INVITED:
            _invite(workbench, person, subject, shared)


def _person(person: Person, subject: Subject, shared: Shared, invitation: Invitation) -> None:
    def remove() -> None:
        change(person, subject, None, [one.email for one in shared.invited if one.id != invitation.id])

    pending = invitation.status == "pending"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(invitation.email, width="stretch")  # as Markdown an address becomes a link
        st.badge("Pending" if pending else "Accepted", color="orange" if pending else "green")
        st.button(
            "Remove",
            icon=":material/close:",
            type="tertiary",
            key=f"share.remove.{invitation.id}",
            help="The invitation ends at once, also for a page that is open now.",
            on_click=remove,
        )
    if link := shared.links.get(invitation.id):
        st.code(link, language=None)


def _invite(workbench: Workbench, person: Person, subject: Subject, shared: Shared) -> None:
    def invite() -> None:
        given = addresses(st.session_state[_FIELD])
        if given and change(person, subject, None, [*(one.email for one in shared.invited), *given]):
            st.session_state[_FIELD] = ""

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "E-mail addresses",
            key=_FIELD,
            placeholder="ada@example.org, ben@example.org",
        )
        st.button("Invite", icon=":material/send:", key="share.invite", on_click=invite)
    st.caption(
        "They get the link by mail, and it stands here to copy until they have opened it."
        if workbench.accounts.outbox.sends_mail
        else "This site sends no mail: copy each link and send it yourself. It works until it is opened once."
    )


def addresses(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text) if part]
