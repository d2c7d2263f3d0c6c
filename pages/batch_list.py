"""The list of batches: newest first, narrowed by the URL, live."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Batch, BatchFilter, Person, Status, utcnow
from pages import batch_menu, batch_numbers
from pages.components.live import listen
from pages.parts import asking, flash, human, paging, session
from pages.parts.drawing import header, refusal

PAGE = 50
_LEFT, _GO = "batches.left", "batches.go"
RUNNING, ENDED, INCOMPLETE = "► Running", "✓ Ended", "✕ Ended, incomplete"
HELP = {
    RUNNING: "Some of its jobs wait or run.",
    ENDED: "All of its jobs completed.",
    INCOMPLETE: "All of its jobs have ended; some failed, timed out or were cancelled.",
}
COLOURS = {RUNNING: "blue", ENDED: "green", INCOMPLETE: "red"}
STAR, NO_STAR, MENU = "★", "☆", ":material/more_horiz:"


def main(workbench: Workbench, person: Person) -> None:
    header("Batches", "Many inputs to one tool at once, each a well of a plate. Newest first.")
    flash.show()
    listing(workbench, person)


@st.fragment
def listing(workbench: Workbench, person: Person) -> None:
    person = session.still(person) or person
    listen(key="batches.live", batch_list=True)
    if (batch_id := st.session_state.pop(_GO, None)) is not None:
        st.switch_page("batch.py", query_params={"batchId": batch_id})
    st.session_state[_LEFT] = {name: st.query_params.get_all(name) for name in st.query_params}
    try:
        known = {each.tool.id: each.tool.name for each in workbench.tools(person) if each.tool.batch}
        filter = from_url()
        bar(person, known)
        found = workbench.batches.batches(person, filter, limit=PAGE, cursor=st.query_params.get("cursor"))
        batch_menu.carry_out(workbench, person)
    except WellplateError as error:
        return refusal(error)
    if not found.batches:
        return nothing(filter, known)
    draw(workbench, person, Drawn(tuple(found.batches)), known)
    paging.draw(found.next_cursor, "batches")


def back() -> None:
    """In a callback of a batch's page: the list as it was left."""
    st.query_params.from_dict(st.session_state.get(_LEFT, {}))


# What a batch is, in a word


def word(batch: Batch) -> str:
    return state(batch).partition(" ")[2]


def state(batch: Batch) -> str:
    if batch.live:
        return RUNNING
    return ENDED if set(batch.counts) <= {Status.COMPLETED} else INCOMPLETE


def badge(batch: Batch) -> None:
    now = state(batch)
    st.badge(now, color=COLOURS[now], help=HELP[now])  # type: ignore[arg-type]


# Filters: in the URL


def from_url() -> BatchFilter:
    params = st.query_params
    return BatchFilter(
        tool=tuple(params.get_all("tool")),
        q=params.get("q") or None,
        starred="starred" in params,
        live="live" in params,
        shared="shared" in params,
    )


def bar(person: Person, tools: Mapping[str, str]) -> None:
    params = st.query_params
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state["batches.view"] = "shared" if "shared" in params else "team"
        st.segmented_control(
            "Whose batches",
            ["team", "shared"],
            required=True,
            key="batches.view",
            format_func=lambda each: "Shared with me" if each == "shared" else person.team_name,
            label_visibility="collapsed",
            on_change=session.on_change(_view),
        )
        st.session_state["batches.q"] = params.get("q", "")
        st.text_input(
            "Name",
            key="batches.q",
            type="search",
            live="300ms",
            placeholder="Find by name",
            label_visibility="collapsed",
            on_change=session.on_change(_text),
            args=("q",),
            width=220,
        )
        st.session_state["batches.tool"] = params["tool"] if params.get("tool") in tools else None
        st.selectbox(
            "Any tool",
            list(tools),
            index=None,
            key="batches.tool",
            format_func=lambda id: tools.get(id, id),
            placeholder="Any tool",
            label_visibility="collapsed",
            on_change=session.on_change(_text),
            args=("tool",),
            width=180,
        )
        st.session_state["batches.only"] = [name for name in ONLY if name in params]
        st.pills(
            "Only",
            list(ONLY),
            selection_mode="multi",
            key="batches.only",
            format_func=ONLY.__getitem__,
            label_visibility="collapsed",
            on_change=session.on_change(_only),
        )


ONLY = {"live": RUNNING, "starred": "★ Starred"}


def _put(name: str, value: str) -> None:
    st.query_params.pop("cursor", None)
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _text(name: str) -> None:
    _put(name, str(st.session_state[f"batches.{name}"] or "").strip())


def _view() -> None:
    _put("shared", "1" if st.session_state["batches.view"] == "shared" else "")


def _only() -> None:
    for name in ONLY:
        _put(name, "1" if name in st.session_state["batches.only"] else "")


def nothing(filter: BatchFilter, tools: Mapping[str, str]) -> None:
    """No rows: because of the filter, or because nothing is there yet."""
    with st.container(border=True):
        if filter != BatchFilter(shared=filter.shared):
            st.markdown("**No batch matches these filters.**")
            st.button(
                "Clear the filters",
                icon=":material/filter_alt_off:",
                on_click=st.query_params.clear,
                key="batches.all",
            )
            return
        if filter.shared:
            st.markdown("**Nobody has shared a batch with you by name yet.**")
            st.caption("When somebody invites you to a batch by your e-mail address, it stands here.")
            return
        st.markdown(
            "**No batches yet.** Open a tool that takes many inputs, choose *Many at once*, and give it a list: "
            "every line becomes a job in a well of a plate."
        )
        with st.container(horizontal=True):
            for id, name in tools.items():
                st.page_link(
                    "tool.py",
                    label=human.markdown_text(name),
                    icon=":material/apps:",
                    query_params={"tool": id, "many": "1"},
                )


# The table


@dataclass(frozen=True)
class Drawn:
    """The rows that are on the screen."""

    batches: tuple[Batch, ...]

    @property
    def key(self) -> str:
        """Clicks are told as positions: other rows are another table."""
        ids = "".join(batch.id for batch in self.batches)
        return f"batches.{hashlib.sha256(ids.encode()).hexdigest()[:12]}"


def draw(workbench: Workbench, person: Person, drawn: Drawn, tools: Mapping[str, str]) -> None:
    st.dataframe(
        frame(person, drawn, tools),
        hide_index=True,
        key=f"{drawn.key}.table",
        column_config=columns(workbench, person, drawn),
        height="content",
        row_height=36,
        alt="Batches, newest first",
    )


def frame(person: Person, drawn: Drawn, tools: Mapping[str, str]) -> pd.DataFrame:
    batches = drawn.batches
    rows: dict[str, list[Any]] = {
        "star": [STAR if batch.starred else NO_STAR for batch in batches],
        "name": [batch.name for batch in batches],
        "menu": [MENU for _ in batches],
        "status": [[state(batch)] for batch in batches],
        "progress": [100 * batch_numbers.ended(batch.counts) / max(1, batch.wells) for batch in batches],
        "jobs": [batch.wells for batch in batches],
        "failed": [failed(batch) for batch in batches],
        "tags": [list(batch.tags) for batch in batches],
        "tool": [tools.get(batch.tool, batch.tool) for batch in batches],
        "submitter": ["me" if batch.submitter == person.id else batch.submitter_name for batch in batches],
        "created": [human.ago(batch.created_at) for batch in batches],
        "took": [
            human.duration(((batch.ended_at or utcnow()) - batch.created_at).total_seconds())
            for batch in batches
        ],
        "credits": [batch.credits - batch.refunded for batch in batches],
    }
    for name in ("tags", "failed"):
        if not any(rows[name]):
            del rows[name]
    return pd.DataFrame(rows)


def failed(batch: Batch) -> int:
    """Wells that ended without a result."""
    return sum(
        number
        for status, number in batch.counts.items()
        if status.terminal and status is not Status.COMPLETED
    )


def columns(workbench: Workbench, person: Person, drawn: Drawn) -> dict[str, Any]:
    config = st.column_config

    def button(name: str, label: str, callback: Any, **more: Any) -> Any:
        key = f"{drawn.key}.{name}"
        return config.ButtonColumn(
            label, type="tertiary", key=key, on_click=callback, args=(key, drawn), **more
        )

    def starred(key: str, drawn: Drawn) -> None:
        if click := st.session_state[key]:
            batch_menu.choose(workbench, person, "star", drawn.batches[click["row"]])

    return {
        "star": button("star", " ", starred, width=36, help="Stars are yours alone."),
        "name": button("open", "Name", _opened, width=240, alignment="left", help="Opens the batch."),
        "menu": button("menu", " ", _menu, width=40, help="Everything that can be done with the batch."),
        "status": config.MultiselectColumn(
            "Status", width=150, options=list(COLOURS), color=list(COLOURS.values())
        ),
        "progress": config.ProgressColumn("Ended", min_value=0, max_value=100, format="%d %%", width=110),
        "jobs": config.NumberColumn("Jobs", width=64, format="localized"),
        "failed": config.NumberColumn(
            "Not completed", width=108, help="Failed, timed out or cancelled; they can be run again."
        ),
        "tags": config.ListColumn("Tags", width=120),
        "tool": config.TextColumn("Tool", width=132),
        "submitter": config.TextColumn("By", width=95),
        "created": config.TextColumn("Submitted", width=95, help="The batch's page tells the exact time."),
        "took": config.TextColumn(
            "Took", width=95, alignment="right", help="Until now, where it still runs."
        ),
        "credits": config.NumberColumn(
            "Credits", width=75, format="localized", help="Charged and held, refunds taken off."
        ),
    }


def _opened(key: str, drawn: Drawn) -> None:
    """In a callback: the batch is the one drawn there, whatever the list holds by now."""
    if click := st.session_state[key]:
        st.session_state[_GO] = drawn.batches[click["row"]].id


def _menu(key: str, drawn: Drawn) -> None:
    """In a callback."""
    if click := st.session_state[key]:
        asking.ask("batch.menu", drawn.batches[click["row"]])
