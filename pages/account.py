"""The person's account: profile, notices, teams, sessions, API tokens."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.errors import WellplateError
from data.people import Membership
from data.records import Person, Preferences, When
from pages import account_keys, team_dialogs
from pages.parts import asking, flash, human, session
from pages.parts.drawing import header, refusal

WHEN = {When.ALWAYS: "every job", When.FAILURES: "failed jobs", When.NEVER: "never"}


def main(workbench: Workbench, person: Person) -> None:
    header("Account", f"{person.name} · {person.email} · {person.role} of {person.team_name}")
    flash.show()
    asking.draw(team_dialogs.DIALOGS, workbench, person)
    with st.container(horizontal=True):
        go(
            "Change password" if workbench.accounts.has_password(person) else "Set a password",
            "/auth/password",
        )
        if issuer(workbench):
            go(f"Link {human.markdown_text(workbench.settings.oidc.name)}", "/auth/oidc/link")
        go("Sign out", "/auth/logout")
    left, right = st.columns(2, gap="large")
    with left:
        profile(workbench, person)
        preferences(workbench, person)
        teams(workbench, person)
    with right:
        account_keys.sessions(workbench.accounts, person)
        account_keys.tokens(workbench.accounts, person)


def issuer(workbench: Workbench) -> str:
    """Where people of this site may sign in from elsewhere; empty for nowhere."""
    return workbench.settings.oidc.issuer


def go(label: str, path: str) -> None:
    """A link that leaves the pages in this tab: passwords and cookies are the business of plain HTML forms."""
    st.html(f'<a class="plain-link" target="_self" href="{path}">{label}</a>', width="content")


# Profile ------------------------------------------------------------------------------------------------------


def profile(workbench: Workbench, person: Person) -> None:
    st.subheader("Profile", anchor=False)
    with st.form("account.profile"):
        name = st.text_input("Name", person.name, max_chars=100, key="account.name")
        email = st.text_input("E-mail address", person.email, max_chars=254, key="account.email")
        address_state(workbench, person)
        if not st.form_submit_button("Save profile"):
            return
    try:
        workbench.accounts.change_profile(person, name=name, email=email)
    except WellplateError as error:
        return refusal(error)
    flash.after_rerun("Your profile is saved.")


def address_state(workbench: Workbench, person: Person) -> None:
    if person.verified:
        st.caption(
            ":green[:material/verified:] This address is confirmed. A new one has to be confirmed again."
        )
    elif workbench.notices.sends_mail:
        st.caption("This address is not confirmed yet: follow the link in the mail that was sent to it.")
    else:
        st.caption("This address is not confirmed. This site sends no mail; its admin can confirm it.")


# Notices ------------------------------------------------------------------------------------------------------


def preferences(workbench: Workbench, person: Person) -> None:
    st.subheader("When your jobs end", anchor=False)
    try:
        now = workbench.notices.preferences(person)
    except WellplateError as error:
        return refusal(error)
    mail, hosts = workbench.notices.sends_mail, workbench.notices.webhook_hosts
    with st.form("account.preferences"):
        st.caption("Of a batch you hear once, when all of it has ended. Quick jobs are not told.")
        first, second, third = st.columns(3)
        with first:
            bell = when("Bell", now.bell, "The bell at the top of every page.")
        with second:
            mailed = when("E-mail", now.mail, mail_help(person, sends=mail), disabled=not mail)
        with third:
            told = when("Webhook", now.webhook, webhook_help(hosts), disabled=not hosts)
        url = now.webhook_url
        if hosts:
            url = st.text_input(
                "Address of the webhook",
                now.webhook_url,
                placeholder=f"https://{hosts[0]}/…",
                key="account.webhook",
                help=f"Hosts that are allowed here: {human.markdown_text(', '.join(hosts))}",
            )
        chosen = Preferences(bell=bell, mail=mailed, webhook=told, webhook_url=url)
        if not st.form_submit_button("Save notices"):
            return
    try:
        workbench.notices.prefer(person, chosen)
    except WellplateError as error:
        return refusal(error)
    flash.after_rerun("Saved: this is how you hear of your jobs from now on.")


def when(label: str, now: When, help: str, *, disabled: bool = False) -> When:
    return st.selectbox(
        label,
        list(WHEN),
        index=list(WHEN).index(now),
        format_func=WHEN.__getitem__,
        help=help,
        disabled=disabled,
        key=f"account.when.{label}",
    )


def webhook_help(hosts: Sequence[str]) -> str:
    if not hosts:
        return "Messages that are posted to an address. This site's settings allow no host for them."
    return "A message that is posted to an address, of a chat room say."


def mail_help(person: Person, *, sends: bool) -> str:
    return f"A mail to {human.markdown_text(person.email)}." if sends else "This site sends no mail."


# Teams --------------------------------------------------------------------------------------------------------


def teams(workbench: Workbench, person: Person) -> None:
    st.subheader("Your teams", anchor=False)
    mine = sorted(workbench.teams.mine(person), key=lambda each: each.team_name.casefold())
    for each in mine:
        team_row(workbench, person, each)
    if person.site_admin or workbench.settings.sign_in.registration == "open":
        new_team(workbench, person)


def team_row(workbench: Workbench, person: Person, each: Membership) -> None:
    acting = each.team == person.team
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{human.markdown_text(each.team_name)}**")
            st.caption(f"{each.role}{' · you act here' if acting else ''}")
        if not acting:
            st.button(
                "Act here",
                key=f"account.act.{each.team}",
                on_click=act_in,
                args=(workbench, person, each.team),
            )
        st.button(
            "Leave …",
            key=f"account.leave.{each.team}",
            type="tertiary",
            on_click=asking.ask,
            args=("leave", each),
        )


def act_in(workbench: Workbench, person: Person, team: str) -> None:
    """In a callback."""
    if who := session.acting(person):
        flash.attempt(lambda: workbench.teams.switch(who, team))


def new_team(workbench: Workbench, person: Person) -> None:
    with (
        st.form("account.new-team", clear_on_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        name = st.text_input("New team", max_chars=100, placeholder="Structural biology", key="account.team")
        if not st.form_submit_button("Make it"):
            return
    try:
        made = workbench.teams.create(person, name)
    except WellplateError as error:
        return refusal(error)
    flash.after_rerun(f"The team {made.name} is there, and you own it. Choose “Act here” to work in it.")


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
