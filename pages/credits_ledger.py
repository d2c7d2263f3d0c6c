"""The ledger, newest first, with its filters in the URL: kind, tool, submitter, days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from compute.credits import MOST_ENTRIES
from compute.workbench import Workbench
from data.records import LedgerEntry, LedgerKind, Person, utcnow, valid_id
from pages.parts import human, session
from pages.parts.drawing import empty

WORDS = {
    LedgerKind.GRANT: "Granted",
    LedgerKind.HOLD: "Held for a job",
    LedgerKind.CHARGE: "Charged",
    LedgerKind.RELEASE: "Released",
    LedgerKind.REFUND: "Refunded",
}
DAYS = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "365": "Last 12 months"}
NAMES = ("kind", "tool", "submitter", "days")
PAGE = 100


def draw(workbench: Workbench, person: Person) -> None:
    st.subheader("Ledger", anchor=False)
    tools = {status.tool.id: status.tool.name for status in workbench.tools(person)}
    filter_bar(tools, dict(workbench.submitters(person)))
    rows = asked_rows()
    entries = workbench.credits.entries(
        person,
        kinds=[LedgerKind(word) for word in values("kind")],
        tools=values("tool"),
        persons=values("submitter"),
        since=since(),
        limit=rows,
    )
    if not entries:
        narrowed = any(values(name) for name in NAMES)
        if not narrowed:
            return empty("Nothing was granted or spent yet. The site's admin grants credits.")
        return empty("No row of the ledger fits these filters.")
    table(entries, tools)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(entries) == rows < MOST_ENTRIES:
            st.button(f"Show {PAGE} more", key="credits.more", on_click=show_more, args=(rows,))
        st.caption(
            f"The newest {len(entries):,} rows."
            if len(entries) == rows
            else human.count(len(entries), "row") + "."
        )


def filter_bar(tools: Mapping[str, str], people: Mapping[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="credits-filters"):
        pick("kind", "Anything", {str(kind): words for kind, words in WORDS.items()})
        pick("tool", "Any tool", tools)
        pick("submitter", "Anybody", people)
        pick("days", "Any time", DAYS)
        if any(values(name) for name in NAMES):
            st.button("Clear filters", type="tertiary", key="credits.clear", on_click=clear)


def pick(name: str, everything: str, options: Mapping[str, str]) -> None:
    """One of many. What stands in the URL stays there, also where it is no option any more."""
    given = values(name)
    known = dict(options) | {value: value for value in given if value not in options}
    st.session_state[f"credits.{name}"] = given[0] if given else None
    st.selectbox(
        everything,
        list(known),
        index=None,
        key=f"credits.{name}",
        format_func=lambda value: known.get(value, value),
        placeholder=everything,
        label_visibility="collapsed",
        width=190,
        on_change=session.on_change(put),
        args=(name,),
    )


def put(name: str) -> None:
    st.query_params.pop("rows", None)
    chosen = st.session_state[f"credits.{name}"]
    if chosen is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = chosen


def clear() -> None:
    for name in (*NAMES, "rows"):
        st.query_params.pop(name, None)


def show_more(rows: int) -> None:
    st.query_params["rows"] = str(min(rows + PAGE, MOST_ENTRIES))


def values(name: str) -> list[str]:
    """What the URL asks for; nothing where it asks for what cannot be."""
    given = st.query_params.get_all(name)
    if name == "submitter":
        return [value for value in given if valid_id(value)]
    allowed = {"kind": [str(kind) for kind in WORDS], "days": list(DAYS)}.get(name, given)
    return [value for value in given if value in allowed]


def asked_rows() -> int:
    text = st.query_params.get("rows", "")
    known = text.isascii() and text.isdigit() and len(text) < 6
    return min(max(int(text), PAGE), MOST_ENTRIES) if known else PAGE


def since() -> datetime | None:
    days = values("days")
    return utcnow() - timedelta(days=int(days[0])) if days else None


def table(entries: list[LedgerEntry], tools: Mapping[str, str]) -> None:
    signed = st.column_config.NumberColumn
    st.dataframe(
        frame(entries, tools),
        hide_index=True,
        height="content" if len(entries) < 16 else 480,
        column_config={
            "When": st.column_config.TextColumn(width=140, help="In your time zone."),
            "What": st.column_config.TextColumn(width=110),
            "For": st.column_config.TextColumn(width=150, help="The tool, or what a grant was for."),
            "By": st.column_config.TextColumn(width=110, help="Who submitted the job, or who granted."),
            "Balance": signed(format="%+d", width=70, help="Change of the balance."),
            "Held": signed(format="%+d", width=60, help="Change of what is held."),
            "Job": st.column_config.LinkColumn(
                display_text="open", width=60, help="Empty once the job was deleted."
            ),
        },
        placeholder="",
        alt="The ledger, newest first",
    )


def frame(entries: list[LedgerEntry], tools: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "When": [f"{human.local(entry.at):%Y-%m-%d %H:%M:%S}" for entry in entries],
            "What": [WORDS[entry.kind] for entry in entries],
            "For": [
                entry.note if entry.kind is LedgerKind.GRANT else tools.get(entry.note, entry.note)
                for entry in entries
            ],
            "By": [entry.person_name for entry in entries],
            "Balance": [entry.balance or None for entry in entries],
            "Held": [entry.held or None for entry in entries],
            "Job": [f"/app/jobs?jobId={entry.job}" if entry.job else None for entry in entries],
        }
    )
