"""What a run left behind beside its result: the log, and what it used."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, Usage
from pages.parts import figures, human
from pages.parts.drawing import refusal

#: Last lines that are shown while a job runs, and of one that has ended.
TAIL, LINES = 40, 400


def log_tail(workbench: Workbench, person: Person | None, job_id: str) -> None:
    try:
        text = workbench.log(person, job_id, tail=TAIL)
    except WellplateError as error:
        return refusal(error)
    if text.strip():
        st.code(text, language=None, height=240 if text.count("\n") > 10 else "content")


def log(workbench: Workbench, person: Person | None, job_id: str) -> None:
    with st.expander("Log", icon=":material/terminal:"):
        try:
            text = workbench.log(person, job_id, tail=LINES)
        except WellplateError as error:
            return refusal(error)
        st.code(text or "The log is empty.", language=None, height=320)


def usage(used: Usage, job_id: str) -> None:
    """CPU cores and memory of the whole process tree over time."""
    with st.expander("Resources used", icon=":material/monitoring:"):
        seconds = [sample[0] for sample in used.series]
        figure = go.Figure()
        figure.add_scatter(
            x=seconds, y=[sample[1] for sample in used.series], name="CPU cores", line_shape="hv"
        )
        figure.add_scatter(
            x=seconds,
            y=[sample[2] / 1e6 for sample in used.series],
            name="Memory (MB)",
            yaxis="y2",
            line_dash="dot",
        )
        figure.update_layout(
            xaxis_title="Time since the start (s)",
            yaxis={"title": "CPU cores", "rangemode": "tozero"},
            yaxis2={
                "title": "Memory (MB)",
                "overlaying": "y",
                "side": "right",
                "rangemode": "tozero",
                "showgrid": False,
            },
            hovermode="x unified",
        )
        peak = human.size(used.peak_memory_bytes)
        cpu = human.duration(used.cpu_seconds)
        figures.draw(
            figure, key=f"job.{job_id}.usage", alt=f"CPU and memory over time; peak {peak}", height=240
        )
        st.caption(
            f"CPU time {cpu}, peak memory {peak}, read {human.size(used.read_bytes)}, "
            f"written {human.size(used.written_bytes)}: all processes of the job together."
        )
