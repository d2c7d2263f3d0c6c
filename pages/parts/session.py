"""Who is signed in: the one place of the pages that knows.

`st.context.cookies` is frozen at the handshake, so the session behind the cookie is looked up on every run and in every
fragment. When it was revoked, or belongs to somebody else by now, everything that this browser tab remembers goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import streamlit as st

from compute import workbench
from data.records import Person

COOKIE = "wellplate_session"
_SEEN = "session.seen"


def person() -> Person | None:
    """The signed-in person of this run, or None. Forgets the tab's state when it was another's."""
    who = workbench.current().accounts.person(st.context.cookies.get(COOKIE))
    now = (who.id, who.team) if who else None
    if st.session_state.get(_SEEN, now) != now:
        st.session_state.clear()
    if now:
        st.session_state[_SEEN] = now
    return who


def still(before: Person | None) -> Person | None:
    """`person()` for a fragment: reruns the whole page when it is no longer the person it was drawn for."""
    who = person()
    if (who and (who.id, who.team)) != (before and (before.id, before.team)):
        st.rerun(scope="app")
    return who


def acting(before: Person) -> Person | None:
    """`person()` for a callback: None, so that nothing happens, when it is not the person it was drawn for."""
    who = person()
    return who if who and (who.id, who.team) == (before.id, before.team) else None


def on_change(callback: Callable[..., object]) -> Callable[..., None]:
    """`callback` of a widget that keeps a value: nothing, once this tab has forgotten the person it was drawn for.

    A browser sends the values of all widgets that it still shows, and Streamlit calls those that differ from what it
    remembers: after forgetting, all of them, with keys that are no longer there.
    """
    drawn_for = st.session_state.get(_SEEN)

    def run(*args: Any) -> None:
        if st.session_state.get(_SEEN) == drawn_for:
            callback(*args)

    return run


def sign_in_link() -> str:
    """The sign-in form that comes back to the page and query of this run."""
    path = urlsplit(st.context.url or "/app/").path or "/app/"
    query = urlencode(list(st.query_params.items()))
    return "/auth/login?next=" + quote(f"{path}?{query}" if query else path, safe="")
