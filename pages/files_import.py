"""The dialog in which files are taken over from folders of the server."""

from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.imports import Entry
from data.records import Person
from pages.parts import asking, flash, human, session
from pages.parts.drawing import refusal

#: Folders of a folder that are offered.
FOLDERS = 100
_FOLDER, _PATH = "import.folder", "import.path"


def button(opened: list[str]) -> None:
    st.button(
        "Import from the server",
        icon=":material/drive_folder_upload:",
        key="files.import",
        help="From folders that the site's admin has opened for everybody.",
        on_click=_ask,
        args=(opened,),
    )


def _ask(opened: list[str]) -> None:
    """In a callback."""
    st.session_state[_PATH] = ""
    asking.ask("files.import", opened)


def draw(workbench: Workbench, person: Person, opened: list[str]) -> None:
    folder = opened[0]
    if len(opened) > 1:
        folder = st.selectbox("Folder", opened, key=_FOLDER, on_change=session.on_change(_top))
    path = st.session_state.get(_PATH, "")
    try:
        entries = workbench.imports.look(person, folder, path)
    except WellplateError as error:
        return refusal(error)
    place(folder, path)
    chosen = table(folder, path, entries)
    total = sum(entry.bytes for entry in chosen)
    words = f"Import {human.count(len(chosen), 'file')}, {human.size(total)}" if chosen else "Import"
    if not st.button(
        words, type="primary", disabled=not chosen, key="import.go", help=None if chosen else "Tick files."
    ):
        return
    take(workbench, person, folder, [_below(path, entry.name) for entry in chosen])


def place(folder: str, path: str) -> None:
    """Where one is, and the way up."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            ":material/folder_open: "
            + human.markdown_text(" / ".join([folder, *path.split("/")] if path else [folder]))
        )
        if path:
            st.button("Up", icon=":material/arrow_upward:", type="tertiary", key="import.up", on_click=_up)


def table(folder: str, path: str, entries: list[Entry]) -> list[Entry]:
    """What lies there: folders open by their name, files are ticked. Returns the files that are ticked."""
    if not entries:
        st.caption("This folder is empty.")
        return []
    folders = [entry for entry in entries if entry.is_folder]
    files = [entry for entry in entries if not entry.is_folder]
    for entry in folders[:FOLDERS]:
        st.button(
            human.markdown_text(entry.name),
            icon=":material/folder:",
            type="tertiary",
            key=f"import.open.{entry.name}",
            on_click=_open,
            args=(_below(path, entry.name),),
        )
    if len(folders) > FOLDERS:
        st.caption(f"The first {FOLDERS} of {len(folders):,} folders.")
    if not files:
        return []
    # Ticks are told as positions: another content is another table.
    told = "/".join([folder, path, *(entry.name for entry in files)])
    key = f"import.{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    sizes = [human.size(entry.bytes) for entry in files]
    st.dataframe(
        pd.DataFrame({"File": [entry.name for entry in files], "Size": sizes}),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        alt="Files of this folder",
    )
    return [files[row] for row in st.session_state[key]["selection"]["rows"] if row < len(files)]


def take(workbench: Workbench, person: Person, folder: str, paths: list[str]) -> None:
    bar = st.progress(0.0, text="Copying …")

    def told(done: int, total: int) -> None:
        bar.progress(done / total if total else 1.0, text=f"{human.size(done)} of {human.size(total)}")

    try:
        taken = workbench.imports.take(person, folder, paths, told)
    except WellplateError as error:
        return refusal(error)
    asking.close()
    flash.after_rerun(f"Imported {human.count(len(taken), 'file')}.")


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _open(path: str) -> None:
    st.session_state[_PATH] = path


def _up() -> None:
    st.session_state[_PATH] = st.session_state[_PATH].rpartition("/")[0]


def _top() -> None:
    st.session_state[_PATH] = ""


DIALOGS: dict[str, tuple[str, Any]] = {"files.import": ("Import from the server", draw)}
