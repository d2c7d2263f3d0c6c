"""One file of the library: what it holds, where it comes from, who may see it, and what starts from it."""

from __future__ import annotations

from html import escape

import streamlit as st

from compute import access
from compute.access import Action
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, StoredFile
from pages import job_about, library_dialogs, sign_in
from pages.components.live import listen
from pages.parts import asking, file_inputs, flash, human, items, lineage, panels, session
from pages.parts.drawing import facts, header, refusal
from pages.sharing_dialog import ICONS
from tools.library import KINDS

COLUMNS = [2, 1]
#: Files of a folder listed before the rest is folded away.
LISTED = 12
#: The list from which this tab came here: its page and query.
_LEFT = "library.left"


def main(workbench: Workbench, person: Person | None, file_id: str) -> None:
    try:
        file = workbench.library.file(person, file_id)
    except WellplateError as error:
        return sign_in.ask() if person is None else not_here(error)
    st.set_page_config(page_title=f"{file.name} · Wellplate")
    way_back(person, file)
    if person is not None:
        asking.draw(library_dialogs.DIALOGS, workbench, person)
    heading(person, file)
    if not access.may(person, Action.SEE, file):
        return private(file)
    buttons(workbench, person, file)
    family(workbench, person, file)
    left, right = st.columns(COLUMNS, gap="large")
    with right:
        about(workbench, person, file)
        contents(workbench, person, file)
    with left:
        # Last, so that what cannot be read takes neither facts nor downloads with it.
        holds(workbench, person, file)


def come_from(page: str) -> None:
    """Before a list leads here: the way back."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    st.session_state[_LEFT] = (page, query)


def way_back(person: Person | None, file: StoredFile) -> None:
    if person is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/public: You see this file because its link is public.", width="content")
            link = f'<a class="plain-link" target="_self" href="{session.sign_in_link()}">Sign in</a>'
            st.html(link, width="content")
        return
    kind = KINDS.get(file.format)
    page, query = st.session_state.get(_LEFT, items.home(file))
    words = "Files" if page == "files.py" else kind.plural if kind else "Library"
    if st.button(words, icon=":material/arrow_back:", type="tertiary", key="item.back"):
        st.switch_page(page, query_params=query)


def not_here(error: WellplateError) -> None:
    """The same page for a file that does not exist and for one that this person may not see."""
    if error.status != 404:
        header("This file cannot be shown now")
        refusal(error)
    else:
        header("This file is not here")
        st.markdown(
            "It was deleted, the link is incomplete, or its owner has not shared it with you. "
            "Jobs that used it keep a copy of what they were given."
        )
    st.page_link("library.py", label="Back to the library", icon=":material/arrow_back:")


def heading(person: Person | None, file: StoredFile) -> None:
    header(file.name)
    flash.show()
    made = "made" if file.job or file.folder else "uploaded"
    parts = [
        f"{items.icon(file.format)} {file_inputs.format_name(file.format)}",
        *([human.markdown_text(items.short(file))] if items.short(file) else []),
        f"{made} {human.ago(file.created_at)} by {human.markdown_text(file.owner_name)}",
    ]
    st.caption(" · ".join(parts))
    words = human.markdown_text(items.seen_by(person, file))
    st.caption(f"{ICONS[file.visibility]} Who can see this: **{words}**")


def private(file: StoredFile) -> None:
    st.info(f"This file is private to {human.markdown_text(file.owner_name)}.", icon=":material/lock:")


def buttons(workbench: Workbench, person: Person | None, file: StoredFile) -> None:
    if access.may_run(person) and person is not None:
        items.next_steps(workbench, person, file.format, file.id, "item")
    with st.container(horizontal=True, vertical_alignment="center"):
        if access.may(person, Action.DOWNLOAD, file):
            download(file)
        for action, (right, icon, words) in ACTIONS.items():
            if person is not None and access.may(person, right, file):
                st.button(
                    words, icon=icon, key=f"item.{action}", on_click=asking.ask, args=(f"file.{action}", file)
                )


#: What opens a dialog: the right that it needs, and how it looks.
ACTIONS = {
    "share": (Action.SHARE, ":material/group_add:", "Share"),
    "rename": (Action.RENAME, ":material/edit:", "Rename"),
    "delete": (Action.DELETE, ":material/delete:", "Delete"),
}


def download(file: StoredFile) -> None:
    words = f"Download, {'as zip' if file.folder else human.size(file.size)}"
    link = f'<a class="plain-link" download href="/api/v1/files/{file.id}/content">{words}</a>'
    st.html(link, width="content")


@st.fragment
def family(workbench: Workbench, person: Person | None, file: StoredFile) -> None:
    """Drawn anew when a job of the team comes, goes or ends, or the library changes."""
    person = session.still(person) or person
    if person is not None:
        listen(key=f"item.{file.id}.live", whole_list=True, files=True)
    try:
        lineage.of_file(workbench, person, file)
    except WellplateError as error:
        refusal(error)


def holds(workbench: Workbench, person: Person | None, file: StoredFile) -> None:
    try:
        found = workbench.library.panels(person, file.id)
    except WellplateError as error:
        return refusal(error)
    if not found:
        st.caption("There is nothing to show of a file of this format; download it to look into it.")
    panels.draw_plain(found, f"item.{file.id}")


def about(workbench: Workbench, person: Person | None, file: StoredFile) -> None:
    st.subheader("About", anchor=False)
    told = [(label, escape(words)) for label, words in items.told(file)]
    team = [("Team", escape(person.team_name))] if person and person.team == file.team else []
    facts(
        [
            *told,
            ("Size", human.size(file.size)),
            ("Owner", escape(file.owner_name)),
            *team,
            ("Made" if file.folder else "Uploaded", human.time_html(file.created_at)),
            *made_by(workbench, person, file),
            *([("SHA-256", f"<code>{file.sha256}</code>")] if file.sha256 else []),
            ("Id", f"<code>{file.id}</code>"),
        ]
    )


def made_by(workbench: Workbench, person: Person | None, file: StoredFile) -> list[tuple[str, str]]:
    """The job and the tool that made it; the job may be gone, or somebody else's."""
    told = []
    if file.tool:
        tool = job_about.offered(workbench, person, file.tool)
        name = escape(tool.name if tool else file.tool)
        told.append(("By", job_about.to_tool(file.tool, name) if tool and person else name))
    if file.job:
        try:
            job = workbench.job(person, file.job).job
        except WellplateError:
            told.append(("Job", '<span class="quiet">deleted, or private</span>'))
        else:
            to = f'<a href="/app/jobs?jobId={job.id}" target="_self">{escape(job.name)}</a>'
            told.append(("Job", to))
    return told


def contents(workbench: Workbench, person: Person | None, file: StoredFile) -> None:
    """The files of a folder."""
    if not file.folder:
        return
    try:
        members = workbench.library.members(person, file.id)
    except WellplateError as error:
        return refusal(error)
    st.subheader("Files in it", anchor=False)
    base = f"/api/v1/files/{file.id}/content"
    rows = [
        (human.size(each["bytes"]), job_about.link(f"{base}/{each['path']}", each["path"]))
        for each in members
    ]
    facts(rows[:LISTED])
    if len(rows) > LISTED:
        with st.expander(f"{len(rows) - LISTED} more files"):
            facts(rows[LISTED:])
