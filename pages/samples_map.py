"""The second step: Pathoscope on many samples, against one index and the same hosts."""

from __future__ import annotations

import streamlit as st

from compute.workbench import Submission, Workbench
from data.records import Person, StoredFile
from pages import samples_start
from pages.parts import human
from pages.parts.drawing import empty

#: Of each kind, newest first.
LISTED = 2000


def draw(workbench: Workbench, person: Person) -> None:
    samples = by_id(workbench, person, "sample")
    indexes = by_id(workbench, person, "index")
    subtractions = by_id(workbench, person, "subtraction")
    if not samples:
        return empty("There are no samples yet. Make them of FASTQ files in step 1.")
    if not indexes:
        return empty(
            "There is no index yet. Build one from a reference: it is what reads are mapped against.",
            link="library.py",
            label="References",
            icon=":material/library_books:",
        )
    chosen = st.multiselect(
        "Samples",
        list(samples),
        default=[each for each in st.query_params.get_all("sample") if each in samples],
        format_func=lambda id: named(samples[id]),
        key="samples.chosen",
        placeholder="Choose samples",
    )
    left, right = st.columns(2, gap="large")
    with left:
        index = st.selectbox(
            "Index", list(indexes), format_func=lambda id: named(indexes[id]), key="samples.index"
        )
    with right:
        hosts = st.multiselect(
            "Subtractions",
            list(subtractions),
            format_func=lambda id: named(subtractions[id]),
            key="samples.hosts",
            placeholder="No host is taken away" if subtractions else "There is no subtraction yet",
            help="Genomes of hosts whose reads are taken away, one after the other.",
        )
    if not chosen:
        st.caption("Choose the samples; the price shows before anything starts.")
    samples_start.ask(
        workbench,
        person,
        [submission(samples[id], index, hosts) for id in chosen],
        verb=f"Run Pathoscope on {human.count(len(chosen), 'sample')}",
        key="samples.map",
        after="When they are done, go to step 3.",
    )


def by_id(workbench: Workbench, person: Person, format: str) -> dict[str, StoredFile]:
    return {file.id: file for file in workbench.uploads(person, [format], limit=LISTED)}


def named(file: StoredFile) -> str:
    return f"{file.name} · {human.ago(file.created_at)}"


def submission(sample: StoredFile, index: str, hosts: list[str]) -> Submission:
    return Submission(
        tool="pathoscope",
        inputs={
            "sample": {"file": sample.id},
            "index": {"file": index},
            "subtractions": [{"file": host} for host in hosts],
        },
        settings={},
        name=f"Pathoscope: {sample.name}",
    )
