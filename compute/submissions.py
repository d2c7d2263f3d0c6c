"""From what a person gave to what a tool takes: validated models, files on disk, problems in sentences, a price."""

from __future__ import annotations

import hashlib
import json
import math
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from compute.settings import Settings
from data.errors import BadInput, NotFound, WellplateError
from data.folders import link_or_copy, link_tree
from data.records import Person
from tools import formats
from tools.contract import InputFile, LocalFile, Model, Problem, Tool


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder behind a reference."""

    path: Path
    #: The person's.
    name: str
    #: Its id where it is a file of the library, also one that was reached through the job that made it.
    file: str | None = None


#: Finds what an upload, a file of the library or a job's result is. Raises WellplateError.
Finder = Callable[[Person, InputFile], Found]

#: A pasted text longer than this is kept as a file only.
LONG_TEXT = 1000

#: What must not be in a name: control characters, also those that turn the direction of writing (`\u202egpj.exe` looks
#: like `exe.jpg`), halves of surrogate pairs, and what would make it a path.
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Validated:
    """The models, or the problems that kept them from being made."""

    inputs: Model | None
    settings: Model | None
    problems: list[Problem]


def validate(tool: Tool, inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> Validated:
    given, wrong = validate_one(tool.Inputs, inputs)
    chosen, also_wrong = validate_one(tool.Settings, settings)
    return Validated(given, chosen, wrong + also_wrong)


def validate_one(model: type[Model], values: Mapping[str, Any]) -> tuple[Model | None, list[Problem]]:
    """The model, or the problems that kept it from being made."""
    try:
        return model.model_validate(dict(values)), []
    except ValidationError as error:
        return None, [_problem(model, dict(detail)) for detail in error.errors(include_url=False)]


@dataclass
class Collected:
    """The files of a submission in their folder, by input."""

    local: dict[str, list[LocalFile]] = field(default_factory=dict)
    #: Ids of the files of the library among them, each once.
    uses: dict[str, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def collect(
    tool: Tool,
    inputs: BaseModel,
    person: Person,
    folder: Path,
    find: Finder,
    settings: Settings,
    written: dict[str, Path] | None = None,
) -> Collected:
    """Bring every input file into `folder` (texts are written, all else is linked), and look at its format.

    `written`: where long texts stand on disk already; those that are written are put into it.
    """
    collected = Collected()
    for name, references in file_inputs(inputs):
        folder.mkdir(parents=True, exist_ok=True)
        accepted = _accepted(type(inputs), name)
        local = collected.local[name] = []
        for number, reference in enumerate(references):
            target = folder / f"{name}-{number}"
            try:
                file, used = _bring(reference, target, person, find, tool, settings, written)
            except WellplateError as error:
                collected.problems.append(Problem(name, error.message))
                continue
            if accepted and file.format not in accepted:
                wanted = " or ".join(formats.describe(one) for one in accepted)
                collected.problems.append(
                    Problem(name, f"{file.name} is {formats.describe(file.format)}; give {wanted}.")
                )
            local.append(file)
            if used is not None:
                collected.uses[used] = None
    return collected


def file_inputs(inputs: BaseModel) -> Iterator[tuple[str, list[InputFile]]]:
    """The inputs that are files, in the order of the model."""
    for name in type(inputs).model_fields:
        value = getattr(inputs, name)
        if isinstance(value, InputFile):
            yield name, [value]
        elif isinstance(value, list | tuple) and value and all(isinstance(one, InputFile) for one in value):
            yield name, list(value)


def to_keep(inputs: BaseModel, job_id: str) -> dict[str, Any]:
    """The inputs in the API's form. A long text, or an input of another job (which may be deleted), is told by the
    job's own copy of it."""
    values = inputs.model_dump(mode="json", exclude_none=True)
    for name, references in file_inputs(inputs):
        told = [
            {"job": job_id, "path": f"inputs/{name}/{number}"}
            if len(reference.text or "") > LONG_TEXT or (reference.path or "").startswith("inputs/")
            else value
            for number, (reference, value) in enumerate(zip(references, _as_list(values[name]), strict=True))
        ]
        values[name] = told if isinstance(values[name], list) else told[0]
    return values


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def fingerprint(*parts: Any) -> str:
    """Hash of plain values: the same submit has the same one."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def clean_name(name: str, limit: int, *, field: str) -> str:
    """A name as a person may give it. Raises BadInput with what is wrong."""
    stripped = name.strip()
    if not stripped:
        raise BadInput("The name is empty.", field=field)
    if len(stripped) > limit:
        raise BadInput(f"The name has {len(stripped)} characters; at most {limit} are allowed.", field=field)
    if _BAD_NAME.search(stripped):
        raise BadInput("The name has a slash, a backslash or a control character; leave it out.", field=field)
    return stripped


def _bring(
    reference: InputFile,
    target: Path,
    person: Person,
    find: Finder,
    tool: Tool,
    settings: Settings,
    written: dict[str, Path] | None,
) -> tuple[LocalFile, str | None]:
    """The file in its place, and its id where it is one of the library."""
    if reference.text is not None:
        name = clean_name(reference.name or "pasted.txt", settings.limits.name_length, field="name")
        size = _text(reference.text, target, settings.limits.text_mb, written)
        used = None
    else:
        found = find(person, reference)
        name, used = found.name, found.file
        size = _link(found, target)
    if size > tool.limits.input_mb << 20:
        raise BadInput(
            f"{name} has {math.ceil(size / 2**20)} MB; {tool.name} takes at most {tool.limits.input_mb} MB."
        )
    format = formats.detect(target, name)
    if format == "empty":
        raise BadInput(f"{name} is empty.")
    return LocalFile(target, name, format), used


def _link(found: Found, target: Path) -> int:
    """The same bytes under another name; how many."""
    try:
        if found.path.is_dir():
            return link_tree(found.path, target)
        link_or_copy(found.path, target)
    except FileNotFoundError as error:
        raise NotFound(f"{found.name} is not there any more; it was deleted.") from error
    return target.stat().st_size


def _text(text: str, target: Path, limit_mb: int, written: dict[str, Path] | None) -> int:
    """How many bytes it has. A long one that stands elsewhere gets another name only."""
    if written is None or len(text) <= LONG_TEXT:
        return _write_text(text, target, limit_mb)
    known = written.get(text)
    if known is None or not known.exists():
        written[text] = target
        return _write_text(text, target, limit_mb)
    link_or_copy(known, target)
    return target.stat().st_size


def _write_text(text: str, target: Path, limit_mb: int) -> int:
    """How many bytes it has."""
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("The text has characters that are not valid Unicode.") from error
    if len(content) > limit_mb * 2**20:
        raise BadInput(f"The text is larger than {limit_mb} MB; upload it as a file.")
    target.write_bytes(content)
    return len(content)


def _accepted(model: type[BaseModel], name: str) -> list[str]:
    extra = model.model_fields[name].json_schema_extra
    return list(extra.get("formats", [])) if isinstance(extra, Mapping) else []  # type: ignore[arg-type]


def _problem(model: type[BaseModel], detail: dict[str, Any]) -> Problem:
    """One of pydantic's complaints as a field and a sentence."""
    location = [str(part) for part in detail["loc"]]
    field = location[0] if location else ""
    message = detail["msg"].removeprefix("Value error, ")
    kind = detail["type"]
    if kind == "missing":
        message = "Is required."
    elif kind == "extra_forbidden":
        message = f"There is no such field; there are {', '.join(model.model_fields)}."
    elif not isinstance(detail.get("input"), dict | list | types.NoneType):
        message = f"{message} (it is {str(detail['input'])[:60]!r})."
    return Problem(field, message[0].upper() + message[1:])
