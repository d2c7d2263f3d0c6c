"""Everything that can be run, found by what one wants to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import streamlit as st

from compute import workbench
from compute.workbench import Submission, ToolStatus, Workbench
from data.errors import WellplateError
from data.records import JobFilter, Person
from pages.parts import human, session
from pages.parts.drawing import header, refusal
from tools.contract import Tool

#: The price of a tool that names none.
FREE = Tool.__dataclass_fields__["price"].default

#: Shown to somebody who has not run anything yet.
FIRST_TOOL = "autodock-vina"


def main(workbench: Workbench, person: Person) -> None:
    header("Tools", "What can be run here. Load a tool's example to see what it does.")
    try:
        statuses = workbench.tools(person)
        new_here = not workbench.jobs(person, JobFilter(submitter=(person.id,)), limit=1).jobs
    except WellplateError as error:
        return refusal(error)
    if new_here:
        welcome(statuses)
    wanted = search_box()
    found = [status for status in statuses if matches(status.tool, wanted)]
    if not found:
        return nothing_found(wanted, statuses)
    runnable = [status for status in found if status.unavailable is None]
    for category, group in groupby(by_category(runnable), key=lambda status: status.tool.category):
        st.subheader(category, anchor=False)
        for status in group:
            row(status.tool, cost_hint(workbench, person, status.tool))
    unavailable([status for status in found if status.unavailable is not None])


def welcome(statuses: list[ToolStatus]) -> None:
    """What to do first."""
    ready = [status.tool for status in statuses if status.unavailable is None and status.tool.example]
    first = next((tool for tool in ready if tool.id == FIRST_TOOL), ready[0] if ready else None)
    if first is None:
        return
    with st.container(border=True):
        st.markdown(
            f"**New here?** Start with the example of {human.markdown_text(first.name)}: load it, press Run, and watch "
            "the job until its result is there. Nothing needs to be uploaded."
        )
        st.page_link(
            "tool.py",
            label=f"Load the example of {first.name}",
            icon=":material/play_circle:",
            query_params={"tool": first.id, "example": "1"},
        )


def search_box() -> str:
    """What the person wants to do; kept in the URL."""
    st.session_state["catalogue.q"] = st.query_params.get("q", "")
    st.text_input(
        "What do you want to do?",
        key="catalogue.q",
        type="search",
        live="200ms",
        placeholder="dock a ligand, convert a structure, look at a BAM file …",
        on_change=session.on_change(remember_search),
        width=520,
    )
    return st.query_params.get("q", "")


def remember_search() -> None:
    wanted = str(st.session_state["catalogue.q"] or "").strip()
    if wanted:
        st.query_params["q"] = wanted
    else:
        st.query_params.pop("q", None)


def matches(tool: Tool, wanted: str) -> bool:
    """Whether every word that was typed begins a word of what the tool says about itself."""
    text = " ".join((tool.name, tool.id, tool.summary, tool.category, *tool.keywords)).lower()
    words = text.replace("-", " ").replace("(", " ").replace(",", " ").split()
    return all(any(word.startswith(typed) for word in words) for typed in meaningful(wanted))


#: Small words of a sentence that say nothing about a tool.
_SMALL = frozenset("a an the to my of into in with and or i want some at from for".split())


def meaningful(wanted: str) -> list[str]:
    """The words that tell something, without a plural's s: `dock my ligands` -> dock, ligand."""
    words = [word for word in wanted.lower().replace("-", " ").split() if word not in _SMALL]
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words]


def by_category(statuses: Iterable[ToolStatus]) -> list[ToolStatus]:
    """In the catalogue's order, each category's tools together."""
    listed = list(statuses)
    order: dict[str, int] = {}
    for status in listed:
        order.setdefault(status.tool.category, len(order))
    return sorted(listed, key=lambda status: order[status.tool.category])


@st.cache_data(ttl="1h", max_entries=200, show_spinner=False)
def example_price(_workbench: Workbench, _person: Person, tool_id: str) -> int | None:
    """Credits that the tool's example costs; None where it cannot be told."""
    try:
        example = _workbench.example(_person, tool_id)
        submission = Submission(tool=tool_id, inputs=example.inputs, settings=example.settings)
        return _workbench.quote(_person, submission, content=False).credits
    except WellplateError:
        return None


def cost_hint(workbench: Workbench, person: Person, tool: Tool) -> str:
    if tool.price is FREE:
        return "free"
    price = example_price(workbench, person, tool.id)
    return "priced by input" if price is None else f"example: {human.credits(price)}"


def row(tool: Tool, cost: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        label = f"**{human.markdown_text(tool.name)}** – {human.markdown_text(tool.summary)}"
        st.page_link("tool.py", label=label, query_params={"tool": tool.id}, width="stretch")
        st.badge(
            cost, color="gray", help="The exact price stands on the Run button, before anything is charged."
        )


def unavailable(statuses: list[ToolStatus]) -> None:
    if not statuses:
        return
    st.subheader("Not installed here", anchor=False)
    for status in statuses:
        with st.container(border=True, gap="xsmall"):
            st.markdown(
                f"**{human.markdown_text(status.tool.name)}**  \n{human.markdown_text(status.tool.summary)}"
            )
            st.caption(human.markdown_text(status.unavailable or ""))


def show_all() -> None:
    st.query_params.pop("q", None)


def nothing_found(wanted: str, statuses: list[ToolStatus]) -> None:
    st.markdown(f"No tool matches “{human.markdown_text(wanted)}”.")
    names = ", ".join(human.markdown_text(status.tool.name) for status in statuses)
    st.caption(f"Try one word of what you want to do, such as *dock* or *convert*. There are: {names}.")
    st.button("Show all tools", on_click=show_all)


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
