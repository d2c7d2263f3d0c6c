"""The menu of a job: the same on the list, on the job's page and on the tool's."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, Person
from pages import job_actions
from pages.parts import menus, session
from pages.parts.drawing import refusal

#: Icon and words, in the menu's order and groups.
GROUPS: tuple[dict[str, tuple[str, str]], ...] = (
    {
        "open": (":material/open_in_full:", "Open"),
        "open_new_tab": (":material/open_in_new:", "Open in new tab"),
        "copy_link": (":material/link:", "Copy link"),
        "share": (":material/group_add:", "Share"),
    },
    {
        "rename": (":material/edit:", "Rename"),
        "star": (":material/star:", "Star"),
        "tags": (":material/sell:", "Tags"),
    },
    {
        "duplicate": (":material/content_copy:", "Duplicate"),
        "retry": (":material/replay:", "Retry"),
        "cancel": (":material/stop_circle:", "Cancel"),
    },
    {
        "export_csv": (":material/table:", "Export CSV"),
        "export_json": (":material/data_object:", "Export JSON"),
        "download": (":material/download:", "Download everything"),
    },
    {"delete": (":material/delete:", "Delete")},
)
_POPOVER = "job-menu-button"
LOOKS = {key: look for group in GROUPS for key, look in group.items()}


def popover(workbench: Workbench, person: Person | None, job: Job) -> None:
    """The menu behind a button, for the page of one job."""
    with st.popover("All actions", icon=":material/more_horiz:", key=_POPOVER, on_change="rerun"):
        draw(workbench, person, job, leave_out=("open",))


def draw(workbench: Workbench, person: Person | None, job: Job, *, leave_out: tuple[str, ...] = ()) -> None:
    def chosen(action: str) -> None:
        if action != "star":
            choose(action, job)
        elif person is not None:
            star(workbench, person, job)

    menus.draw(
        [{action: look(job, action) for action in group} for group in GROUPS],
        workbench.actions(person, job),
        links={action: link.format(id=job.id) for action, link in LINKS.items()},
        choose=chosen,
        leave_out=leave_out,
    )


#: What the browser does by itself.
LINKS = {
    "open_new_tab": "/app/jobs?jobId={id}",
    "export_csv": "/api/v1/jobs/{id}/export?format=csv",
    "export_json": "/api/v1/jobs/{id}/export?format=json",
    "download": "/api/v1/jobs/{id}/archive",
}


def look(job: Job, action: str) -> tuple[str, str]:
    if action == "star" and job.starred:
        return ":material/star_border:", "Remove star"
    return LOOKS[action]


def choose(action: str, job: Job) -> None:
    """In a callback. The popover closes: it would lie above the dialog."""
    _close()
    job_actions.choose(action, [job])


def _close() -> None:
    if _POPOVER in st.session_state:
        st.session_state[_POPOVER] = False


def star(workbench: Workbench, person: Person, job: Job) -> None:
    """In a callback: the star of this person on or off."""
    who = session.acting(person)
    if who is None:
        return
    _close()
    job_actions.close()
    try:
        workbench.marks.star(who, job.id, not job.starred)
    except WellplateError as error:
        refusal(error)
