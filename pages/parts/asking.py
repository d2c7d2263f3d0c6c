"""Which dialog of a page is open. It is remembered, so that it stays open when the page is drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person
from pages.parts import flash, session
from pages.parts.drawing import refusal

_ASKED = "asking.asked"
#: Title, and what draws the inside: workbench, person, and what it is about.
Dialogs = Mapping[str, tuple[str, Callable[[Workbench, Person, Any], None]]]


@dataclass(frozen=True)
class Asked:
    dialog: str
    about: Any


def ask(dialog: str, about: Any) -> None:
    """In a callback: open it in the run that follows."""
    st.session_state[_ASKED] = Asked(dialog, about)


def close() -> None:
    st.session_state.pop(_ASKED, None)


def draw(dialogs: Dialogs, workbench: Workbench, person: Person) -> None:
    """The open dialog, if it is one of these; once in a page."""
    asked: Asked | None = st.session_state.get(_ASKED)
    if asked is not None and asked.dialog in dialogs:
        title, inside = dialogs[asked.dialog]
        st.dialog(title, on_dismiss=close)(_inside)(inside, workbench, person, asked.about)


def _inside(
    inside: Callable[[Workbench, Person, Any], None], workbench: Workbench, person: Person, about: Any
) -> None:
    """For as long as the person who opened it is signed in."""
    if (who := session.still(person)) is not None:
        inside(workbench, who, about)


def do(action: Callable[[], object], done: str) -> None:
    """Last in a dialog: a refusal is shown in it; otherwise it closes and the page says what was done."""
    try:
        action()
    except WellplateError as error:
        return refusal(error)
    close()
    flash.after_rerun(done)
