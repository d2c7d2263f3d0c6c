"""What stands beside a job: facts, inputs and settings, downloads, relatives and history."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote

import streamlit as st

from compute.workbench import Workbench
from data.errors import NotFound, WellplateError
from data.records import JobDetail, Person, Status
from pages.parts import file_inputs, forms, human, items, lineage, statuses
from pages.parts.drawing import facts, refusal
from tools.contract import Tool
from tools.library import KINDS

#: Files listed before the rest is folded away.
LISTED_FILES = 8


def beside(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    tool = offered(workbench, person, detail.job.tool)
    about(person, detail, tool)
    inputs_and_settings(workbench, person, detail, tool)
    downloads(detail)
    relatives(workbench, person, detail)
    past(detail)


def offered(workbench: Workbench, person: Person | None, tool_id: str) -> Tool | None:
    """The job's tool; None when this site does not offer it any more."""
    try:
        return workbench.tool(person, tool_id).tool
    except NotFound:
        return None


def about(person: Person | None, detail: JobDetail, tool: Tool | None) -> None:
    job = detail.job
    name = escape(tool.name if tool else job.tool)
    st.subheader("About", anchor=False)
    least = max(1, job.cpus_min)  # a quick tool asks for none: it has a lane of its own
    cpus = f"{least}" if least == job.cpus_max else f"{least}–{job.cpus_max}"
    memory = human.size(job.memory_mb * 2**20)
    owners = [] if detail.row_only else [("Credits", credits(detail))]
    if owners and person is not None and person.role_in(job.team):
        owners.append(("Worker", escape(job.worker or "–")))  # an address in the lab's network
    facts(
        [
            ("Tool", to_tool(job.tool, name) if tool and person else name),
            ("Submitter", escape(job.submitter_name)),
            ("Submitted", human.time_html(job.created_at)),
            ("Started", human.time_html(job.started_at)),
            ("Ended", human.time_html(job.ended_at)),
            (
                "Asked for",
                f"{cpus} {'CPU' if cpus == '1' else 'CPUs'}, {memory}{f', {job.gpus} GPUs' if job.gpus else ''}",
            ),
            *owners,
            ("Attempt", str(job.attempt)),
            ("Id", f"<code>{job.id}</code>"),
        ]
    )


def to_tool(tool_id: str, name: str) -> str:
    return f'<a href="/app/tool?tool={quote(tool_id)}" target="_self">{name}</a>'


def credits(detail: JobDetail) -> str:
    job = detail.job
    if not job.credits:
        return "free"
    lines = escape(", ".join(f"{line['label']}: {line['credits']}" for line in detail.price))
    charged = f'<span title="{lines}">{human.credits(job.credits)}</span>'
    if detail.refunded:
        return f"{charged}, {detail.refunded:,} refunded"
    return f"{charged} {'held' if job.started_at is None and job.live else 'charged' if job.started_at else 'released'}"


def inputs_and_settings(
    workbench: Workbench, person: Person | None, detail: JobDetail, tool: Tool | None
) -> None:
    fields = [*forms.fields(tool.Inputs), *forms.fields(tool.Settings)] if tool else []
    labels = {field.name: field.label for field in fields}
    st.subheader("Inputs", anchor=False)
    try:
        given = workbench.input_files(person, detail.job.id)
    except WellplateError as error:
        refusal(error)
    else:
        facts(
            (labels.get(name, human.words(name)), input_links(detail, name, files))
            for name, files in given.items()
        )
    if detail.settings:
        st.subheader("Settings", anchor=False)
        facts(
            (escape(labels.get(name, human.words(name))), escape(setting(value)))
            for name, value in detail.settings.items()
        )


def input_links(detail: JobDetail, name: str, files: list[dict[str, Any]]) -> str:
    base = f"/api/v1/jobs/{detail.job.id}/inputs/{quote(name)}"
    given = detail.inputs.get(name)
    sources = given if isinstance(given, list) else [given] * len(files)
    return "<br>".join(
        f"{input_link(f'{base}/{number}', file, source)} <span class='quiet'>{human.size(file['bytes'])}</span>"
        for number, (file, source) in enumerate(zip(files, sources, strict=False))
    )


def input_link(path: str, file: dict[str, Any], source: Any) -> str:
    """To the thing of the library that it was; of anything else to the job's own copy."""
    of_library = isinstance(source, dict) and source.get("file")
    if file["format"] in KINDS and of_library:
        return to_item(source["file"], file["name"])
    return link(path, file["name"])


def to_item(file_id: str, name: str) -> str:
    return f'<a href="{items.address(file_id)}" target="_self">{escape(name)}</a>'


def link(path: str, label: str) -> str:
    return f'<a href="{escape(path)}" download>{escape(label)}</a>'


def setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(setting(part) for part in value) or "–"
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None or value == "" else str(value)


def downloads(detail: JobDetail) -> None:
    job = detail.job
    if job.live:
        return
    base = f"/api/v1/jobs/{job.id}"
    whole = [("Everything, as zip", f"{base}/archive")]
    if job.status is Status.COMPLETED:
        whole.append(("Results, as JSON", f"{base}/export?format=json"))
        if detail.tables:
            whole.insert(1, ("First table, as CSV", f"{base}/export?format=csv"))
    whole.append(("Log", f"{base}/log"))
    st.subheader("Downloads", anchor=False)
    links = "<br>".join(link(path, label) for label, path in whole)
    st.html(f'<div class="links">{links}</div>')
    rows = [(human.size(file["bytes"]), file_link(base, file)) for file in detail.files]
    facts(rows[:LISTED_FILES])
    if len(rows) > LISTED_FILES:
        with st.expander(f"{len(rows) - LISTED_FILES} more files"):
            facts(rows[LISTED_FILES:])


def file_link(base: str, file: dict[str, Any]) -> str:
    """To its page where it went into the library; otherwise the download."""
    if file.get("file"):
        return to_item(file["file"], file_label(file))
    return link(f"{base}/files/{quote(file['path'])}", file_label(file))


def file_label(file: dict[str, Any]) -> str:
    return f"{file['title'] or file['path']} ({file_inputs.format_name(file['format'])})"


def relatives(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    try:
        lineage.of_job(workbench, person, detail)
    except WellplateError as error:
        refusal(error)


def past(detail: JobDetail) -> None:
    if not detail.history:
        return
    with st.expander("History", icon=":material/history:"):
        facts(
            (
                f"{human.local(entry.at):%H:%M:%S}",
                escape(
                    statuses.LOOKS[entry.to_status].label
                    + (f" · attempt {entry.attempt}" if entry.attempt > 1 else "")
                    + (f" · {entry.note}" if entry.note else "")
                ),
            )
            for entry in detail.history
        )
