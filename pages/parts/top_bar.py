"""What stands in the head of every page at the right: the team in use, and the bell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Notice, Person
from pages.components.live import listen
from pages.parts import human, session
from pages.parts.drawing import refusal

#: Notices that the bell lists.
LISTED = 30
#: More unread ones than this are not told one by one.
MANY = 99
ICONS = {
    "job_ended": ":material/task_alt:",
    "shared": ":material/share:",
    "joined": ":material/group_add:",
    "role_changed": ":material/badge:",
    "delivery_failed": ":material/unsubscribe:",
    "invitation_accepted": ":material/person_check:",
    "removed": ":material/group_remove:",
    "handed_over": ":material/move_to_inbox:",
}
OTHER = ":material/notifications:"
#: A refusal, told once.
_REFUSED = "top_bar.refused"


def draw(workbench: Workbench, person: Person) -> None:
    with st.container(
        key="top-bar", horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        teams(workbench, person)
        bell(workbench, person)
    if sentence := st.session_state.pop(_REFUSED, None):
        st.error(human.markdown_text(sentence), icon=":material/error:")


def teams(workbench: Workbench, person: Person) -> None:
    """The team in use, and a change to another; nothing for who has one only."""
    memberships = sorted(workbench.accounts.teams(person), key=lambda each: each.team_name.casefold())
    if len(memberships) < 2:
        return
    names = {each.team: each.team_name for each in memberships}
    st.menu_button(
        human.markdown_text(person.team_name),
        [each.team for each in memberships if each.team != person.team],
        format_func=lambda team: human.markdown_text(names[team]),
        key="top-bar-team",
        icon=":material/groups:",
        type="tertiary",
        help="The team in which you act: its jobs, credits and files. Choose another.",
        on_click=switch,
        args=(workbench, person),
    )


def switch(workbench: Workbench, person: Person) -> None:
    """In a callback."""
    chosen, who = st.session_state.get("top-bar-team"), session.acting(person)
    if who is None or not chosen:
        return
    if not attempt(lambda: workbench.teams.switch(who, chosen)):
        return
    # A list's filters, such as a submitter, mean nothing in another team; the address of one job or batch does.
    params = st.query_params
    st.query_params.from_dict({name: params[name] for name in ("jobId", "batchId") if name in params})


@st.fragment
def bell(workbench: Workbench, person: Person) -> None:
    person = session.still(person) or person
    try:
        unread = workbench.notices.unread(person)
    except WellplateError:
        return  # the page itself says what is the matter
    listen(key="top-bar.live", unread=unread)
    count = f"{MANY}+" if unread > MANY else str(unread)
    with st.popover(
        count if unread else "",
        icon=":material/notifications_active:" if unread else ":material/notifications:",
        type="tertiary",
        help=f"{human.count(unread, 'unread notice')}" if unread else "Notices: nothing new",
        key="top-bar-bell",
        on_change="rerun",
    ) as opened:
        if opened.open:
            notices(workbench, person, unread)


def notices(workbench: Workbench, person: Person, unread: int) -> None:
    """Drawn once the bell was opened."""
    with st.container(horizontal=True, vertical_alignment="center", width=360):
        st.markdown("**Notices**")
        if unread:
            st.button(
                "Mark all as read",
                type="tertiary",
                key="top-bar.all-read",
                on_click=read_all,
                args=(workbench, person),
            )
    try:
        listed = workbench.notices.list(person, limit=LISTED)
    except WellplateError as error:
        return refusal(error)
    if not listed:
        st.caption("Nothing yet. Here you hear of your jobs that ended, and of what others share with you.")
    for each in listed:
        notice(each)
    st.page_link("account.py", label="What you hear of, and where", icon=":material/tune:")


def notice(each: Notice) -> None:
    new = each.read_at is None
    text, icon = human.markdown_text(each.text), ICONS.get(each.kind, OTHER)
    label = f"**{text}**" if new else text
    with st.container(gap=None, width=360, key=f"notice-{each.id}"):
        if each.job:
            st.page_link("jobs.py", label=label, icon=icon, query_params={"jobId": each.job})
        elif each.batch:
            st.page_link("batch.py", label=label, icon=icon, query_params={"batchId": each.batch})
        else:
            st.markdown(f"{icon} {label}")
        st.caption(f"{human.ago(each.created_at)}{' · new' if new else ''}")


def seen(workbench: Workbench, person: Person, subject: str | None) -> None:
    """Who has the page of a job or a batch before them has read the notices about it.

    Called when the page is drawn: the bell hears of it, and a fragment that is drawn anew while the browser is on its
    way to another page leaves that one empty.
    """
    if subject is None:
        return
    with suppress(WellplateError):  # they stay unread
        about = [
            each for each in workbench.notices.list(person, limit=LISTED) if subject in (each.job, each.batch)
        ]
        if new := [each.id for each in about if each.read_at is None]:
            workbench.notices.read(person, new)


def read_all(workbench: Workbench, person: Person) -> None:
    """In a callback."""
    if who := session.acting(person):
        attempt(lambda: workbench.notices.read(who, None))


def attempt(action: Callable[[], object]) -> bool:
    """Whether it went through; why not is told when the page is drawn next."""
    try:
        action()
    except WellplateError as error:
        st.session_state[_REFUSED] = error.message
        return False
    return True
