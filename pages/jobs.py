"""Jobs: the list, or the one that the URL names. A public job opens for anybody, the list only for who is signed in."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.records import Person
from pages import job_detail, job_list, sign_in
from pages.parts import session


def main(workbench: Workbench, person: Person | None) -> None:
    job_id = st.query_params.get("jobId")
    if job_id is not None:
        job_detail.main(workbench, person, job_id)
    elif person is not None:
        job_list.main(workbench, person)
    else:
        sign_in.ask()


if __name__ == "__main__":
    main(workbench.current(), session.person())
