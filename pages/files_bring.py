"""How files come in: from this computer, or from a folder of the server that the site's admin has opened."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person
from pages import files_import
from pages.components.upload import upload, uploaded
from pages.parts import human, session
from pages.parts.drawing import refusal

_KEY, _CAME = "files.upload", "files.came"
LISTED = 6


def draw(workbench: Workbench, person: Person) -> None:
    upload("Files", key=_KEY, accept=[], several=True, folder=True, on_done=session.on_change(_arrived))
    if came := st.session_state.pop(_CAME, None):
        st.success(came, icon=":material/check_circle:")
    try:
        opened = workbench.imports.folders(person)
    except WellplateError as error:
        return refusal(error)
    if opened:
        files_import.button(opened)


def _arrived() -> None:
    came = uploaded(_KEY)
    if came:
        st.session_state[_CAME] = f"Here now: {names([file['name'] for file in came])}."


def names(given: list[str]) -> str:
    listed = ", ".join(f"“{human.markdown_text(name)}”" for name in given[:LISTED])
    return f"{listed} and {len(given) - LISTED:,} more" if len(given) > LISTED else listed
