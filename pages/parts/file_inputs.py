"""A tool's file inputs: an upload, pasted text, a file of the library, or a result of an earlier job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import JobFilter, Person, Status, StoredFile
from pages.components.upload import upload, uploaded
from pages.parts import human, items, session
from pages.parts.forms import Field
from tools.library import KINDS

UPLOAD, PASTE, LIBRARY, JOB = "Upload", "Paste text", "Library", "Earlier job"
ICONS = {
    UPLOAD: ":material/upload:",
    PASTE: ":material/content_paste:",
    LIBRARY: ":material/folder:",
    JOB: ":material/history:",
}
#: Jobs offered as a source, newest first.
RECENT_JOBS = 50

#: How people write a format, and the extension of a pasted text that has it.
FORMATS = {
    "pdb": ("PDB", "pdb"),
    "mmcif": ("mmCIF", "cif"),
    "sdf": ("SDF", "sdf"),
    "mol": ("MOL", "mol"),
    "mol2": ("MOL2", "mol2"),
    "pdbqt": ("PDBQT", "pdbqt"),
    "smiles": ("SMILES", "smi"),
    "fasta": ("FASTA", "fasta"),
    "fastq": ("FASTQ", "fastq"),
    "genbank": ("GenBank", "gb"),
    "embl": ("EMBL", "embl"),
    "swiss": ("UniProt text", "dat"),
    "clustal": ("Clustal", "aln"),
    "stockholm": ("Stockholm", "sto"),
    "phylip": ("PHYLIP", "phy"),
    "nexus": ("NEXUS", "nex"),
    "tab": ("tab-separated", "tab"),
    "sam": ("SAM", "sam"),
    "bam": ("BAM", "bam"),
    "cram": ("CRAM", "cram"),
    "vcf": ("VCF", "vcf"),
    "bed": ("BED", "bed"),
    "gff": ("GFF", "gff"),
    "csv": ("CSV", "csv"),
    "tsv": ("TSV", "tsv"),
    "json": ("JSON", "json"),
    "yaml": ("YAML", "yaml"),
    "png": ("PNG", "png"),
    "jpeg": ("JPEG", "jpg"),
    "text": ("text", "txt"),
    "hmm": ("HMM", "hmm"),
    "reference": ("reference", "json"),
    "pathoscope": ("Pathoscope result", "json"),
    "nuvs": ("NuVs result", "json"),
}
#: Nothing a person could paste.
BINARY = frozenset({"bam", "cram", "png", "jpeg"})


def format_name(format: str) -> str:
    if format in KINDS:
        return KINDS[format].name
    return FORMATS.get(format, (format, format))[0]


def draw(workbench: Workbench, person: Person, field: Field, key: str, initial: Any) -> Any:
    """Draw the field. Returns the input in the API's form: one file, a list of them, or None."""
    several = field.kind == "files"
    chosen: list[dict[str, Any]] = st.session_state.setdefault(f"{key}.chosen", _as_list(initial))
    with st.container(border=True, gap="small"):
        optional = "" if field.required else " (optional)"
        st.markdown(f"**{field.label}**{optional}", help=field.help)
        for position, file in enumerate(list(chosen)):
            _chosen(workbench, person, file, f"{key}.{position}", partial(chosen.pop, position))
        if several or not chosen:
            _sources(workbench, person, field, key, chosen)
    if several:
        return list(chosen) or None
    return chosen[0] if chosen else None


def _as_list(initial: Any) -> list[dict[str, Any]]:
    if not initial:
        return []
    return [dict(file) for file in (initial if isinstance(initial, (list, tuple)) else [initial])]


def _chosen(
    workbench: Workbench, person: Person, file: dict[str, Any], key: str, remove: Callable[[], Any]
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/description: {human.markdown_text(describe(workbench, person, file))}")
        st.button(
            "Remove",
            key=f"{key}.remove",
            on_click=remove,
            type="tertiary",
            icon=":material/close:",
            help="Take it out",
        )


def describe(workbench: Workbench, person: Person, file: dict[str, Any]) -> str:
    """Name and origin of a chosen file."""
    if file.get("text") is not None:
        return f"{file.get('name') or 'text'} · {human.size(len(file['text'].encode()))}, as text"
    if file.get("job"):
        return f"{_path_name(workbench, person, file)} · of {_job_name(workbench, person, file['job'])}"
    names = st.session_state.setdefault("files.names", {})
    if file["file"] not in names:
        names[file["file"]] = _file_name(workbench, person, file["file"])
    return str(names[file["file"]])


def _file_name(workbench: Workbench, person: Person, file_id: str) -> str:
    try:
        return _stored(workbench.library.file(person, file_id))
    except WellplateError:
        return "a file that is not here any more"


def _stored(file: StoredFile) -> str:
    """What tells it from others: of a thing of the library its facts, otherwise its size."""
    parts = [file.name, items.short(file) or human.size(file.size)]
    return " · ".join(parts)


def _path_name(workbench: Workbench, person: Person, file: dict[str, Any]) -> str:
    """The person's name for `inputs/receptor/0`, an input that the earlier job keeps."""
    parts = file["path"].split("/")
    if parts[0] != "inputs" or len(parts) != 3:
        return str(file["path"])
    try:
        return str(workbench.input_files(person, file["job"])[parts[1]][int(parts[2])]["name"])
    except (WellplateError, LookupError, ValueError):
        return str(file["path"])


def _job_name(workbench: Workbench, person: Person, job_id: str) -> str:
    try:
        return f"“{workbench.job(person, job_id).job.name}”"
    except WellplateError:
        return "a job that you cannot see"


def _sources(
    workbench: Workbench, person: Person, field: Field, key: str, chosen: list[dict[str, Any]]
) -> None:
    sources = _offered(field)
    if sources == [LIBRARY]:
        return _library(workbench, person, field, key, chosen)
    st.session_state.setdefault(f"{key}.source", sources[0])
    source = st.segmented_control(
        f"Where {field.label} comes from",
        sources,
        key=f"{key}.source",
        format_func=lambda name: f"{ICONS[name]} {name}",
        label_visibility="collapsed",
        required=True,
    )
    if source == PASTE:
        return _paste(field, key, chosen)
    if source == LIBRARY:
        return _library(workbench, person, field, key, chosen)
    if source == JOB:
        return _earlier_job(workbench, person, field, key, chosen)
    upload(
        field.label,
        key=f"{key}.upload",
        accept=[format_name(format) for format in field.formats],
        several=field.kind == "files",
        on_done=lambda: _arrived(f"{key}.upload", chosen),
    )


def _offered(field: Field) -> list[str]:
    """Where it can come from. What lives in the library is looked for there first; folders are made by jobs only."""
    brought = not field.formats or any(items.uploadable(format) for format in field.formats)
    pasted = not field.formats or any(
        items.uploadable(format) and format not in BINARY for format in field.formats
    )
    outside = [UPLOAD] * brought + [PASTE] * pasted
    if field.formats and set(field.formats) <= set(KINDS):
        return [LIBRARY, *outside]
    return [*outside, LIBRARY, JOB]


def _arrived(key: str, chosen: list[dict[str, Any]]) -> None:
    names = st.session_state.setdefault("files.names", {})
    for file in uploaded(key):
        names[file["id"]] = f"{file['name']} · {human.size(file['size'])}"
        chosen.append({"file": file["id"]})


def _paste(field: Field, key: str, chosen: list[dict[str, Any]]) -> None:
    text_key, format_key, name_key = f"{key}.text", f"{key}.format", f"{key}.name"
    st.text_area(
        f"Content of {field.label}",
        key=text_key,
        height=140,
        label_visibility="collapsed",
        placeholder=str(field.schema.get("placeholder", "Paste the content here")),
    )
    pasteable = [each for each in field.formats if each not in BINARY and items.uploadable(each)]
    formats = pasteable or ["text"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(formats) > 1:
            st.selectbox("Format", formats, key=format_key, format_func=format_name, width=150)
        st.text_input("File name", key=name_key, placeholder="optional", width=200)
        st.button(
            "Add" if field.kind == "files" else "Use this text",
            key=f"{key}.use",
            on_click=lambda: _pasted(text_key, format_key, name_key, formats[0], chosen),
        )


def _pasted(text_key: str, format_key: str, name_key: str, first: str, chosen: list[dict[str, Any]]) -> None:
    text = str(st.session_state[text_key] or "")
    if not text.strip():
        return
    format = st.session_state.get(format_key) or first
    extension = FORMATS.get(format, ("", "txt"))[1]
    name = str(st.session_state[name_key] or "").strip() or f"pasted-{len(chosen) + 1}"
    chosen.append({"text": text, "name": name if "." in name else f"{name}.{extension}"})
    st.session_state[text_key] = st.session_state[name_key] = ""


def _library(
    workbench: Workbench, person: Person, field: Field, key: str, chosen: list[dict[str, Any]]
) -> None:
    files = {stored.id: stored for stored in workbench.uploads(person, field.formats or None)}
    if not files:
        return _nothing_there(workbench, person, field)
    pick = f"{key}.library"
    st.selectbox(
        f"{field.label} from the library",
        list(files),
        index=None,
        key=pick,
        format_func=lambda id: f"{_stored(files[id])} · {human.ago(files[id].created_at)}",
        placeholder="Choose from the library",
        label_visibility="collapsed",
        on_change=session.on_change(lambda: _picked(pick, chosen, lambda id: {"file": id})),
    )


def _nothing_there(workbench: Workbench, person: Person, field: Field) -> None:
    """Says how one comes to have one, and links to the tool that makes it."""
    kinds = [KINDS[format] for format in field.formats if format in KINDS]
    if not kinds:
        names = " or ".join(format_name(format) for format in field.formats)
        st.caption(f"No {names} file in the library yet. What you upload here stays there.")
        return
    kind = kinds[0]
    st.caption(f"No {items.lower(kind.name)} in the library yet. {kind.first}")
    ready = {each.tool.id: each.tool for each in workbench.tools(person) if each.unavailable is None}
    if maker := ready.get(items.MADE_BY.get(kind.format, "")):
        st.page_link(
            "tool.py", label=maker.name, icon=":material/arrow_forward:", query_params={"tool": maker.id}
        )


def _picked(key: str, chosen: list[dict[str, Any]], make: Callable[[str], dict[str, Any]]) -> None:
    if st.session_state[key] is not None:
        chosen.append(make(st.session_state[key]))
        st.session_state[key] = None


def _earlier_job(
    workbench: Workbench, person: Person, field: Field, key: str, chosen: list[dict[str, Any]]
) -> None:
    done = workbench.jobs(person, JobFilter(status=(Status.COMPLETED,)), limit=RECENT_JOBS).jobs
    names = {job.id: f"{job.name} · {human.ago(job.ended_at or job.created_at)}" for job in done}
    if not names:
        st.caption("No completed job yet.")
        return
    job_id = st.selectbox(
        "Job",
        list(names),
        index=None,
        key=f"{key}.job",
        format_func=lambda id: names[id],
        placeholder="Choose a completed job",
        label_visibility="collapsed",
    )
    if job_id is None:
        return
    paths = _fitting(workbench, person, job_id, field)
    if not paths:
        wanted = " or ".join(format_name(format) for format in field.formats)
        st.caption(f"That job has no {wanted} file.")
        return
    pick = f"{key}.path.{job_id}"
    st.selectbox(
        "File of that job",
        list(paths),
        index=None,
        key=pick,
        format_func=lambda path: paths[path],
        placeholder="Choose one of its files",
        label_visibility="collapsed",
        on_change=session.on_change(
            lambda: _picked(pick, chosen, lambda path: {"job": job_id, "path": path})
        ),
    )


def _fitting(workbench: Workbench, person: Person, job_id: str, field: Field) -> dict[str, str]:
    """Result files of a job that the field takes: path -> what to show."""
    try:
        files = workbench.files(person, job_id)
    except WellplateError:
        return {}
    return {
        file["path"]: f"{file['title']} · {file['path']}"
        for file in files
        if not field.formats or file["format"] in field.formats
    }
