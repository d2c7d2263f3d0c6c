"""The dialogs that ask before anything happens to jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from compute.bulk import OnProgress, Outcomes
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, Person, Status
from pages import job_actions, job_menu, sharing_dialog
from pages.job_actions import LISTED, Asked, Told, answered
from pages.parts import human, session
from pages.parts.drawing import badge, refusal


def carry_out(workbench: Workbench, person: Person | None) -> None:
    """Go where a choice leads, open the dialog it needs, and say what the last one did."""
    if going := job_actions.going():
        job = going.jobs[0]
        if going.action == "open":
            st.switch_page("jobs.py", query_params={"jobId": job.id})
        st.switch_page("tool.py", query_params={"tool": job.tool, "from": job.id})
    job_actions.told()
    if asked := job_actions.asked():
        width: Literal["small", "medium"] = "medium" if asked.action == "share" else "small"
        st.dialog(title(asked), width=width, on_dismiss=job_actions.close)(_ask)(workbench, person, asked)


def title(asked: Asked) -> str:
    if asked.action == "menu":
        return human.markdown_text(asked.jobs[0].name)
    return _DIALOGS[asked.action][0]


def _ask(workbench: Workbench, person: Person | None, asked: Asked) -> None:
    """The dialog's inside, for as long as the person who opened it is signed in."""
    if job_actions.asked() != asked:
        st.rerun()  # an entry of the menu in this dialog was chosen
    who = session.still(person)
    if who == person or who is not None:
        _DIALOGS[asked.action][1](workbench, who, asked)


def _menu(workbench: Workbench, person: Person | None, asked: Asked) -> None:
    job = asked.jobs[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(job)
        st.caption(
            f"by {human.markdown_text(job.submitter_name)}, {human.ago(job.created_at)}", width="content"
        )
    job_menu.draw(workbench, person, job)


def _list(asked: Asked) -> None:
    if asked.whole:
        st.markdown("**Everything that matches the filters**, also what stands on other pages:")
    st.markdown("\n".join(f"- {human.markdown_text(job.name)}" for job in asked.jobs[:LISTED]))
    if len(asked.jobs) > LISTED:
        st.caption(f"… and {len(asked.jobs) - LISTED:,} more")


def _able(workbench: Workbench, person: Person, asked: Asked) -> tuple[Job, ...]:
    """Those of the jobs to which the action can be done; says how many are others'."""
    able = tuple(job for job in asked.jobs if workbench.actions(person, job).get(asked.action, "no") is None)
    others = len(asked.jobs) - len(able)
    if others:
        verb = "stays as it is" if others == 1 else "stay as they are"
        st.caption(f"{human.count(others, 'job')} of these {verb}; the report says why.")
    return able


def _counter() -> OnProgress:
    """How far an action on many jobs has come, below the dialog's buttons."""
    slot = st.empty()

    def told(done: int, of: int) -> None:
        slot.progress(done / of, text=f"{done:,} of {human.count(of, 'job')}")

    return told


def cancel_sentence(jobs: tuple[Job, ...]) -> str:
    """What cancelling costs now."""
    lost = sum(job.credits for job in jobs if job.status is Status.PROCESSING)
    if not lost:
        return "Cancelling now costs nothing."
    return f"Cancelling now costs {human.credits(lost)}: what a started job was charged is not given back."


def _cancel(workbench: Workbench, person: Person, asked: Asked) -> None:
    _list(asked)
    able = _able(workbench, person, asked)
    st.markdown(f"The run is stopped and its partial files are removed. **{cancel_sentence(able)}**")
    answered(
        lambda: Told("cancel", workbench.bulk.cancel(person, asked.ids, on_progress=_counter())),
        f"Cancel {human.count(len(able), 'job')}",
    )


def _delete(workbench: Workbench, person: Person, asked: Asked) -> None:
    _list(asked)
    able = _able(workbench, person, asked)
    st.markdown(
        "**Goes for good:** results, log, history, tags and who it was shared with.  \n"
        "**Stays:** uploaded files, and the rows in the credits' ledger (without the name)."
    )
    answered(
        lambda: Told("delete", workbench.bulk.delete(person, asked.ids, on_progress=_counter())),
        f"Delete {human.count(len(able), 'job')}",
    )


def _retry(workbench: Workbench, person: Person, asked: Asked) -> None:
    _list(asked)
    if len(asked.jobs) == 1:
        return _retry_one(workbench, person, asked.jobs[0])
    able = _able(workbench, person, asked)
    cost = sum(job.credits for job in able)
    says = (
        f"cost **{human.credits(cost)}** when first submitted; today's prices are charged"
        if cost
        else "were free"
    )
    st.markdown(f"Runs the same inputs and settings again, each as a new job. They {says}.")
    answered(
        lambda: Told("retry", workbench.bulk.retry(person, asked.ids, on_progress=_counter())),
        f"Run {human.count(len(able), 'job')} again",
    )


def _retry_one(workbench: Workbench, person: Person, job: Job) -> None:
    try:
        price = workbench.quote(person, workbench.submission(person, job.id), content=False).credits
    except WellplateError as error:
        return refusal(error)
    says = f"costs {human.credits(price)}" if price else "costs nothing"
    st.markdown(f"Runs the same inputs and settings again as a new job. It **{says}**.")

    def again() -> Told:
        new = workbench.retry(person, job.id, expected_credits=price)
        return Told("retry", Outcomes(done=[(new.id, new.name)], refused=[]))

    answered(again, "Run again")


def _rename(workbench: Workbench, person: Person, asked: Asked) -> None:
    job = asked.jobs[0]
    name = st.text_input("Name", value=job.name, max_chars=200, key=f"ask.name.{job.id}")

    def save() -> None:
        workbench.rename(person, job.id, name.strip())

    answered(save, "Save")


def _tags(workbench: Workbench, person: Person, asked: Asked) -> None:
    job = asked.jobs[0]
    tags = st.multiselect(
        "Tags",
        sorted({*workbench.marks.tags(person), *job.tags}),
        default=job.tags,
        key=f"ask.tags.{job.id}",
        accept_new_options=True,
        placeholder="Choose, or type a new one",
        max_selections=20,
        help="Everybody who sees the job sees its tags. The list of jobs is filtered by them.",
    )

    def save() -> None:
        workbench.marks.tag(person, job.id, tags)

    answered(save, "Save")


def _copy_link(workbench: Workbench, person: Person | None, asked: Asked) -> None:
    job = asked.jobs[0]
    st.markdown("Opens this job for those who may see it. Copy it with the sign at its right:")
    st.code(job_actions.link(job), language=None, wrap_lines=True)
    st.caption(f"Who can see it: {human.markdown_text(workbench.sharing.words(person, job))}.")


def _share(workbench: Workbench, person: Person, asked: Asked) -> None:
    job, sharing = asked.jobs[0], workbench.sharing
    subject = sharing_dialog.Subject(
        job.id, job.team, "job", job_actions.link(job), sharing.show, sharing.change
    )
    sharing_dialog.draw(workbench, person, subject, close=job_actions.close)


#: Nobody signed in has copy_link only: the menu offers them nothing else.
Dialog = Callable[[Workbench, Any, Asked], None]
_DIALOGS: dict[str, tuple[str, Dialog]] = {
    "menu": ("Menu", _menu),
    "cancel": ("Cancel?", _cancel),
    "delete": ("Delete for good?", _delete),
    "retry": ("Run again?", _retry),
    "rename": ("Rename", _rename),
    "tags": ("Tags", _tags),
    "copy_link": ("Link to this job", _copy_link),
    "share": ("Share", _share),
}
