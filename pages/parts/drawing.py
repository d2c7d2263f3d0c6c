"""Small pieces that several pages draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

import streamlit as st

from data.errors import WellplateError
from data.records import Job
from pages.parts import human, statuses

STATIC = Path(__file__).parents[1] / "static"


def header(title: str, what: str = "") -> None:
    """The page's title, and a sentence that says what it is for."""
    st.title(human.markdown_text(title), anchor=False)
    if what:
        st.caption(human.markdown_text(what))


def badge(job: Job) -> None:
    look = statuses.look(job)
    st.badge(look.label, color=look.colour, help=look.help)


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Labels and values in two aligned columns. The values are HTML: escape what a person wrote."""
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{value}</dd>" for label, value in pairs)
    st.html(f'<dl class="facts">{rows}</dl>')


def refusal(error: WellplateError) -> None:
    st.error(human.markdown_text(error.message), icon=":material/error:")


def empty(sentence: str, *, link: str | None = None, label: str = "", icon: str = ":material/info:") -> None:
    """Nothing here yet: says so, and what to do first."""
    with st.container(border=True):
        st.markdown(sentence)
        if link:
            st.page_link(link, label=label, icon=icon)


def preset(key: str, value: int | None) -> None:
    """What a number field with this key has at first. One that gets it as its `value` can never be emptied."""
    st.session_state.setdefault(key, value)


def attempt(action: Callable[[], object]) -> bool:
    """Whether the action went through; a refusal is shown as its sentence."""
    try:
        action()
    except WellplateError as error:
        refusal(error)
        return False
    return True
