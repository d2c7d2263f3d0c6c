"""A sentence that the next run shows: what a button did, or why it was refused."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from data.errors import WellplateError
from pages.parts import human

_GOOD, _BAD = "flash.good", "flash.bad"


def after_rerun(sentence: str) -> None:
    """Draw the page anew, with this sentence at its top. Last in what a page does."""
    st.session_state[_GOOD] = sentence
    st.rerun()


def attempt(action: Callable[[], object], done: str | None = None) -> bool:
    """In a callback: whether it went through; the run that follows says `done`, or why it was refused."""
    try:
        action()
    except WellplateError as error:
        st.session_state[_BAD] = error.message
        return False
    if done:
        st.session_state[_GOOD] = done
    return True


def show() -> None:
    """Under the page's title."""
    if sentence := st.session_state.pop(_BAD, None):
        st.error(human.markdown_text(sentence), icon=":material/error:")
    if sentence := st.session_state.pop(_GOOD, None):
        st.success(human.markdown_text(sentence), icon=":material/check_circle:")
