"""Newer and older, by cursor. The way back is the trail of this tab; without one it leads to the newest."""

from __future__ import annotations

import streamlit as st


def draw(following: str | None, key: str) -> None:
    """The two buttons, where there is more than one page; the cursor stands in the URL."""
    cursor = st.query_params.get("cursor")
    if cursor is None and following is None:
        return
    with st.container(horizontal=True):
        st.button(
            "Newer",
            icon=":material/chevron_left:",
            disabled=cursor is None,
            on_click=_newer,
            args=(key,),
            key=f"{key}.newer",
        )
        st.button(
            "Older",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=following is None,
            on_click=_older,
            args=(key, cursor, following),
            key=f"{key}.older",
        )


def _older(key: str, cursor: str | None, following: str) -> None:
    trail = f"{key}.trail"
    st.session_state[trail] = [*st.session_state.get(trail, []), cursor]
    st.query_params["cursor"] = following


def _newer(key: str) -> None:
    trail = st.session_state.get(f"{key}.trail", [])
    before = trail.pop() if trail else None
    if before is None:
        st.query_params.pop("cursor", None)
    else:
        st.query_params["cursor"] = before
