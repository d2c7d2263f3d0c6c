"""The library: what the team made once and uses again, by kind; or the one file that the URL names."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.records import Person
from pages import library_item, library_list, sign_in
from pages.parts import session


def main(workbench: Workbench, person: Person | None) -> None:
    item = st.query_params.get("item")
    if item is not None:
        library_item.main(workbench, person, item)
    elif person is not None:
        library_list.main(workbench, person)
    else:
        sign_in.ask()


if __name__ == "__main__":
    main(workbench.current(), session.person())
