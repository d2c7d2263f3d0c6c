"""What can be done with jobs: the menu's words, and the dialogs that ask before anything happens.

A dialog is asked for by leaving its name in the session, and stays until it is answered or closed, so that a redraw of
the page under it does not take it away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st

from compute.workbench import Outcomes, Workbench
from data.errors import WellplateError
from data.records import Job, Person, Status
from pages import human, session
from pages.drawing import refusal

LABELS = {
    "open": ":material/open_in_full: Open",
    "rename": ":material/edit: Rename",
    "duplicate": ":material/content_copy: Duplicate",
    "retry": ":material/replay: Retry",
    "cancel": ":material/stop_circle: Cancel",
    "delete": ":material/delete: Delete",
    "download": ":material/download: Download",
    "copy_link": ":material/link: Copy link",
}
_ASKED, _TOLD, _GO = "jobs.asked", "jobs.told", "jobs.go"
#: Names listed in a dialog before "and 12 more".
LISTED = 12


@dataclass(frozen=True)
class Asked:
    action: str
    jobs: tuple[Job, ...]


def allowed(actions: dict[str, str | None]) -> list[str]:
    """Keys of the actions that may be done now, in the menu's order."""
    return [key for key in LABELS if key in actions and actions[key] is None]


def choose(action: str, jobs: list[Job]) -> None:
    """In a callback: remember what was chosen; `carry_out` does it when the page is drawn."""
    if action in ("open", "duplicate"):
        st.session_state[_GO] = Asked(action, tuple(jobs))
    else:
        st.session_state[_ASKED] = Asked(action, tuple(jobs))


def carry_out(workbench: Workbench, person: Person) -> None:
    """Go where a choice leads, open the dialog it needs, and say what the last one did."""
    going: Asked | None = st.session_state.pop(_GO, None)
    if going and going.action == "open":
        st.switch_page("jobs.py", query_params={"jobId": going.jobs[0].id})
    if going:
        job = going.jobs[0]
        st.switch_page("tool.py", query_params={"tool": job.tool, "from": job.id})
    told: Outcomes | None = st.session_state.pop(_TOLD, None)
    if told:
        tell(told)
    asked: Asked | None = st.session_state.get(_ASKED)
    if asked:
        title, _ = _DIALOGS[asked.action]
        st.dialog(title, on_dismiss=_close)(_ask)(workbench, person, asked)


def _ask(workbench: Workbench, person: Person, asked: Asked) -> None:
    """The dialog's inside, for as long as the person who opened it is signed in."""
    if who := session.still(person):
        _DIALOGS[asked.action][1](workbench, who, asked.jobs)


def _close() -> None:
    st.session_state.pop(_ASKED, None)


def tell(outcomes: Outcomes) -> None:
    """What a bulk action did, job by job."""
    if outcomes.done:
        st.success(f"Done for {human.count(len(outcomes.done), 'job')}: {_names(outcomes.done)}.")
    if outcomes.refused:
        lines = [
            f"- **{human.markdown_text(name)}**: {human.markdown_text(why)}" for name, why in outcomes.refused
        ]
        more = [f"- and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
        st.warning("Not done:\n" + "\n".join(lines[:LISTED] + more))


def _names(names: list[str]) -> str:
    shown = ", ".join(f"“{human.markdown_text(name)}”" for name in names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"


def _list(jobs: tuple[Job, ...]) -> None:
    st.markdown("\n".join(f"- {human.markdown_text(job.name)}" for job in jobs[:LISTED]))
    if len(jobs) > LISTED:
        st.caption(f"… and {len(jobs) - LISTED} more")


def _answered(action: Callable[[], Outcomes | None], label: str, *, primary: bool = True) -> None:
    """The dialog's two buttons; a refusal stays in the dialog as its sentence."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep as it is", key="ask.no"):
            _close()
            st.rerun()
        sure = st.button(label, type="primary" if primary else "secondary", key="ask.yes")
    if not sure:
        return
    try:
        outcomes = action()
    except WellplateError as error:
        return refusal(error)
    _close()
    if outcomes:
        st.session_state[_TOLD] = outcomes
    st.rerun()


def cancel_sentence(jobs: tuple[Job, ...]) -> str:
    """What cancelling costs now."""
    lost = sum(job.credits for job in jobs if job.status is Status.PROCESSING)
    if not lost:
        return "Cancelling now costs nothing."
    return f"Cancelling now costs {human.credits(lost)}: what a started job was charged is not given back."


def _cancel(workbench: Workbench, person: Person, jobs: tuple[Job, ...]) -> None:
    _list(jobs)
    st.markdown(f"The run is stopped and its partial files are removed. **{cancel_sentence(jobs)}**")
    ids = [job.id for job in jobs]
    _answered(lambda: workbench.cancel_many(person, ids), f"Cancel {human.count(len(jobs), 'job')}")


def _delete(workbench: Workbench, person: Person, jobs: tuple[Job, ...]) -> None:
    _list(jobs)
    st.markdown(
        "**Goes for good:** results, log, history and links to share.  \n"
        "**Stays:** uploaded files, and the rows in the credits' ledger (without the name)."
    )
    ids = [job.id for job in jobs]
    _answered(lambda: workbench.delete_many(person, ids), f"Delete {human.count(len(jobs), 'job')}")


def _retry(workbench: Workbench, person: Person, jobs: tuple[Job, ...]) -> None:
    _list(jobs)
    try:
        prices = [
            workbench.quote(person, workbench.submission(person, job.id), content=False).credits
            for job in jobs
        ]
    except WellplateError as error:
        return refusal(error)
    cost = sum(prices)
    says = f"costs {human.credits(cost)}" if cost else "costs nothing"
    st.markdown(f"Runs the same inputs and settings again as a new job. It **{says}**.")

    def again() -> Outcomes:
        new = [
            workbench.retry(person, job.id, expected_credits=price)
            for job, price in zip(jobs, prices, strict=True)
        ]
        return Outcomes(done=[job.name for job in new], refused=[])

    _answered(again, "Run again")


def _rename(workbench: Workbench, person: Person, jobs: tuple[Job, ...]) -> None:
    job = jobs[0]
    name = st.text_input("Name", value=job.name, max_chars=200, key=f"ask.name.{job.id}")

    def save() -> None:
        workbench.rename(person, job.id, name.strip())

    _answered(save, "Save")


def _download(workbench: Workbench, person: Person, jobs: tuple[Job, ...]) -> None:
    job = jobs[0]
    _list(jobs)
    for label, path in downloads(job):
        st.link_button(label, path, icon=":material/download:", width="stretch")


def downloads(job: Job) -> list[tuple[str, str]]:
    base = f"/api/v1/jobs/{job.id}"
    return [
        ("Everything, as zip", f"{base}/archive"),
        ("First table, as CSV", f"{base}/export?format=csv"),
        ("Results, as JSON", f"{base}/export?format=json"),
        ("Log", f"{base}/log"),
    ]


def _copy_link(workbench: Workbench, person: Person, jobs: tuple[Job, ...]) -> None:
    st.markdown("Opens this job for those who may see it:")
    st.code(link(jobs[0]), language=None, wrap_lines=True)


def link(job: Job) -> str:
    """The job's address as a colleague would type it."""
    here = urlsplit(st.context.url or "")
    return (
        f"{here.scheme}://{here.netloc}/app/jobs?jobId={job.id}"
        if here.netloc
        else f"/app/jobs?jobId={job.id}"
    )


Dialog = Callable[[Workbench, Person, tuple[Job, ...]], None]
_DIALOGS: dict[str, tuple[str, Dialog]] = {
    "cancel": ("Cancel?", _cancel),
    "delete": ("Delete for good?", _delete),
    "retry": ("Run again?", _retry),
    "rename": ("Rename", _rename),
    "download": ("Download", _download),
    "copy_link": ("Link to this job", _copy_link),
}
