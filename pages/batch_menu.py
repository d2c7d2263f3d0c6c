"""What can be done with a batch: the same on its page and on the list."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import LIVE, Batch, Person, Status
from pages import batch_dialogs
from pages.parts import asking, human, menus, session
from pages.parts.drawing import refusal

#: Icon and words, in the menu's order and groups.
GROUPS: tuple[menus.Group, ...] = (
    {"copy_link": (":material/link:", "Copy link"), "share": (":material/group_add:", "Share")},
    {
        "rename": (":material/edit:", "Rename"),
        "star": (":material/star:", "Star"),
        "tags": (":material/sell:", "Tags"),
    },
    {
        "duplicate": (":material/content_copy:", "Duplicate"),
        "retry_failed": (":material/replay:", "Retry failed"),
        "cancel": (":material/stop_circle:", "Cancel all"),
    },
    {
        "export_csv": (":material/table:", "Export CSV"),
        "download": (":material/download:", "Download all"),
    },
    {"delete": (":material/delete:", "Delete")},
)
LOOKS = {key: look for group in GROUPS for key, look in group.items()}
#: What the browser does by itself.
LINKS = {
    "export_csv": "/api/v1/batches/{id}/export?format=csv",
    "download": "/api/v1/batches/{id}/archive",
}
#: Shown as buttons too, when they are possible.
BUTTONS = ("retry_failed", "cancel", "download", "export_csv", "share")
#: Of which wells a button tells the number.
ABOUT: dict[str, Collection[Status]] = {"retry_failed": batch_dialogs.AGAIN, "cancel": LIVE}
_POPOVER = "batch-menu-button"
_DUPLICATE = "batch.duplicate"


def buttons(workbench: Workbench, person: Person | None, batch: Batch) -> None:
    """The usual actions in a row, and all of them behind the last button."""
    may = workbench.batches.actions(person, batch)
    with st.container(horizontal=True, vertical_alignment="center"):
        for action in BUTTONS:
            if may[action] is None:
                _button(workbench, person, batch, action)
        if person is not None and may["star"] is None:
            st.button(
                "Starred" if batch.starred else "Star",
                icon=":material/star:" if batch.starred else ":material/star_border:",
                key="batch.star",
                help="Stars are yours alone; the list of batches is filtered by them.",
                on_click=choose,
                args=(workbench, person, "star", batch),
            )
        with st.popover("All actions", icon=":material/more_horiz:", key=_POPOVER, on_change="rerun"):
            draw(workbench, person, batch)


def _button(workbench: Workbench, person: Person | None, batch: Batch, action: str) -> None:
    icon, words = LOOKS[action]
    if number := sum(batch.counts.get(status, 0) for status in ABOUT.get(action, ())):
        words = f"{words} ({number:,})"
    if action in LINKS:
        st.link_button(words, LINKS[action].format(id=batch.id), icon=icon, key=f"batch.{action}")
        return
    st.button(
        words, icon=icon, key=f"batch.{action}", on_click=choose, args=(workbench, person, action, batch)
    )


def draw(workbench: Workbench, person: Person | None, batch: Batch) -> None:
    """Every entry; what is not possible now is disabled, with the reason on hover."""
    menus.draw(
        [{action: _look(batch, action) for action in group} for group in GROUPS],
        workbench.batches.actions(person, batch),
        links={action: link.format(id=batch.id) for action, link in LINKS.items()},
        choose=lambda action: choose(workbench, person, action, batch),
    )


def _look(batch: Batch, action: str) -> tuple[str, str]:
    if action == "star" and batch.starred:
        return ":material/star_border:", "Remove star"
    return LOOKS[action]


def choose(workbench: Workbench, person: Person | None, action: str, batch: Batch) -> None:
    """In a callback. The popover closes: it would lie above the dialog."""
    if _POPOVER in st.session_state:
        st.session_state[_POPOVER] = False
    if action == "star":
        asking.close()
        if person is not None:
            star(workbench, person, batch)
    elif action == "duplicate":
        asking.close()
        st.session_state[_DUPLICATE] = batch
    else:
        asking.ask(f"batch.{action}", batch)


def star(workbench: Workbench, person: Person, batch: Batch) -> None:
    """In a callback: the star of this person on or off."""
    who = session.acting(person)
    if who is None:
        return
    try:
        workbench.batches.change(who, batch.id, starred=not batch.starred)
    except WellplateError as error:
        st.toast(human.markdown_text(error.message), icon=":material/error:")


def carry_out(workbench: Workbench, person: Person | None) -> None:
    """Go where a choice leads, or open the dialog it needs; once in a page."""
    batch: Batch | None = st.session_state.pop(_DUPLICATE, None)
    if batch is not None:
        st.switch_page("tool.py", query_params={"tool": batch.tool, "many": "1", "from": batch.id})
    if person is not None:
        asking.draw({**DIALOGS, **batch_dialogs.DIALOGS}, workbench, person)


def _menu(workbench: Workbench, person: Person, batch: Batch) -> None:
    try:
        now = workbench.batches.batch(person, batch.id)
    except WellplateError as error:
        return refusal(error)
    draw(workbench, person, now)


DIALOGS: asking.Dialogs = {"batch.menu": ("What to do with the batch", _menu)}
