"""One tool: its form, for one job or for many at once, what a run costs, Run, its earlier jobs, and the result of the
one that the URL names."""

from __future__ import annotations

from html import escape

import streamlit as st

from compute import workbench
from compute.workbench import ToolStatus, Workbench
from data.errors import WellplateError
from data.records import Person
from pages import tool_form, tool_history, tool_many, tool_result, tool_run
from pages.parts import human, session
from pages.parts.drawing import header, refusal
from pages.tool_form import Form
from tools.contract import Tool


def main(workbench: Workbench, person: Person) -> None:
    try:
        status = workbench.tool(person, asked(workbench, person))
    except WellplateError as error:
        return no_tool(error)
    try:
        form = tool_form.current(workbench, person, status.tool)
    except WellplateError as error:
        return no_job(error, status.tool)
    st.set_page_config(page_title=f"{status.tool.name} · Wellplate")
    heading(status)
    if status.unavailable:
        st.warning(human.markdown_text(status.unavailable), icon=":material/build:")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        toolbar(workbench, person, status.tool, form)
        slots = tool_form.fill_in(workbench, person, status.tool, form)
    with right:
        box = tool_many.run_box if form.many else tool_run.run_box
        box(workbench, person, status.tool, form, slots)
    if job_id := st.query_params.get("jobId"):
        tool_result.draw(workbench, person, job_id)


def asked(workbench: Workbench, person: Person) -> str:
    """The tool that the URL names; when it names a job only, that job's."""
    job_id = st.query_params.get("jobId")
    if "tool" in st.query_params or job_id is None:
        return st.query_params.get("tool", "")
    return workbench.job(person, job_id).job.tool


def no_tool(error: WellplateError) -> None:
    header("This tool is not here")
    refusal(error)
    st.page_link("catalogue.py", label="All tools", icon=":material/arrow_back:")


def no_job(error: WellplateError, tool: Tool) -> None:
    """The job that the URL names cannot fill the form."""
    header(tool.name, tool.summary)
    refusal(error)
    # A page link to the page that is open already leaves the old address in the browser.
    words = f"{escape(tool.name)} with an empty form"
    st.html(f'<a class="plain-link" target="_self" href="/app/tool?tool={tool.id}">{words}</a>')


def heading(status: ToolStatus) -> None:
    tool = status.tool
    header(tool.name, tool.summary)
    parts = [f"[Homepage]({tool.homepage})", tool.version(), tool.licence]
    if tool.doi:
        parts.insert(1, f"[doi:{tool.doi}](https://doi.org/{tool.doi})")
    st.caption(" · ".join(part for part in parts if part and "(-)" not in part and part != "-"))


def toolbar(workbench: Workbench, person: Person, tool: Tool, form: Form) -> None:
    def load_example() -> None:
        tool_form.shown(tool, tool_form.from_example(workbench, person, tool, form.many))

    def clear() -> None:
        tool_form.shown(tool, tool_form.cleared(tool, form.many))

    if tool.batch is not None:
        how_many(tool, form)
    example = tool.example if not form.many or tool.batch is None else tool.batch.example
    with st.container(horizontal=True, vertical_alignment="center"):
        if example is not None:
            st.button("Load example", icon=":material/science:", on_click=load_example, key="tool.example")
        if form.many:
            st.page_link(
                "batch.py", label="Batches", icon=":material/history:", query_params={"tool": tool.id}
            )
        else:
            st.button(
                "History",
                icon=":material/history:",
                on_click=tool_history.ask,
                args=(tool,),
                key="tool.history",
            )
        st.button("Clear", icon=":material/ink_eraser:", on_click=clear, type="tertiary", key="tool.clear")
    tool_history.carry_out(workbench, person, tool)
    if example is None and tool.first:
        st.caption(human.markdown_text(tool.first))
    if form.note:
        st.caption(human.markdown_text(form.note))


def how_many(tool: Tool, form: Form) -> None:
    """The switch between the two forms of the tool; each keeps what was filled in."""

    def turn() -> None:
        st.query_params.from_dict(tool_form.address(tool, st.session_state["tool.many"] == MANY))

    st.session_state["tool.many"] = MANY if form.many else ONE
    st.segmented_control(
        "How many at once",
        [ONE, MANY],
        key="tool.many",
        required=True,
        format_func={ONE: ":material/circle: One job", MANY: ":material/apps: Many at once"}.__getitem__,
        label_visibility="collapsed",
        on_change=session.on_change(turn),
    )


#: The choices of that switch.
ONE, MANY = "one", "many"


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
