"""The widgets of the list's filters: the usual ones in a row, the others behind a button, chips for what it hides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import streamlit as st

from data.records import JobFilter, Status
from pages.job_filters import ME, RECENT, SHARED, Known, chips, clear, day_of, drop, narrowed, put
from pages.parts import human, session, statuses


def view(team: str) -> None:
    """Whose jobs: the team's, or those that others have shared with the person by name."""
    st.session_state["jobs.view"] = SHARED if SHARED in st.query_params else "team"
    st.segmented_control(
        "Whose jobs",
        ["team", SHARED],
        required=True,
        key="jobs.view",
        format_func=lambda word: "Shared with me" if word == SHARED else team,
        label_visibility="collapsed",
        on_change=session.on_change(_view),
    )


def bar(filter: JobFilter, known: Known, counts: Mapping[Status, int]) -> None:
    """The usual filters in one row, the statuses with their counts below, and what else is asked for as chips."""
    with st.container(horizontal=True, vertical_alignment="center", key="jobs-bar"):
        st.session_state["jobs.q"] = filter.q or ""
        st.text_input(
            "Name",
            key="jobs.q",
            type="search",
            live="300ms",
            placeholder="Find by name or tag",
            label_visibility="collapsed",
            on_change=session.on_change(_text),
            args=("q",),
            width=220,
        )
        _pick("tool", "Any tool", known.tools, st.query_params.get_all("tool"))
        if not filter.shared:
            _pick("submitter", "Anybody", known.others, st.query_params.get_all("submitter"))
        _pick(
            "since",
            "Any time",
            {key: label for key, (label, _) in RECENT.items()},
            [st.query_params.get("since")],
        )
        _toggles(filter, known)
        with st.popover("More filters", icon=":material/tune:", key="jobs.more"):
            _more(filter, known)
    st.session_state["jobs.status"] = [str(status) for status in filter.status]
    st.pills(
        "Status",
        [str(status) for status in Status],
        selection_mode="multi",
        key="jobs.status",
        format_func=lambda word: f"{statuses.LOOKS[Status(word)].label} {counts.get(Status(word), 0):,}",
        label_visibility="collapsed",
        on_change=session.on_change(_words),
        args=("status",),
    )
    _chips(filter, known)


def _pick(name: str, everything: str, options: Mapping[str, str], given: Iterable[str | None]) -> None:
    """One of many; several at once can stand in a URL and are chips then."""
    values = list(given)
    st.session_state[f"jobs.{name}"] = values[0] if len(values) == 1 and values[0] in options else None
    st.selectbox(
        everything,
        list(options),
        index=None,
        key=f"jobs.{name}",
        format_func=lambda id: options.get(id, id),
        placeholder=everything,
        label_visibility="collapsed",
        on_change=session.on_change(_text),
        args=(name,),
        width=160,
    )


def _toggles(filter: JobFilter, known: Known) -> None:
    mine = not filter.shared and filter.submitter == (known.me,)
    st.session_state["jobs.only"] = ["mine"] * mine + ["starred"] * filter.starred
    st.pills(
        "Only",
        ["starred"] if filter.shared else ["mine", "starred"],
        selection_mode="multi",
        key="jobs.only",
        format_func={"mine": "Mine", "starred": "★ Starred"}.__getitem__,
        label_visibility="collapsed",
        on_change=session.on_change(_only),
    )


def _more(filter: JobFilter, known: Known) -> None:
    _tag(known)
    left, right = st.columns(2)
    with left:
        _date_box("since", "Submitted from", filter)
        _minutes_box("longer_s", "Took at least (min)", filter.longer_s)
    with right:
        _date_box("until", "Submitted until", filter)
        _minutes_box("shorter_s", "Took at most (min)", filter.shorter_s)
    st.session_state["jobs.not_status"] = [str(status) for status in filter.not_status]
    st.multiselect(
        "Leave out statuses",
        [str(status) for status in Status],
        key="jobs.not_status",
        format_func=lambda word: statuses.LOOKS[Status(word)].word,
        placeholder="None",
        on_change=session.on_change(_words),
        args=("not_status",),
    )
    _leave_out("not_tool", "Leave out tools", known.tools)
    if not filter.shared:
        _leave_out("not_submitter", "Leave out people", {ME: "Me", **known.others})


def _tag(known: Known) -> None:
    tag = st.query_params.get("tag")
    st.session_state["jobs.tag"] = tag if tag in known.tags else None
    st.selectbox(
        "Tag",
        known.tags,
        index=None,
        key="jobs.tag",
        placeholder="Any tag" if known.tags else "No job has a tag yet",
        disabled=not known.tags,
        on_change=session.on_change(_text),
        args=("tag",),
    )


def _leave_out(name: str, label: str, options: Mapping[str, str]) -> None:
    st.session_state[f"jobs.{name}"] = [id for id in st.query_params.get_all(name) if id in options]
    st.multiselect(
        label,
        list(options),
        key=f"jobs.{name}",
        format_func=lambda id: options.get(id, id),
        placeholder="None",
        on_change=session.on_change(_several),
        args=(name,),
    )


def _date_box(name: str, label: str, filter: JobFilter) -> None:
    st.session_state[f"jobs.{name}.day"] = day_of(st.query_params.get(name, ""))
    st.date_input(
        label, key=f"jobs.{name}.day", on_change=session.on_change(_date), args=(name,), format="YYYY-MM-DD"
    )


def _minutes_box(name: str, label: str, seconds: float | None) -> None:
    st.session_state[f"jobs.{name}"] = None if seconds is None else seconds / 60
    st.number_input(
        label,
        min_value=0.0,
        step=1.0,
        format="%g",
        key=f"jobs.{name}",
        on_change=session.on_change(_minutes),
        args=(name,),
    )


def _chips(filter: JobFilter, known: Known) -> None:
    """What is asked for beyond the row above, each to be taken away; and a way back to everything."""
    if not narrowed(filter):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="jobs-chips"):
        for name, value, words in chips(known):
            st.button(
                human.markdown_text(words),
                icon=":material/close:",
                icon_position="right",
                key=f"jobs.chip.{name}.{value}",
                help="Take this filter away",
                on_click=drop,
                args=(name, value),
            )
        st.button(
            "Clear filters",
            type="tertiary",
            icon=":material/filter_alt_off:",
            on_click=clear,
            key="jobs.clear_filters",
        )


# Callbacks: a widget's value into the URL


def _text(name: str) -> None:
    put(name, str(st.session_state[f"jobs.{name}"] or "").strip())


def _words(name: str) -> None:
    put(name, ",".join(st.session_state[f"jobs.{name}"]))


def _several(name: str) -> None:
    put(name, list(st.session_state[f"jobs.{name}"]))


def _minutes(name: str) -> None:
    value = st.session_state[f"jobs.{name}"]
    put(name, "" if value is None else f"{round(value * 60)}")


def _date(name: str) -> None:
    value: date | None = st.session_state[f"jobs.{name}.day"]
    put(name, value.isoformat() if value else "")


def _view() -> None:
    put(SHARED, "1" if st.session_state["jobs.view"] == SHARED else "")


def _only() -> None:
    chosen = st.session_state["jobs.only"]
    put("starred", "1" if "starred" in chosen else "")
    if "mine" in chosen:
        put("submitter", ME)
    elif st.query_params.get("submitter") == ME:
        put("submitter", "")
