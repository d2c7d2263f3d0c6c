"""The third step: one report of many Pathoscope results."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from compute.workbench import Submission, Workbench
from data.errors import WellplateError
from data.records import Job, JobFilter, Person, Status
from pages.parts import human
from pages.parts.drawing import empty, refusal

TOOL = "virus-report"
#: Results to choose from, newest first.
LISTED = 500
RESULT = "pathoscope.json"


def draw(workbench: Workbench, person: Person) -> None:
    tags = ["", *workbench.marks.tags(person)]
    tag = st.selectbox(
        "Of the jobs with the tag",
        tags,
        format_func=lambda tag: tag or "All results of Pathoscope",
        key="samples.tag",
        width=360,
    )
    wanted = JobFilter(tool=("pathoscope",), status=(Status.COMPLETED,), tag=tag or None)
    jobs = workbench.jobs(person, wanted, limit=LISTED).jobs
    if not jobs:
        return empty(
            "No result of Pathoscope yet. Run it in step 2, and come back when the jobs are completed."
        )
    chosen = choose(jobs)
    controls = st.text_input(
        "Negative controls",
        key="samples.controls",
        placeholder="NTC, water",
        help="Names of the samples that are negative controls, with commas between them.",
        width=360,
    )
    report = submission(chosen, controls, tag)
    label = f"Compare {human.count(len(chosen), 'sample')}"
    if st.button(
        label, type="primary", icon=":material/grid_on:", key="samples.compare", disabled=not chosen
    ):
        try:
            job = workbench.submit(person, report)
        except WellplateError as error:
            return refusal(error)
        st.switch_page("jobs.py", query_params={"jobId": job.id})


def choose(jobs: list[Job]) -> list[Job]:
    """All of them until some are ticked."""
    frame = pd.DataFrame(
        [
            {
                "Name": job.name,
                "Submitter": job.submitter_name,
                "Ended": human.ago(job.ended_at or job.created_at),
            }
            for job in jobs
        ]
    )
    ids = ",".join(job.id for job in jobs)
    selection = st.dataframe(
        frame,
        hide_index=True,
        key=f"samples.results.{hash(ids)}",
        on_select="rerun",
        selection_mode="multi-row",
        alt="Table: results of Pathoscope",
        height="auto" if len(frame) < 12 else 420,
    )
    ticked = [jobs[row] for row in selection["selection"]["rows"] if row < len(jobs)]
    st.caption("Tick the results to compare; without a tick all of them are.")
    return ticked or jobs


def submission(jobs: list[Job], controls: str, tag: str) -> Submission:
    return Submission(
        tool=TOOL,
        inputs={"results": [{"job": job.id, "path": RESULT} for job in jobs]},
        settings={"negative_controls": controls},
        name=f"Viruses of {tag}" if tag else None,
    )
