"""Whether everything answers: workers, free slots, the queue."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from compute import workbench
from compute.workbench import Health, Workbench
from data.errors import WellplateError
from data.records import LIVE, Person, Status
from pages import human, session, statuses
from pages.components.live import listen
from pages.drawing import empty, header, refusal


def main(workbench: Workbench, person: Person) -> None:
    header("Server", "What runs Wellplate here, and how busy it is.")
    state(workbench, person)


@st.fragment
def state(workbench: Workbench, person: Person) -> None:
    session.still(person)
    listen(key="server.live", whole_list=True)
    try:
        health = workbench.health()
    except WellplateError as error:
        return refusal(error)
    if health.ok:
        st.success("App, store and cluster answer.", icon=":material/check_circle:")
    else:
        sentence = f"Store: {health.store}. Cluster: {health.cluster}."
        st.error(human.markdown_text(sentence), icon=":material/error:")
    with st.container(horizontal=True, gap="large"):
        st.metric("Free CPU slots", f"{health.slots}", width="content")
        st.metric("Workers", f"{len(health.workers)}", width="content")
        st.metric("Version", health.version, width="content")
    jobs_by_status(health)
    workers(health)


def jobs_by_status(health: Health) -> None:
    st.subheader("Jobs that have not ended", anchor=False)
    with st.container(horizontal=True):
        for status in sorted(LIVE, key=list(Status).index):
            look = statuses.LOOKS[status]
            st.badge(f"{look.label} {health.jobs.get(str(status), 0):,}", color=look.colour, help=look.help)


def workers(health: Health) -> None:
    st.subheader("Workers", anchor=False)
    if not health.workers:
        return empty(
            "No worker is connected: jobs wait until one is. The app starts one by itself unless told otherwise."
        )
    st.dataframe(
        pd.DataFrame(
            {
                "Name": [worker["name"] for worker in health.workers],
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
