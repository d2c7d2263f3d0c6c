"""One tool: its form, what a run costs, and Run."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from compute import workbench
from compute.workbench import Quote, Submission, ToolStatus, Workbench
from data.errors import WellplateError
from data.records import Person
from pages import file_inputs, forms, human, panels, session
from pages.drawing import header, refusal
from pages.forms import Field
from tools.contract import Panel, Problem, Tool

_FORM = "tool.form"
FILES = ("file", "files")


@dataclass
class Form:
    """What the form of this tab holds. A new one has new widgets, so that it starts from `values`."""

    tool: str
    #: Of every field that was ever drawn, also of those that do not matter now.
    values: dict[str, dict[str, Any]]
    #: What is submitted.
    given: dict[str, dict[str, Any]] = field(default_factory=lambda: {"inputs": {}, "settings": {}})
    name: str = ""
    #: Where the values came from, said above the form.
    note: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    #: One key for one body: pressing Run twice makes one job.
    keys: dict[str, str] = field(default_factory=dict)

    def idempotency_key(self, body: Mapping[str, Any]) -> str:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
        return self.keys.setdefault(digest, secrets.token_hex(16))


def main(workbench: Workbench, person: Person) -> None:
    tool_id = st.query_params.get("tool", "")
    try:
        status = workbench.tool(person, tool_id)
        form = current_form(workbench, person, status.tool)
    except WellplateError as error:
        return no_tool(error)
    st.set_page_config(page_title=f"{status.tool.name} · Wellplate")
    heading(status)
    if status.unavailable:
        st.warning(human.markdown_text(status.unavailable), icon=":material/build:")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        toolbar(workbench, person, status.tool, form)
        slots = fill_in(workbench, person, status.tool, form)
    with right:
        run_box(workbench, person, status.tool, form, slots)


def no_tool(error: WellplateError) -> None:
    header("This tool is not here")
    refusal(error)
    st.page_link("catalogue.py", label="All tools", icon=":material/arrow_back:")


def current_form(workbench: Workbench, person: Person, tool: Tool) -> Form:
    """The tab's form of this tool: as left, or filled from the example or from an earlier job as the URL asks."""
    source, example = st.query_params.get("from"), "example" in st.query_params
    if source or example:
        form = from_job(workbench, person, tool, source) if source else from_example(workbench, person, tool)
        st.session_state[_FORM] = form
        st.query_params.from_dict({"tool": tool.id})
        return form
    kept: Form | None = st.session_state.get(_FORM)
    if kept is not None and kept.tool == tool.id:
        return kept
    form = st.session_state[_FORM] = Form(tool.id, {"inputs": {}, "settings": {}})
    return form


def from_job(workbench: Workbench, person: Person, tool: Tool, job_id: str) -> Form:
    earlier = workbench.submission(person, job_id)
    values = {"inputs": dict(earlier.inputs), "settings": dict(earlier.settings)}
    return Form(tool.id, values, name=earlier.name or "", note=f"Filled in as in “{earlier.name}”.")


def from_example(workbench: Workbench, person: Person, tool: Tool) -> Form:
    example = workbench.example(person, tool.id)
    values = {"inputs": dict(example.inputs), "settings": dict(example.settings)}
    return Form(tool.id, values, note=f"Example: {example.name}. {example.note}".strip())


def heading(status: ToolStatus) -> None:
    tool = status.tool
    header(tool.name, tool.summary)
    parts = [f"[Homepage]({tool.homepage})", tool.version(), tool.licence]
    if tool.doi:
        parts.insert(1, f"[doi:{tool.doi}](https://doi.org/{tool.doi})")
    st.caption(" · ".join(part for part in parts if part and "(-)" not in part and part != "-"))


def toolbar(workbench: Workbench, person: Person, tool: Tool, form: Form) -> None:
    def load_example() -> None:
        st.session_state[_FORM] = from_example(workbench, person, tool)

    def clear() -> None:
        st.session_state[_FORM] = Form(tool.id, {"inputs": {}, "settings": {}})

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Load example", icon=":material/science:", on_click=load_example, key="tool.example")
        st.button("Clear", icon=":material/ink_eraser:", on_click=clear, type="tertiary", key="tool.clear")
    if form.note:
        st.caption(human.markdown_text(form.note))


def fill_in(workbench: Workbench, person: Person, tool: Tool, form: Form) -> dict[str, DeltaGenerator]:
    """Draw the form and keep its values. Returns the places for problems, by field."""
    slots: dict[str, DeltaGenerator] = {}
    inputs, settings = forms.fields(tool.Inputs), forms.fields(tool.Settings)
    inputs = [field for field in inputs if field.matters(partial(present, form, [*inputs, *settings]))]
    settings = [field for field in settings if field.matters(partial(present, form, [*inputs, *settings]))]
    if inputs:
        st.subheader("Inputs", anchor=False)
    values = section(workbench, person, form, "inputs", inputs, slots)
    plain = [field for field in settings if not field.advanced]
    advanced = [field for field in settings if field.advanced]
    if plain:
        st.subheader("Settings", anchor=False)
    chosen = section(workbench, person, form, "settings", plain, slots)
    if advanced:
        with st.expander("Advanced settings"):
            chosen |= section(workbench, person, form, "settings", advanced, slots)
    form.values = {"inputs": form.values["inputs"] | values, "settings": form.values["settings"] | chosen}
    form.given = {"inputs": forms.given(inputs, values), "settings": forms.given(settings, chosen)}
    return slots


def present(form: Form, fields: list[Field], name: str) -> Any:
    """The value that a field of the form has now, also before it is drawn in this run."""
    for part, values in form.values.items():
        key = f"form.{form.id}.{part}.{name}"
        if key in st.session_state:
            return st.session_state[key]
        if name in values:
            return values[name]
    return next((field.default for field in fields if field.name == name), None)


def section(
    workbench: Workbench,
    person: Person,
    form: Form,
    part: str,
    fields: list[Field],
    slots: dict[str, DeltaGenerator],
) -> dict[str, Any]:
    values: dict[str, Any] = dict(form.values[part])
    drawn: dict[str, Any] = {}
    for one in fields:
        key = f"form.{form.id}.{part}.{one.name}"
        initial = values.get(one.name, one.default)
        if one.kind in FILES:
            drawn[one.name] = file_inputs.draw(workbench, person, one, key, initial)
        else:
            drawn[one.name] = forms.draw(one, key, initial)
        slots[one.name] = st.empty()
    return drawn


def run_box(
    workbench: Workbench, person: Person, tool: Tool, form: Form, slots: dict[str, DeltaGenerator]
) -> None:
    with st.container(border=True):
        st.subheader("Run", anchor=False)
        key = f"form.{form.id}.name"
        st.session_state.setdefault(key, form.name)
        form.name = st.text_input(
            "Name of the job", key=key, placeholder="by itself, from the inputs", max_chars=200
        ).strip()
        submission = Submission(
            tool=tool.id,
            inputs=form.given["inputs"],
            settings=form.given["settings"],
            name=form.name or None,
        )
        quote, refused = quoted(workbench, person, submission)
        reason = refused or reason_against(quote, form, slots)
        if st.button(
            run_label(quote),
            type="primary",
            icon=":material/play_arrow:",
            disabled=reason is not None,
            help=reason or breakdown(quote),
            width="stretch",
            key="tool.run",
        ):
            submit(workbench, person, submission, form, quote)
        if reason:
            st.caption(f":material/info: {reason}")
        elif quote and quote.credits:
            st.caption(f"{quote.available:,} credits available. {breakdown(quote)}")
    for panel in previewed(workbench, person, submission):
        panels.draw_preview(panel)


def quoted(workbench: Workbench, person: Person, submission: Submission) -> tuple[Quote | None, str | None]:
    """The quote, or the sentence with which it was refused."""
    try:
        return workbench.quote(person, submission), None
    except WellplateError as error:
        return None, human.markdown_text(error.message)


def run_label(quote: Quote | None) -> str:
    return "Run" if quote is None else f"Run · {human.credits(quote.credits)}"


def breakdown(quote: Quote | None) -> str:
    if quote is None or not quote.credits:
        return "Costs nothing."
    return " + ".join(f"{human.markdown_text(line.label)}: {line.credits}" for line in quote.lines)


def reason_against(quote: Quote | None, form: Form, slots: dict[str, DeltaGenerator]) -> str | None:
    """Why Run is off, or None. Problems of fields that hold something stand at those fields too."""
    if quote is None:
        return None
    missing, wrong = sort_problems(quote.problems, form)
    elsewhere = []
    for name, messages in wrong.items():
        if name in slots:
            slots[name].markdown(f":red[:material/error: {' '.join(map(human.markdown_text, messages))}]")
        else:
            elsewhere += messages
    if missing:
        return f"Still needed: {', '.join(human.words(name).lower() for name in missing)}."
    if elsewhere:
        return human.markdown_text(" ".join(elsewhere))
    if wrong:
        return f"Look at: {', '.join(human.words(name).lower() for name in wrong)}."
    if not quote.affordable:
        return (
            f"This costs {human.credits(quote.credits)}, and the team has {quote.available:,} available. "
            "Ask the site's admin for more."
        )
    return None


def sort_problems(problems: list[Problem], form: Form) -> tuple[list[str], dict[str, list[str]]]:
    """Inputs that are simply not there yet, and what is wrong by field."""
    missing: list[str] = []
    wrong: dict[str, list[str]] = {}
    for problem in problems:
        name = field_name(problem.field)
        empty = not any(form.given[part].get(name) for part in form.given)
        if empty and "required" in problem.message.lower():
            missing.append(name)
        else:
            wrong.setdefault(name, []).append(problem.message)
    return missing, wrong


def field_name(path: str) -> str:
    """`inputs.ligands[1].text` -> `ligands`."""
    parts = path.replace("[", ".").split(".")
    return parts[1] if parts[0] in ("inputs", "settings") and len(parts) > 1 else parts[0]


def previewed(workbench: Workbench, person: Person, submission: Submission) -> list[Panel]:
    """What the tool shows before Run; nothing while what is given does not suffice."""
    try:
        return workbench.preview(person, submission)
    except WellplateError:
        return []


def submit(
    workbench: Workbench, person: Person, submission: Submission, form: Form, quote: Quote | None
) -> None:
    body = {"name": submission.name, "inputs": submission.inputs, "settings": submission.settings}
    try:
        job = workbench.submit(
            person,
            Submission(
                tool=submission.tool,
                inputs=submission.inputs,
                settings=submission.settings,
                name=submission.name,
                expected_credits=quote.credits if quote else None,
                idempotency_key=form.idempotency_key(body),
            ),
        )
    except WellplateError as error:
        return refusal(error)
    form.keys.clear()
    st.switch_page("jobs.py", query_params={"jobId": job.id})


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
