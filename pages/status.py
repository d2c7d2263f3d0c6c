"""Status, for everyone: whether everything answers, how busy it is, and why jobs wait."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from compute import workbench
from compute.status import Queue
from compute.workbench import Health, Workbench
from data.errors import WellplateError
from data.records import TERMINAL, Person, Status
from pages.components.live import listen
from pages.parts import human, session, statuses
from pages.parts.drawing import empty, header, refusal


def main(workbench: Workbench, person: Person) -> None:
    header(
        "Status", "Whether everything answers here, how busy it is, and why jobs wait. All teams together."
    )
    state(workbench, person)


@st.fragment
def state(workbench: Workbench, person: Person) -> None:
    session.still(person)
    listen(key="status.live", whole_list=True)
    try:
        health, queue = workbench.health(), workbench.status.queue()
    except WellplateError as error:
        return refusal(error)
    answers(health)
    numbers(health, queue)
    left, right = st.columns([3, 2], gap="large")
    with left:
        reasons(queue)
    with right:
        lately(queue)
    workers(health)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Wellplate {health.version} · as of {human.clock()}", width="content")
        st.button("Look again", icon=":material/refresh:", type="tertiary", key="status.again")


def answers(health: Health) -> None:
    if health.ok:
        st.success("App, store and cluster answer.", icon=":material/check_circle:")
        return
    wrong = [("Store", health.store), ("Cluster", health.cluster)]
    sentences = [f"{what}: {state}" for what, state in wrong if state != "ok"] or ["No worker is connected."]
    st.error(human.markdown_text(" · ".join(sentences)), icon=":material/error:")


def numbers(health: Health, queue: Queue) -> None:
    cpus = sum(worker["cpus"] for worker in health.workers)
    oldest, wait = queue.oldest, queue.typical_wait_s
    with st.container(horizontal=True, gap="large"):
        number("Free slots", f"{health.slots} of {cpus}", "CPU slots that no job takes, over all workers.")
        number("Running", f"{health.jobs.get(Status.PROCESSING, 0):,}", "Jobs that are carried out now.")
        number("Waiting", f"{queue.waiting:,}", "Jobs that have not started yet.")
        number("Oldest waits for", human.since(oldest) if oldest else "–", "Since it was submitted.")
        number(
            "Typical wait",
            "–" if wait is None else human.duration(wait),
            "Of the jobs that took a slot within 24 hours, half waited less.",
        )


def number(label: str, value: str, help: str) -> None:
    st.metric(label, value, help=help, width="content")


def reasons(queue: Queue) -> None:
    st.subheader("Why jobs wait", anchor=False)
    if not queue.reasons:
        st.caption("No job waits.")
        return
    rows = "".join(
        f"<tr><td class='n'>{human.count(reason.jobs, 'job')}</td><td>{escape(reason.words)}</td>"
        f"<td class='quiet'>oldest {human.time_html(reason.oldest)}</td></tr>"
        for reason in queue.reasons
    )
    st.html(f'<table class="plain" aria-label="Why jobs wait">{rows}</table>')
    st.caption("A job's own page says why that one waits.")


def lately(queue: Queue) -> None:
    st.subheader("Ended within 24 hours", anchor=False)
    if not queue.ended:
        st.caption("No job.")
        return
    with st.container(horizontal=True):
        for status in sorted(TERMINAL, key=list(Status).index):
            look = statuses.LOOKS[status]
            if ended := queue.ended.get(status):
                st.badge(f"{look.label} {ended:,}", color=look.colour, help=look.help)


def workers(health: Health) -> None:
    st.subheader("Workers", anchor=False)
    if not health.workers:
        return empty(
            "No worker is connected: jobs wait until one is. The app starts one by itself unless told otherwise."
        )
    st.dataframe(
        pd.DataFrame(
            {
                "Name": [worker["name"].rpartition("//")[2] for worker in health.workers],
                "Running": [worker["running"] for worker in health.workers],
                "CPUs": [worker["cpus"] for worker in health.workers],
                "Memory (GB)": [round(worker["memory_mb"] * 2**20 / 1e9, 1) for worker in health.workers],
                "GPUs": [worker["gpus"] for worker in health.workers],
            }
        ),
        hide_index=True,
        alt="Workers",
    )


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
