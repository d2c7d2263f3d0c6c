"""A file of the library in words: its kind, its facts, who may see it, where its page is, and what starts from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from compute.workbench import Workbench
from data.records import Person, StoredFile, Visibility
from pages.parts import forms, human
from tools.contract import Tool
from tools.library import KINDS, Kind

ICONS = {
    "reference": ":material/menu_book:",
    "index": ":material/account_tree:",
    "sample": ":material/genetics:",
    "subtraction": ":material/eco:",
    "hmm": ":material/stacked_line_chart:",
}
FILE = ":material/description:"
#: The tool that makes items of a kind; of the others people upload them.
MADE_BY = {"index": "build-index", "sample": "create-sample", "subtraction": "create-subtraction"}
SEEN_BY = {
    Visibility.TEAM: "Everybody in the team",
    Visibility.USERS: "Everybody who is signed in",
    Visibility.PUBLIC: "Anyone with the link",
}
#: Facts in one line.
SHORT = 3
FILE_FIELDS = ("file", "files")


def icon(format: str) -> str:
    return ICONS.get(format, FILE)


def uploadable(format: str) -> bool:
    """Whether people can bring such a file; the other kinds are folders that only jobs make."""
    return format not in MADE_BY


def address(file_id: str) -> str:
    return f"/app/library?item={file_id}"


def home(file: StoredFile) -> tuple[str, dict[str, str]]:
    """The page that lists files like this one, and its query."""
    kind = KINDS.get(file.format)
    return ("library.py", {"kind": slug(kind)}) if kind else ("files.py", {})


def slug(kind: Kind) -> str:
    """The kind in a URL: `samples`, `hmm-sets`."""
    return kind.plural.lower().replace(" ", "-")


def lower(words: str) -> str:
    """A name in the middle of a sentence: "samples", "HMM sets"."""
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def fact(value: Any, unit: str = "") -> str:
    """One fact: "20,000", "21–24 nt", "yes"; a dash for none."""
    words = _value(value)
    return f"{words} {unit}" if unit and words != "–" else words


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(isinstance(each, (int, float)) for each in value):
            return _value(value[0]) if value[0] == value[1] else f"{_value(value[0])}–{_value(value[1])}"
        return ", ".join(_value(each) for each in value) or "–"
    return "–" if value in (None, "") else str(value)


def told(file: StoredFile) -> list[tuple[str, str]]:
    """Labels and values of all its facts: those of the kind's list first."""
    kind = KINDS.get(file.format)
    columns = list(kind.columns) if kind else []
    known = {key for key, _, _ in columns}
    listed = [(label, fact(file.facts.get(key), unit)) for key, label, unit in columns]
    others = [(human.words(key), fact(value)) for key, value in file.facts.items() if key not in known]
    return [(label, words) for label, words in listed + others if words != "–"]


def short(file: StoredFile) -> str:
    """The facts that tell one from another, in a line: "20,000 reads · length 100 nt · GC 45 %"."""
    if file.facts.get("problem"):
        return "cannot be used"
    kind = KINDS.get(file.format)
    parts = [
        _phrase(label, file.facts[key], unit)
        for key, label, unit in (kind.columns if kind else ())
        if file.facts.get(key) not in (None, "")
    ]
    return " · ".join(parts[:SHORT])


def _phrase(label: str, value: Any, unit: str) -> str:
    noun = lower(label)
    if not isinstance(value, int) or unit:
        return f"{noun} {fact(value, unit)}"
    return f"1 {noun.removesuffix('s')}" if value == 1 else f"{fact(value)} {noun}"


def seen_by(person: Person | None, file: StoredFile) -> str:
    """Who may see it, in words."""
    if file.visibility is Visibility.PRIVATE:
        return "Only you" if person and person.id == file.owner else f"Only {file.owner_name}"
    if file.visibility is Visibility.TEAM and person and person.team == file.team:
        return f"Everybody in {person.team_name}"
    return SEEN_BY[file.visibility]


def starts(workbench: Workbench, person: Person | None, format: str) -> list[tuple[Tool, str]]:
    """Tools that can run here with an input of this format, and that input's name."""
    ready = {each.tool.id: each.tool for each in workbench.tools(person) if each.unavailable is None}
    if format in KINDS:
        return [(ready[tool], name) for tool, name in KINDS[format].starts if tool in ready]
    return [(tool, name) for tool in ready.values() for name in _taking(tool, format)]


def _taking(tool: Tool, format: str) -> Iterator[str]:
    """The first input of the tool that takes the format."""
    for field in forms.fields(tool.Inputs):
        if field.kind in FILE_FIELDS and format in field.formats:
            yield field.name
            return


def next_steps(workbench: Workbench, person: Person, format: str, value: str, key: str) -> None:
    """Buttons that open a tool's form with this in it. `value` is a file's id, or a job's id, "/", and a path."""
    offered = starts(workbench, person, format)
    if not offered:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**What next**", width="content")
        for tool, name in offered:
            if st.button(tool.name, icon=":material/play_arrow:", key=f"{key}.start.{tool.id}"):
                st.switch_page("tool.py", query_params={"tool": tool.id, name: value})
