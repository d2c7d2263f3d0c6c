"""Starting many jobs with one button, and what became of them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from compute.many import Started
from compute.workbench import Submission, Workbench
from data.errors import WellplateError
from data.records import Person, utcnow
from pages.parts import human
from pages.parts.drawing import refusal

_TAB = "samples.tab"
_PRICED = "samples.priced"


def ask(
    workbench: Workbench,
    person: Person,
    submissions: Sequence[Submission],
    *,
    verb: str,
    key: str,
    after: str,
) -> None:
    """A tag and the button; once it was pressed, what was started."""
    if not submissions:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tag = st.text_input(
            "Tag of these jobs",
            value=f"run {human.local(utcnow()):%Y-%m-%d}",
            key=f"{key}.tag",
            help="By it you find them again in the list of jobs.",
            width=260,
        )
        pressed = st.button(
            f"{verb}{price(workbench, person, submissions)}",
            type="primary",
            icon=":material/play_arrow:",
            key=f"{key}.start",
        )
    if pressed:
        try:
            started = carry_out(workbench, person, submissions, tag.strip())
        except WellplateError as error:
            return refusal(error)
        st.session_state[f"{key}.started"] = (started, tag.strip())
    if f"{key}.started" in st.session_state:
        started, used = st.session_state[f"{key}.started"]
        told(started, used, after)


def price(workbench: Workbench, person: Person, submissions: Sequence[Submission]) -> str:
    """Asked once for the same submissions: each takes milliseconds, and there may be thousands."""
    asked = person.id, person.team, [_hash(each) for each in submissions]
    known: tuple[object, int] | None = st.session_state.get(_PRICED)
    if known is None or known[0] != asked:
        try:
            credits = sum(workbench.quote(person, each, content=False).credits for each in submissions)
        except WellplateError:
            return ""  # told when it is submitted
        known = st.session_state[_PRICED] = (asked, credits)
    return f" · {human.credits(known[1])}" if known[1] else ""


def carry_out(workbench: Workbench, person: Person, submissions: Sequence[Submission], tag: str) -> Started:
    """Pressing twice makes each job once, in one tab: the key of a submit is what it asks for."""
    bar = st.progress(0.0, text="Starting")

    def progress(done: int, all: int) -> None:
        bar.progress(done / all, text=f"Starting {done} of {all}")

    keyed = [replace(each, idempotency_key=key_of(each)) for each in submissions]
    started = workbench.many.start(person, keyed, tag, progress)
    bar.empty()
    return started


def key_of(submission: Submission) -> str:
    return f"{st.session_state.setdefault(_TAB, secrets.token_hex(8))}-{_hash(submission)}"


def _hash(submission: Submission) -> str:
    asked = json.dumps([submission.tool, submission.inputs, submission.settings], sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def told(started: Started, tag: str, after: str) -> None:
    if started.jobs:
        st.success(
            f"{human.count(len(started.jobs), 'job')} started. {after}", icon=":material/check_circle:"
        )
        st.page_link(
            "jobs.py",
            label="Watch them in the list of jobs",
            icon=":material/list:",
            query_params={"tag": tag} if tag else {},
        )
    for name, reason in started.refused[:20]:
        st.error(f"{human.markdown_text(name)}: {human.markdown_text(reason)}", icon=":material/error:")
    if len(started.refused) > 20:
        st.caption(f"{len(started.refused) - 20} more were refused.")
