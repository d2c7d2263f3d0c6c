"""What the lists of files are narrowed to. The URL holds it, so that it can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from compute.workbench import Workbench
from data.records import FileFilter, Person
from pages.parts import file_inputs, session
from tools.library import KINDS

FILES, RESULTS, SPACE = "files", "results", "space"
VIEWS = {FILES: "Files", RESULTS: "Results of jobs", SPACE: "Space"}
ORIGINS = {"uploaded": "Uploaded", "made": "Made by jobs"}
NAMES = ("q", "format", "owner", "origin")


@dataclass(frozen=True)
class Known:
    """What can be chosen from: names by id."""

    people: Mapping[str, str]
    tools: Mapping[str, str]


def view() -> str:
    """What the URL asks for."""
    asked = st.query_params.get("view", FILES)
    return asked if asked in VIEWS else FILES


def known(workbench: Workbench, person: Person) -> Known:
    return Known(
        people={each.person: each.name for each in workbench.teams.members(person)},
        tools={status.tool.id: status.tool.name for status in workbench.tools(person)},
    )


def from_url(person: Person) -> FileFilter:
    """The filter that the URL asks for; what it does not know is left out."""
    params = st.query_params
    origin = params.get("origin")
    return FileFilter(
        q=params.get("q") or None,
        format=tuple(params.get_all("format")),
        owner=tuple(person.id if each == "me" else each for each in params.get_all("owner")),
        origin=origin if origin in ORIGINS else None,
    )


def narrowed() -> bool:
    return any(name in st.query_params for name in NAMES)


def bar(view: str, known: Known) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="files-bar"):
        st.session_state["files.q"] = st.query_params.get("q", "")
        st.text_input(
            "Name",
            key="files.q",
            type="search",
            live="300ms",
            placeholder="Find by name",
            label_visibility="collapsed",
            on_change=session.on_change(_text),
            args=("q",),
            width=220,
        )
        _pick("format", "Any format", formats())
        _pick("owner", "Anybody", {"me": "Me", **known.people})
        if view == FILES:
            _pick("origin", "Uploaded or made", ORIGINS)
        if narrowed():
            st.button(
                "Clear filters",
                type="tertiary",
                icon=":material/filter_alt_off:",
                on_click=clear,
                key="files.clear",
            )


def formats() -> dict[str, str]:
    """Those of the library first, the others by name."""
    others = sorted(file_inputs.FORMATS, key=lambda format: file_inputs.format_name(format).casefold())
    return {format: file_inputs.format_name(format) for format in (*KINDS, *others)}


def _pick(name: str, everything: str, options: Mapping[str, str]) -> None:
    asked = st.query_params.get(name)
    st.session_state[f"files.{name}"] = asked if asked in options else None
    st.selectbox(
        everything,
        list(options),
        index=None,
        key=f"files.{name}",
        format_func=lambda id: options.get(id, id),
        placeholder=everything,
        label_visibility="collapsed",
        on_change=session.on_change(_text),
        args=(name,),
        width=175,
    )


# Callbacks


def _text(name: str) -> None:
    st.query_params.pop("cursor", None)
    value = str(st.session_state[f"files.{name}"] or "").strip()
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def clear() -> None:
    """Everything of the same view."""
    for name in (*NAMES, "cursor"):
        st.query_params.pop(name, None)
