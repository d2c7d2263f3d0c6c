"""The dialogs about one file of the library: its name, who may see it, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Family, FileRelative, Person, StoredFile, Visibility
from pages.parts import asking, flash, human, items
from pages.parts.drawing import refusal
from pages.sharing_dialog import ICONS, WHAT
from pages.sharing_dialog import name as visibility_name

#: Names listed before "and 12 more".
LISTED = 10
#: What one sees under each, where it is not as with jobs.
SEEN = {
    **WHAT,
    Visibility.PRIVATE: "Your team sees its row in the list, and nobody else can use it.",
    Visibility.TEAM: "They look into it, download it and give it to jobs; only you can change it.",
    Visibility.USERS: "Every account of this site, also of other teams, can look, download and use it in jobs.",
}
OFFERED = [each for each in Visibility if each is not Visibility.INVITED]


def rename(workbench: Workbench, person: Person, file: StoredFile) -> None:
    name = st.text_input("Name", value=file.name, max_chars=200, key=f"file.name.{file.id}")
    if _answered("Save"):
        asking.do(lambda: workbench.library.rename(person, file.id, name.strip()), "It has its new name.")


def share(workbench: Workbench, person: Person, file: StoredFile) -> None:
    chosen = st.radio(
        "Who can see it",
        OFFERED,
        index=OFFERED.index(file.visibility) if file.visibility in OFFERED else 0,
        key=f"file.share.{file.id}",
        format_func=lambda each: f"{ICONS[each]} {human.markdown_text(_whom(person, file, each))}",
        captions=[SEEN[each] for each in OFFERED],
        label_visibility="collapsed",
    )
    if _answered("Save"):
        done = f"Who can see it now: {_whom(person, file, chosen)}."
        asking.do(lambda: workbench.library.share(person, file.id, chosen), done)


def _whom(person: Person, file: StoredFile, visibility: Visibility) -> str:
    return visibility_name(visibility, person.team_name if file.team == person.team else "the team")


def delete(workbench: Workbench, person: Person, file: StoredFile) -> None:
    """Says first what was made from it; nothing of that goes."""
    try:
        uses, family = workbench.library.used_by(person, file.id), workbench.library.family(person, file.id)
    except WellplateError as error:
        return refusal(error)
    used = bool(uses.jobs or uses.files)
    st.markdown(f"**Goes for good:** “{human.markdown_text(file.name)}”, {human.size(file.size)}.")
    if used:
        parts = [
            *([human.count(uses.jobs, "job") + " used it"] if uses.jobs else []),
            *([human.count(uses.files, "file") + " of the library came from it"] if uses.files else []),
        ]
        st.markdown(f"**{', and '.join(parts)}.** All that came of it:\n" + "\n".join(_named(family)))
        st.markdown(
            "**Stays:** all of these. Each job keeps a copy of what it was given, so that results, "
            "downloads and a retry go on working. New jobs cannot be given it any more."
        )
    else:
        st.markdown("Nothing was made from it.")
    if _answered("Delete it nevertheless" if used else "Delete"):
        _gone(lambda: workbench.library.delete(person, file.id, even_if_used=used), file)


def _gone(action: Callable[[], object], file: StoredFile) -> None:
    """Do it, and leave the page of what is no longer there; a refusal is said on it."""
    done = flash.attempt(action, f"“{file.name}” is deleted.")
    asking.close()
    if not done:
        st.rerun()
    page, query = items.home(file)
    st.switch_page(page, query_params=query)


def _named(family: Family) -> list[str]:
    lines = [f"- {_name(each)}" for each in family.led_to[:LISTED]]
    more = len(family.led_to) - LISTED + family.private if len(family.led_to) > LISTED else family.private
    return [*lines, f"- {more:,} more, private or further on"] if more > 0 else lines


def _name(relative: FileRelative) -> str:
    if relative.job is not None:
        return f"{human.markdown_text(relative.job.name)} (job)"
    return human.markdown_text(relative.file.name) if relative.file is not None else "something private"


def _answered(label: str) -> bool:
    """The two buttons of a dialog: whether the answer is yes."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep as it is", key="file.no"):
            asking.close()
            st.rerun()
        return st.button(label, type="primary", key="file.yes")


DIALOGS: dict[str, tuple[str, Any]] = {
    "file.rename": ("Rename", rename),
    "file.share": ("Who can see it?", share),
    "file.delete": ("Delete for good?", delete),
}
