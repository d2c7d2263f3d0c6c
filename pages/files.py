"""Files: uploads and what jobs made for the library, the results of jobs, and the space that all of it takes."""

from __future__ import annotations

import streamlit as st

from compute import access, workbench
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person
from pages import files_bring, files_filters, files_import, files_preview, files_space, files_table
from pages.components.live import listen
from pages.files_filters import FILES, RESULTS, SPACE, VIEWS
from pages.parts import asking, flash, paging, session
from pages.parts.drawing import header, refusal

#: Widths of the table and of the file that was chosen in it.
COLUMNS = [3, 2]


def main(workbench: Workbench, person: Person) -> None:
    header("Files", "Everything that was uploaded or made: find it, look into it, download it, use it again.")
    flash.show()
    asking.draw(files_import.DIALOGS, workbench, person)
    view = files_filters.view()
    choice(view)
    if view == SPACE:
        return files_space.draw(workbench, person)
    if view == FILES and access.may_upload(person):
        files_bring.draw(workbench, person)
    listing(workbench, person, view)


def choice(view: str) -> None:
    st.session_state["files.view"] = view
    st.segmented_control(
        "What",
        list(VIEWS),
        required=True,
        key="files.view",
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        on_change=session.on_change(_view),
    )


def _view() -> None:
    view = st.session_state["files.view"]
    st.query_params.from_dict({} if view == FILES else {"view": view})


@st.fragment
def listing(workbench: Workbench, person: Person, view: str) -> None:
    person = session.still(person) or person
    listen(key=f"files.{view}.live", whole_list=view == RESULTS, files=view == FILES)
    files_table.go_on()
    try:
        known = files_filters.known(workbench, person)
        files_filters.bar(view, known)
        drawn = files_table.page(workbench, person, view, files_filters.from_url(person))
        if not drawn.rows:
            return files_table.nothing(view)
        chosen = files_preview.chosen(workbench, person, view)
        if chosen is None:
            files_table.draw(person, drawn, known, narrow=False)
            return paging.draw(drawn.following, f"files.{view}")
        left, right = st.columns(COLUMNS, gap="medium")
        with left:
            files_table.draw(person, drawn, known, narrow=True)
            paging.draw(drawn.following, f"files.{view}")
        with right:
            files_preview.draw(workbench, person, chosen)
    except WellplateError as error:
        refusal(error)


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
