"""The form of a tool: what it is filled with is what is submitted."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from compute.workbench import Workbench
from data.records import Person
from pages.parts import file_inputs, forms
from pages.parts.forms import Field
from tools.contract import Model, Tool

#: The forms of this tab: for one job, and for many at once.
_FORM, _MANY = "tool.form", "tool.form.many"
FILES = ("file", "files")


@dataclass
class Form:
    """What the form of this tab holds. A new one has new widgets, so that it starts from `values`."""

    tool: str
    #: Of every field that was ever drawn, also of those that do not matter now.
    values: dict[str, dict[str, Any]]
    #: What is submitted.
    given: dict[str, dict[str, Any]] = field(default_factory=lambda: {"inputs": {}, "settings": {}})
    #: Its inputs are those for many jobs at once, `Tool.batch.Inputs`.
    many: bool = False
    name: str = ""
    #: The job that it was filled from.
    job: str = ""
    #: Where the values came from, said above the form.
    note: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    #: One key for one body: pressing Run twice makes one job.
    keys: dict[str, str] = field(default_factory=dict)

    def idempotency_key(self, body: Mapping[str, Any]) -> str:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
        return self.keys.setdefault(digest, secrets.token_hex(16))


def inputs_of(tool: Tool, many: bool) -> type[Model]:
    """The model of the form's inputs."""
    return tool.batch.Inputs if many and tool.batch else tool.Inputs


def address(tool: Tool, many: bool) -> dict[str, str]:
    """The query of the tool's form."""
    return {"tool": tool.id, "many": "1"} if many else {"tool": tool.id}


def current(workbench: Workbench, person: Person, tool: Tool) -> Form:
    """The tab's form of this tool: as left, or filled from the example or from a job or batch as the URL asks."""
    params = st.query_params
    many = "many" in params and tool.batch is not None
    if source := params.get("from"):  # to be changed: the URL names the job no longer
        st.query_params.from_dict(address(tool, many))
        fill = from_batch if many else from_job
        return keep(fill(workbench, person, tool, source))
    if "example" in params:
        st.query_params.from_dict(address(tool, many))
        return keep(from_example(workbench, person, tool, many))
    if inputs := named_files(inputs_of(tool, many)):
        st.query_params.from_dict(address(tool, many))
        return keep(Form(tool.id, {"inputs": inputs, "settings": {}}, many=many))
    kept = left(tool, many)
    job_id = params.get("jobId", "")
    if job_id and not many and (kept is None or kept.job != job_id):
        return keep(from_job(workbench, person, tool, job_id))
    return kept or keep(empty(tool, many))


def left(tool: Tool, many: bool) -> Form | None:
    """The form as this tab left it."""
    kept: Form | None = st.session_state.get(_MANY if many else _FORM)
    return kept if kept is not None and kept.tool == tool.id else None


def keep(form: Form) -> Form:
    st.session_state[_MANY if form.many else _FORM] = form
    return form


def empty(tool: Tool, many: bool = False) -> Form:
    """Without inputs; with the settings of the form for one, or for many, where that was filled in before."""
    other = left(tool, not many)
    return Form(
        tool.id, {"inputs": {}, "settings": dict(other.values["settings"]) if other else {}}, many=many
    )


def cleared(tool: Tool, many: bool) -> Form:
    return Form(tool.id, {"inputs": {}, "settings": {}}, many=many)


def shown(tool: Tool, form: Form) -> None:
    """In a callback: this form from now on, and the URL of the tool alone."""
    keep(form)
    st.query_params.from_dict(address(tool, form.many))


def from_job(workbench: Workbench, person: Person, tool: Tool, job_id: str) -> Form:
    earlier = workbench.submission(person, job_id)
    if earlier.tool != tool.id:
        st.switch_page("tool.py", query_params={"tool": earlier.tool, "jobId": job_id})
    values = {"inputs": dict(earlier.inputs), "settings": dict(earlier.settings)}
    note = f"Filled in as in “{earlier.name}”."
    return Form(tool.id, values, name=earlier.name or "", note=note, job=job_id)


def from_batch(workbench: Workbench, person: Person, tool: Tool, batch_id: str) -> Form:
    earlier = workbench.batches.submission(person, batch_id)
    values = {"inputs": dict(earlier.inputs or {}), "settings": dict(earlier.settings)}
    note = f"Filled in as in “{earlier.name}”."
    return Form(tool.id, values, many=True, name=earlier.name or "", note=note)


def from_example(workbench: Workbench, person: Person, tool: Tool, many: bool = False) -> Form:
    example = workbench.batches.example(person, tool.id) if many else workbench.example(person, tool.id)
    if example is None:
        return cleared(tool, many)
    values = {"inputs": dict(example.inputs), "settings": dict(example.settings)}
    return Form(tool.id, values, many=many, note=f"Example: {example.name}. {example.note}".strip())


def named_files(model: type[Model]) -> dict[str, Any]:
    """Files that the URL gives to inputs: `reference=FILE`, `subtractions=FILE&subtractions=FILE`, `reads=JOB/PATH`."""
    found: dict[str, Any] = {}
    for one in forms.fields(model):
        named = [named_file(value) for value in st.query_params.get_all(one.name) if one.kind in FILES]
        if named:
            found[one.name] = named if one.kind == "files" else named[0]
    return found


def named_file(value: str) -> dict[str, str]:
    """A file of the library by its id, or a result by the job's id, "/", and its path."""
    job, _, path = value.partition("/")
    return {"job": job, "path": path} if path else {"file": value}


def fill_in(workbench: Workbench, person: Person, tool: Tool, form: Form) -> dict[str, DeltaGenerator]:
    """Draw the form and keep its values. Returns the places for problems, by field."""
    slots: dict[str, DeltaGenerator] = {}
    inputs, settings = forms.fields(inputs_of(tool, form.many)), forms.fields(tool.Settings)
    inputs = [field for field in inputs if field.matters(partial(present, form, [*inputs, *settings]))]
    settings = [field for field in settings if field.matters(partial(present, form, [*inputs, *settings]))]
    if inputs:
        st.subheader("Inputs", anchor=False)
    values = section(workbench, person, form, "inputs", inputs, slots)
    plain = [field for field in settings if not field.advanced]
    advanced = [field for field in settings if field.advanced]
    if plain:
        st.subheader("Settings", anchor=False)
    chosen = section(workbench, person, form, "settings", plain, slots)
    if advanced:
        with st.expander("Advanced settings"):
            chosen |= section(workbench, person, form, "settings", advanced, slots)
    form.values = {"inputs": form.values["inputs"] | values, "settings": form.values["settings"] | chosen}
    form.given = {"inputs": forms.given(inputs, values), "settings": forms.given(settings, chosen)}
    return slots


def present(form: Form, fields: list[Field], name: str) -> Any:
    """The value that a field of the form has now, also before it is drawn in this run."""
    for part, values in form.values.items():
        key = f"form.{form.id}.{part}.{name}"
        if key in st.session_state:
            return st.session_state[key]
        if name in values:
            return values[name]
    return next((field.default for field in fields if field.name == name), None)


def section(
    workbench: Workbench,
    person: Person,
    form: Form,
    part: str,
    fields: list[Field],
    slots: dict[str, DeltaGenerator],
) -> dict[str, Any]:
    values: dict[str, Any] = dict(form.values[part])
    drawn: dict[str, Any] = {}
    for one in fields:
        key = f"form.{form.id}.{part}.{one.name}"
        initial = values.get(one.name, one.default)
        if one.kind in FILES:
            drawn[one.name] = file_inputs.draw(workbench, person, one, key, initial)
        else:
            drawn[one.name] = forms.draw(one, key, initial)
        slots[one.name] = st.empty()
    return drawn
