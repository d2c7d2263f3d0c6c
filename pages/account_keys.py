"""What lets somebody in: sessions on browsers, and API tokens for scripts."""

from __future__ import annotations

import streamlit as st

from compute.access import Scope, may_administer
from compute.people.accounts import Accounts
from data.errors import WellplateError
from data.records import Person
from pages.parts import human, session
from pages.parts.drawing import refusal

#: A new token's secret, shown once.
_SECRET = "account.secret"
SCOPES = {
    Scope.JOBS_READ: "see jobs and results",
    Scope.JOBS_WRITE: "run, cancel and delete jobs",
    Scope.FILES_READ: "list uploaded files",
    Scope.FILES_WRITE: "upload files",
    Scope.ADMIN: "administer this site",
}


def sessions(accounts: Accounts, person: Person) -> None:
    st.subheader("Where you are signed in", anchor=False)
    for each in sorted(accounts.sessions(person), key=lambda each: each.created_at, reverse=True):
        here = each.hash == person.credential
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.markdown(f"**{browser(each.agent)}**{' · this one' if here else ''}")
                st.caption(f"Since {human.exact(each.created_at)}, until {human.exact(each.expires_at)}")
            if not here:
                st.button(
                    "Sign out there",
                    key=f"account.session.{each.hash[:12]}",
                    on_click=sign_out,
                    args=(accounts, person, each.hash),
                )


def sign_out(accounts: Accounts, person: Person, hash: str) -> None:
    """In a callback."""
    if session.acting(person):
        accounts.revoke([hash])


def revoke(accounts: Accounts, person: Person, token_id: str) -> None:
    """In a callback."""
    if who := session.acting(person):
        accounts.revoke_token(who, token_id)


def browser(agent: str) -> str:
    """A browser's name and system from what it calls itself."""
    names = [("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]
    systems = ["Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux"]
    name = next((name for sign, name in names if sign in agent), None)
    system = next((system for system in systems if system in agent), None)
    if name is None:
        return human.markdown_text(agent[:60]) or "Unknown program"
    return f"{name} on {system}" if system else name


def tokens(accounts: Accounts, person: Person) -> None:
    st.subheader("API tokens", anchor=False)
    st.caption(
        "For scripts: `Authorization: Bearer TOKEN`. The calls are described at [/api/docs](/api/docs)."
    )
    if secret := st.session_state.pop(_SECRET, None):
        st.success("The new token, shown this once. Keep it where your script can read it.")
        st.code(secret, language=None)
    for token in accounts.tokens(person):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container(gap=None):
                st.markdown(f"**{human.markdown_text(token.name)}**")
                st.caption(f"{', '.join(sorted(token.scopes))} · made {human.ago(token.created_at)}")
            st.button(
                "Revoke",
                key=f"account.token.{token.id}",
                on_click=revoke,
                args=(accounts, person, token.id),
            )
    new_token(accounts, person)


def new_token(accounts: Accounts, person: Person) -> None:
    allowed = [scope for scope in SCOPES if scope != Scope.ADMIN or may_administer(person)]
    with st.form("account.token", clear_on_submit=False):
        name = st.text_input(
            "Name", placeholder="nightly docking script", max_chars=100, key="account.token.name"
        )
        scopes = st.pills(
            "It may",
            allowed,
            selection_mode="multi",
            default=[Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.FILES_READ, Scope.FILES_WRITE],
            format_func=lambda scope: SCOPES[scope],
        )
        if not st.form_submit_button("Make a token"):
            return
    try:
        _, secret = accounts.create_token(person, name, scopes)
    except WellplateError as error:
        return refusal(error)
    st.session_state[_SECRET] = secret
    st.rerun()
