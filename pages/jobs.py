"""Jobs: the list, or the one that the URL names."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.records import Person
from pages import job_detail, job_list, session


def main(workbench: Workbench, person: Person) -> None:
    job_id = st.query_params.get("jobId")
    if job_id is None:
        job_list.main(workbench, person)
    else:
        job_detail.main(workbench, person, job_id)


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
