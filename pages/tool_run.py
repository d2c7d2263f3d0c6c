"""What a run costs, what stands in its way, and Run."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from compute.batches import Plan
from compute.workbench import Quote, Submission, Workbench
from data.errors import WellplateError
from data.records import Person
from pages.parts import human, panels
from pages.parts.drawing import refusal
from pages.tool_form import Form
from tools.contract import Panel, Problem, Tool


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
        mode = workbench.credits.mode
        reason = refused or reason_against(quote, form, slots)
        if st.button(
            run_label(quote) if mode != "off" else "Run",
            type="primary",
            icon=":material/play_arrow:",
            disabled=reason is not None,
            help=reason or (breakdown(quote) if mode != "off" else None),
            width="stretch",
            key="tool.run",
        ):
            submit(workbench, person, submission, form, quote)
        if reason:
            st.caption(f":material/info: {reason}")
        elif quote and quote.credits and mode != "off":
            st.caption(estimate(quote, enforced=mode == "enforce"))
            if warning := workbench.credits.low(person):
                st.caption(f":material/warning: {human.markdown_text(warning)}")
    panels.draw_plain(previewed(workbench, person, submission), "preview")


def quoted(workbench: Workbench, person: Person, submission: Submission) -> tuple[Quote | None, str | None]:
    """The quote, or the sentence with which it was refused."""
    try:
        return workbench.quote(person, submission), None
    except WellplateError as error:
        return None, human.markdown_text(error.message)


def run_label(quote: Quote | None) -> str:
    """With the price, as soon as enough is given to know it."""
    if quote is None or (quote.problems and not quote.credits):
        return "Run"
    return f"Run · {human.credits(quote.credits)}"


def breakdown(quote: Quote | None) -> str:
    if quote is None or not quote.credits:
        return "Costs nothing."
    return " + ".join(f"{human.markdown_text(line.label)}: {line.credits}" for line in quote.lines)


def estimate(quote: Quote, *, enforced: bool) -> str:
    """The cost against the balance, and what it is made of."""
    if not enforced:
        return f"{breakdown(quote)}. Credits are counted here, not asked for."
    left = quote.available - quote.credits
    return f"{quote.available:,} credits available, {left:,} after this run. {breakdown(quote)}."


def reason_against(quote: Quote | Plan | None, form: Form, slots: dict[str, DeltaGenerator]) -> str | None:
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
        return human.markdown_text(quote.lack or "The credits do not suffice.")
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
