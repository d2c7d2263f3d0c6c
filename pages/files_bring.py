"""How files come in: from this computer."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.records import Person
from pages.components.upload import upload, uploaded
from pages.parts import human, session

_KEY, _CAME = "files.upload", "files.came"


def draw(workbench: Workbench, person: Person) -> None:
    upload("Files", key=_KEY, accept=[], several=True, on_done=session.on_change(_arrived))
    if came := st.session_state.pop(_CAME, None):
        st.success(came, icon=":material/check_circle:")


def _arrived() -> None:
    names = [f"“{human.markdown_text(file['name'])}”" for file in uploaded(_KEY)]
    if names:
        listed = ", ".join(names[:6]) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")
        st.session_state[_CAME] = f"Here now: {listed}. Only you see them until you share them."
