"""The file that was chosen in a list: what is in it, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import streamlit as st

from compute import access
from compute.access import Action
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, StoredFile
from pages import library_item
from pages.files_filters import FILES
from pages.parts import file_inputs, human, items, panels
from pages.parts.drawing import refusal


@dataclass(frozen=True)
class Chosen:
    """A file of the library, or, with a path, a result of a job."""

    token: str
    name: str
    format: str
    #: Bytes.
    size: int
    download: str
    #: The file itself; None for a result.
    file: StoredFile | None
    job: str = ""
    path: str = ""


def chosen(workbench: Workbench, person: Person, view: str) -> Chosen | None:
    """The file that the URL names; None, and the URL forgets it, when it is not here any more."""
    token = st.query_params.get("show")
    if token is None:
        return None
    try:
        return _file(workbench, person, token) if view == FILES else _result(workbench, person, token)
    except WellplateError as error:
        st.query_params.pop("show", None)
        refusal(error)
        return None


def _file(workbench: Workbench, person: Person, token: str) -> Chosen:
    file = workbench.library.file(person, token)
    return Chosen(
        token=file.id,
        name=file.name,
        format=file.format,
        size=file.size,
        download=f"/api/v1/files/{file.id}/content",
        file=file,
    )


def _result(workbench: Workbench, person: Person, token: str) -> Chosen | None:
    job, _, path = token.partition("/")
    found = next((each for each in workbench.files(person, job) if each["path"] == path), None)
    if found is None:
        return None
    return Chosen(
        token=token,
        name=found["title"] or path,
        format=found["format"],
        size=found["bytes"],
        download=f"/api/v1/jobs/{job}/files/{quote(path)}",
        file=None,
        job=job,
        path=path,
    )


def draw(workbench: Workbench, person: Person, chosen: Chosen) -> None:
    with st.container(border=True, key="files-preview"):
        head(person, chosen)
        if chosen.file is not None and not access.may(person, Action.SEE, chosen.file):
            st.info(
                f"This file is private to {human.markdown_text(chosen.file.owner_name)}.",
                icon=":material/lock:",
            )
            return
        if access.may_run(person):
            items.next_steps(workbench, person, chosen.format, chosen.token, "files")
        try:
            if chosen.file is not None:
                found = workbench.library.panels(person, chosen.file.id)
            else:
                found = workbench.library.preview_result(person, chosen.job, chosen.path)
        except WellplateError as error:
            return refusal(error)
        if not found:
            st.caption("There is nothing to show of this format; download it to look into it.")
        panels.draw_plain(found, f"files.{chosen.token}")


def head(person: Person, chosen: Chosen) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{human.markdown_text(chosen.name)}**")
        st.button(
            "", icon=":material/close:", type="tertiary", help="Close", key="files.close", on_click=_close
        )
    parts = [file_inputs.format_name(chosen.format), human.size(chosen.size)]
    st.caption(" · ".join(parts))
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen.file is None or access.may(person, Action.DOWNLOAD, chosen.file):
            st.html(f'<a class="plain-link" download href="{chosen.download}">Download</a>', width="content")
        if chosen.file is None:
            if st.button("Open the job", icon=":material/open_in_full:", key="files.job.open"):
                st.switch_page("jobs.py", query_params={"jobId": chosen.job})
        elif st.button(
            "Open its page",
            icon=":material/open_in_full:",
            key="files.open",
            help="Rename, share, delete, origin",
        ):
            library_item.come_from("files.py")
            st.switch_page("library.py", query_params={"item": chosen.file.id})


def _close() -> None:
    st.query_params.pop("show", None)
