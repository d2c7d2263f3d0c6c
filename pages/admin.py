"""The site, for its admin: people, teams and their credits, what was done, and what the disk holds."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from compute import workbench
from compute.people.teams import AdminView
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, Team
from pages import admin_dialogs
from pages.parts import asking, flash, human, session
from pages.parts.drawing import facts, header, refusal

VIEWS = {"people": "People", "teams": "Teams", "audit": "Audit log", "server": "Disk and server"}
#: Rows with buttons; the search finds the others.
SHOWN = 50
AUDITED = 500


def main(workbench: Workbench, person: Person) -> None:
    header(
        "Site",
        "For the site's admin: people, teams and their credits, what was done, and what the disk holds.",
    )
    flash.show()
    asking.draw(admin_dialogs.DIALOGS, workbench, person)
    view = chosen_view()
    try:
        {"people": people, "teams": teams, "audit": audit, "server": server}[view](workbench, person)
    except WellplateError as error:
        refusal(error)


def chosen_view() -> str:
    """Kept in the URL."""
    named = st.query_params.get("view", "people")
    st.session_state["admin.view"] = named if named in VIEWS else "people"
    st.segmented_control(
        "Show",
        list(VIEWS),
        required=True,
        format_func=VIEWS.__getitem__,
        key="admin.view",
        label_visibility="collapsed",
        on_change=session.on_change(remember_view),
    )
    return str(st.session_state["admin.view"])


def remember_view() -> None:
    st.query_params.from_dict({"view": st.session_state["admin.view"]})


def search(label: str) -> str:
    return (
        st.text_input(
            label,
            key=f"admin.search.{label}",
            type="search",
            live="200ms",
            placeholder=label,
            label_visibility="collapsed",
            width=360,
        )
        .casefold()
        .strip()
    )


def of_all(found: int, every: int, noun: str) -> str:
    """What a search found: "3 of 12 teams", "1 team"."""
    return f"{found:,} of {human.count(every, noun)}" if found != every else human.count(every, noun)


# People -------------------------------------------------------------------------------------------------------

#: Action -> its words in a person's menu.
PERSON = {
    "link": "Make a sign-in link …",
    "verify": "Confirm the address",
    "deactivate": "Switch off …",
    "activate": "Switch on",
}


def people(workbench: Workbench, person: Person) -> None:
    every = workbench.teams.people(person)
    wanted = search("Name, address or team")
    found = [each for each in every if wanted in words_of(each)]
    off = sum(not each.active for each in every)
    st.caption(of_all(len(found), len(every), "person") + (f", {off:,} switched off" if off else ""))
    for each in found[:SHOWN]:
        person_row(workbench, person, each)
    if len(found) > SHOWN:
        st.caption(f"The first {SHOWN}; search for the others.")


def words_of(each: AdminView) -> str:
    return " ".join([each.name, each.email, *(name for _, name, _ in each.teams)]).casefold()


def person_row(workbench: Workbench, person: Person, each: AdminView) -> None:
    me = each.id == person.id
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{human.markdown_text(each.name)}**{' · you' if me else ''}")
            teams = ", ".join(f"{name} ({role})" for _, name, role in each.teams) or "no team"
            st.caption(f"{human.markdown_text(each.email)} · {human.markdown_text(teams)}")
        if each.site_admin:
            st.badge("site admin", color="blue")
        if not each.verified:
            st.badge("address not confirmed", color="gray", help="Nobody proved that it is theirs.")
        if not each.active:
            st.badge("switched off", color="orange", help="Cannot sign in; tokens and links do not work.")
        key = f"admin.person.{each.id}"
        st.menu_button(
            "Actions",
            actions(each, me=me),
            type="tertiary",
            format_func=PERSON.__getitem__,
            key=key,
            help=f"What can be done for {human.markdown_text(each.name)}",
            on_click=chosen_for_person,
            args=(workbench, person, each, key),
        )


def actions(each: AdminView, *, me: bool) -> list[str]:
    if not each.active:
        return ["activate"]
    return ["link", *([] if each.verified else ["verify"]), *([] if me else ["deactivate"])]


def chosen_for_person(workbench: Workbench, person: Person, each: AdminView, key: str) -> None:
    """In a callback."""
    action, who = st.session_state[key], session.acting(person)
    if who is None:
        return
    if action == "verify":
        flash.attempt(lambda: workbench.teams.verify(who, each.id), f"{each.email} is {each.name}'s now.")
    elif action == "activate":
        flash.attempt(lambda: workbench.teams.activate(who, each.id), f"{each.name} can sign in again.")
    else:
        asking.ask(action, each)


# Teams --------------------------------------------------------------------------------------------------------

#: What the site's setting of credits comes to.
CREDITS = {
    "enforce": "a job that its team cannot pay is refused",
    "show": "credits are counted only: no job is refused",
    "off": "credits are off",
}
TEAM = {"grant": "Grant credits …", "allow": "Monthly allowance …"}


def teams(workbench: Workbench, person: Person) -> None:
    every = workbench.credits.teams(person)
    wanted = search("Name of a team")
    found = [each for each in every if wanted in each.name.casefold()]
    st.caption(f"{of_all(len(found), len(every), 'team')} · {CREDITS[workbench.credits.mode]}")
    for each in found[:SHOWN]:
        team_row(workbench, person, each)
    if len(found) > SHOWN:
        st.caption(f"The first {SHOWN}; search for the others.")


def team_row(workbench: Workbench, person: Person, each: Team) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{human.markdown_text(each.name)}**")
            allowance = f"{each.monthly_credits:,} a month" if each.monthly_credits else "no allowance"
            st.caption(f"{allowance} · made {human.local(each.created_at):%Y-%m-%d}")
        st.badge(f"{each.balance - each.held:,} available", color="gray", help=f"Held: {each.held:,}")
        key = f"admin.team.{each.id}"
        st.menu_button(
            "Actions",
            list(TEAM),
            type="tertiary",
            format_func=TEAM.__getitem__,
            key=key,
            help=f"What can be done for {human.markdown_text(each.name)}",
            on_click=chosen_for_team,
            args=(each, key),
        )


def chosen_for_team(each: Team, key: str) -> None:
    """In a callback."""
    asking.ask(st.session_state[key], each)


# Audit log ----------------------------------------------------------------------------------------------------


def audit(workbench: Workbench, person: Person) -> None:
    rows = workbench.teams.audit(person, limit=AUDITED)
    wanted = search("Person, action or subject")
    found = [row for row in rows if wanted in f"{row.person_name} {row.action} {row.subject}".casefold()]
    if not found:
        st.caption("Nothing of this kind among the newest entries." if rows else "Nothing was written yet.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "When": [human.exact(row.happened_at) for row in found],
                "Who": [row.person_name for row in found],
                "What": [row.action for row in found],
                "Subject": [row.subject for row in found],
            }
        ),
        hide_index=True,
        column_config={
            "When": st.column_config.TextColumn(width="small"),
            "Subject": st.column_config.TextColumn(width="large"),
        },
        height="content" if len(found) < 20 else 640,
        alt="The audit log, newest first",
    )
    if len(rows) == AUDITED:
        st.caption(f"The newest {AUDITED} entries.")


# Disk and server ----------------------------------------------------------------------------------------------


def server(workbench: Workbench, person: Person) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        disk(workbench, person)
    with right:
        st.subheader("Server", anchor=False)
        facts(
            [
                ("Version", workbench.health().version),
                ("Home", f"<code>{workbench.settings.home}</code>"),
                ("Files", f"<code>{workbench.settings.files}</code>"),
                ("Cluster", f"<code>{workbench.settings.cluster_address}</code>"),
            ]
        )
        dashboard(workbench)


def disk(workbench: Workbench, person: Person) -> None:
    st.subheader("Disk", anchor=False)
    with st.spinner("Counting files …"):
        use = workbench.status.disk(person)
    floor = workbench.settings.limits.free_disk_mb * 10**6
    facts(
        [
            ("Jobs", human.size(use.jobs)),
            ("Uploads", human.size(use.uploads)),
            ("Database", human.size(use.database)),
            ("Backups", human.size(use.backups)),
            ("Free", human.size(use.free)),
        ]
    )
    if use.free < 2 * floor:
        st.warning(
            f"Below {human.size(floor)} of free space, submits and uploads are refused. Delete old jobs.",
            icon=":material/warning:",
        )
    st.caption(f"Counted {human.ago(use.counted_at)}. Files that a job shares with the uploads count once.")


def dashboard(workbench: Workbench) -> None:
    address = workbench.status.dashboard
    if address is None:
        st.caption(
            "Dask's own dashboard is off. `dashboard_port` under `[cluster]` in the settings opens it, "
            "on the server's own machine only."
        )
        return
    port = workbench.settings.cluster.dashboard_port
    st.markdown(f"Dask's own dashboard: [{address}]({address})")
    st.caption(
        f"It answers on the server's machine only. From yours: `ssh -L {port}:127.0.0.1:{port} SERVER`."
    )


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
