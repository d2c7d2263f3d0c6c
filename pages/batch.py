"""Batches: the list, or the one that the URL names. A public one opens for anybody, the list for who is signed in."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.records import Person
from pages import batch_detail, batch_list, sign_in
from pages.parts import session


def main(workbench: Workbench, person: Person | None) -> None:
    batch_id = st.query_params.get("batchId")
    if batch_id is not None:
        batch_detail.main(workbench, person, batch_id)
    elif person is not None:
        batch_list.main(workbench, person)
    else:
        sign_in.ask()


if __name__ == "__main__":
    main(workbench.current(), session.person())
