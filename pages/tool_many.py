"""Many jobs at once: every line is looked at before anything starts, what all of it costs, and Run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from compute.batches import BatchSubmission, Line, Plan
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person
from pages.parts import human
from pages.parts.drawing import refusal
from pages.tool_form import Form
from pages.tool_run import reason_against
from tools.contract import Tool

#: Lines of what will be run that are shown, and of those that cannot be run.
FIRST, LISTED = 6, 500
#: Lines of the price.
PRICED = 8
#: Sizes of jobs that are told apart.
SIZES = 3
_LOOKED = "tool.many.looked"


@dataclass(frozen=True)
class Looked:
    """A plan, and what it was made of."""

    digest: str
    plan: Plan


def run_box(
    workbench: Workbench, person: Person, tool: Tool, form: Form, slots: dict[str, DeltaGenerator]
) -> None:
    with st.container(border=True):
        st.subheader("Run", anchor=False)
        key = f"form.{form.id}.name"
        st.session_state.setdefault(key, form.name)
        form.name = st.text_input(
            "Name of the batch", key=key, placeholder="by itself, from the inputs", max_chars=200
        ).strip()
        submission = BatchSubmission(
            tool=tool.id,
            inputs=form.given["inputs"],
            settings=form.given["settings"],
            name=form.name or None,
        )
        plan, refused = looked_at(workbench, person, submission)
        skip = bool(plan and plan.good and bad(plan) and go_on_without(form, bad(plan)))
        reason = refused or why_not(workbench, person, plan, form, slots, skip)
        button = st.container()
        progress = st.empty()
        if plan and plan.lines:
            told(plan, workbench.credits.mode)
        with button:
            if st.button(
                run_label(plan, workbench.credits.mode),
                type="primary",
                icon=":material/play_arrow:",
                disabled=reason is not None,
                help=reason or (breakdown(plan) if workbench.credits.mode != "off" else None),
                width="stretch",
                key="tool.run",
            ):
                submit(workbench, person, replace(submission, skip_invalid=skip), form, plan, progress)
            if reason:
                st.caption(f":material/info: {reason}")
            elif plan and plan.credits and workbench.credits.mode != "off":
                st.caption(estimate(workbench, person, plan))


def looked_at(
    workbench: Workbench, person: Person, submission: BatchSubmission
) -> tuple[Plan | None, str | None]:
    """The plan, made anew only when inputs or settings have changed; or the sentence with which it was refused."""
    digest = digest_of([person.id, person.team, submission.tool, submission.inputs, submission.settings])
    before: Looked | None = st.session_state.get(_LOOKED)
    if before is not None and before.digest == digest:
        return before.plan, None
    try:
        with st.spinner("Looking at every line …", show_time=True):
            plan = workbench.batches.plan(person, submission)
    except WellplateError as error:
        return None, human.markdown_text(error.message)
    st.session_state[_LOOKED] = Looked(digest, plan)
    return plan, None


def digest_of(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def bad(plan: Plan) -> int:
    """Lines that cannot be run."""
    return len(plan.lines) - plan.good


def go_on_without(form: Form, number: int) -> bool:
    return st.checkbox(
        f"Go on without the {number:,} that cannot be run",
        key=f"form.{form.id}.skip",
        help="They are left out and cost nothing. What is wrong with each stands below.",
    )


def why_not(
    workbench: Workbench,
    person: Person,
    plan: Plan | None,
    form: Form,
    slots: dict[str, DeltaGenerator],
    skip: bool,
) -> str | None:
    """Why Run is off, or None."""
    if plan is None:
        return None
    # The team's credits change while the plan stays.
    lack = workbench.credits.refusal(person, plan.credits, "batch")
    if reason := reason_against(replace(plan, affordable=True), form, slots):
        return reason
    if not plan.good:
        return "None of the lines can be run." if plan.lines else "There is nothing to run yet."
    if bad(plan) and not skip:
        them = "it" if bad(plan) == 1 else "them"
        lines = human.count(len(plan.lines), "line")
        return f"{bad(plan):,} of {lines} cannot be run: correct {them}, or go on without {them}."
    return human.markdown_text(lack) if lack else None


def run_label(plan: Plan | None, mode: str) -> str:
    """With the number of jobs and the price, as soon as they are known."""
    if plan is None or not plan.good:
        return "Run"
    jobs = human.count(plan.good, "job")
    return f"Run {jobs}" if mode == "off" else f"Run {jobs} · {human.credits(plan.credits)}"


def breakdown(plan: Plan | None) -> str:
    if plan is None or not plan.credits:
        return "Costs nothing."
    return " + ".join(f"{human.markdown_text(label)}: {credits:,}" for label, credits in price_of(plan))


def price_of(plan: Plan) -> list[tuple[str, int]]:
    """What the price is made of; thousands of ligands with a line each are one sum."""
    lines = [(line.label, line.credits) for line in plan.price]
    if len(lines) <= PRICED:
        return lines
    rest = lines[PRICED - 1 :]
    return [*lines[: PRICED - 1], (f"{len(rest):,} more like these", sum(credits for _, credits in rest))]


def estimate(workbench: Workbench, person: Person, plan: Plan) -> str:
    """The cost against the balance."""
    if workbench.credits.mode != "enforce":
        return "Credits are counted here, not asked for."
    available = workbench.credits.balance(person).available
    return f"{available:,} credits available, {available - plan.credits:,} after this batch."


def told(plan: Plan, mode: str) -> None:
    """What will be run and what it costs, what cannot be run and why, and what may fail."""
    problems = [line for line in plan.lines if line.problem]
    doubts = [line for line in plan.lines if line.doubt and not line.problem]
    good = [line for line in plan.lines if not line.problem]
    if problems:
        st.markdown(f":red[:material/error: **{human.count(len(problems), 'line')} cannot be run**]")
        listed([(line, line.problem) for line in problems])
    if doubts:
        st.markdown(f":orange[:material/warning: **{human.count(len(doubts), 'line')} may fail**]")
        listed([(line, line.doubt) for line in doubts])
    if not good:
        return
    with_price = mode != "off" and plan.credits > 0
    if with_price and plan.price:
        st.markdown("**Cost**")
        costs(plan)
    st.markdown(f"**{human.markdown_text(summed(good))}**")
    first(good, with_price)


def summed(good: Sequence[Line]) -> str:
    """ "5 jobs, 2 chains each", or how many of each size where there are few sizes."""
    jobs, sizes = human.count(len(good), "job"), Counter(line.size for line in good)
    if "" in sizes or len(sizes) > SIZES:
        return jobs
    if len(sizes) == 1:
        return f"{jobs}, {good[0].size}{' each' if len(good) > 1 else ''}"
    return f"{jobs}: " + ", ".join(f"{number:,} of {size}" for size, number in sizes.most_common())


def listed(lines: Sequence[tuple[Line, str]]) -> None:
    """Each with its sentence; many scroll by themselves."""
    items = "".join(
        f"<li><b>{escape(line.where)}</b> <span class='quiet'>{escape(line.name)}</span><br>{escape(sentence)}</li>"
        for line, sentence in lines[:LISTED]
    )
    if more := max(0, len(lines) - LISTED):
        items += f"<li class='quiet'>and {more:,} more</li>"
    st.html(f'<ul class="lines" tabindex="0">{items}</ul>')


def costs(plan: Plan) -> None:
    rows = "".join(
        f"<tr><td>{escape(label)}</td><td class='n'>{credits:,}</td></tr>"
        for label, credits in price_of(plan)
    )
    total = f"<tr class='sum'><td>Together</td><td class='n'>{human.credits(plan.credits)}</td></tr>"
    st.html(f'<table class="plain costs">{rows}{total}</table>')


def first(good: Sequence[Line], with_price: bool) -> None:
    """The first of what will be run, and how many follow."""
    rows = "".join(
        f"<tr><td>{escape(line.name)}</td><td class='quiet'>{escape(line.where)}</td>"
        + (f"<td class='n'>{line.credits:,}</td>" if with_price else "")
        + "</tr>"
        for line in good[:FIRST]
    )
    more = len(good) - FIRST
    rest = f"<tr><td class='quiet' colspan='3'>and {more:,} more</td></tr>" if more > 0 else ""
    st.html(f'<table class="plain lines">{rows}{rest}</table>')


def submit(
    workbench: Workbench,
    person: Person,
    submission: BatchSubmission,
    form: Form,
    plan: Plan | None,
    slot: DeltaGenerator,
) -> None:
    body = {
        "name": submission.name,
        "inputs": submission.inputs,
        "settings": submission.settings,
        "many": True,
    }

    def come(done: int, of: int) -> None:
        slot.progress(done / max(1, of), text=f"{done:,} of {human.count(of, 'job')} submitted")

    try:
        batch = workbench.batches.submit(
            person,
            replace(
                submission,
                expected_credits=plan.credits if plan else None,
                idempotency_key=form.idempotency_key(body | {"skip": submission.skip_invalid}),
            ),
            on_progress=come,
        )
    except WellplateError as error:
        return refusal(error)
    form.keys.clear()
    st.session_state.pop(_LOOKED, None)
    st.switch_page("batch.py", query_params={"batchId": batch.id})
