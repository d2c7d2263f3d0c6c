"""Many samples at once, in three steps: make them of FASTQ files, run Pathoscope on all, compare the results."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.records import Person
from pages import samples_compare, samples_make, samples_map
from pages.parts import flash, session
from pages.parts.drawing import header

STEPS = {"make": "1 · Make samples", "map": "2 · Run Pathoscope", "compare": "3 · Compare"}
DRAWN = {"make": samples_make.draw, "map": samples_map.draw, "compare": samples_compare.draw}
_STEP = "samples.step"


def main(workbench: Workbench, person: Person) -> None:
    header("Many samples", "From the FASTQ files of a run to one table of viruses × samples.")
    st.page_link(
        "library.py", label="Library", icon=":material/arrow_back:", query_params={"kind": "samples"}
    )
    flash.show()
    DRAWN[step()](workbench, person)


def step() -> str:
    """The step that the URL names; samples in it are to be mapped."""
    usual = "map" if "sample" in st.query_params else "make"
    asked = st.query_params.get("step", usual)
    st.session_state[_STEP] = asked if asked in STEPS else usual
    return str(
        st.segmented_control(
            "Step",
            list(STEPS),
            format_func=STEPS.__getitem__,
            key=_STEP,
            required=True,
            label_visibility="collapsed",
            on_change=session.on_change(remember_step),
        )
    )


def remember_step() -> None:
    st.query_params.from_dict({"step": st.session_state[_STEP]})


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
