"""The entries of a menu: what is not possible now is disabled, with the reason on hover."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

#: Icon and words by action, in the menu's order.
Group = Mapping[str, tuple[str, str]]


def draw(
    groups: Sequence[Group],
    may: Mapping[str, str | None],
    *,
    links: Mapping[str, str],
    choose: Callable[[str], None],
    leave_out: tuple[str, ...] = (),
) -> None:
    """Every entry that `may` knows. `links` are what the browser does by itself; `choose` is called for the others."""
    with st.container(key="job-menu", gap=None):
        for number, group in enumerate(groups):
            if number:
                st.html('<hr class="menu">')
            for action, look in group.items():
                if action in may and action not in leave_out:
                    _entry(action, look, may[action], links.get(action), choose)


def _entry(
    action: str, look: tuple[str, str], reason: str | None, link: str | None, choose: Callable[[str], None]
) -> None:
    icon, words = look
    if link is not None:
        st.link_button(
            words,
            link,
            icon=icon,
            type="tertiary",
            width="stretch",
            disabled=reason is not None,
            help=reason,
            key=f"menu.{action}",
        )
        return
    st.button(
        words,
        icon=icon,
        type="tertiary",
        width="stretch",
        disabled=reason is not None,
        help=reason,
        key=f"menu.{action}",
        on_click=choose,
        args=(action,),
    )
