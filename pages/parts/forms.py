"""Forms from a tool's models: every field of `Inputs` and `Settings` as the widget that suits it.

The JSON schema of the model is the one source: type, limits, choices, default, description, and what a tool adds in
`json_schema_extra`: `formats` (files), `unit`, `advanced` (into the expander), `when` ({field: value or values} that
must hold for the field to matter).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts import human
from tools.contract import Model

#: Up to so many choices stand side by side; more go into a list to open.
SIDE_BY_SIDE = 4
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Field:
    name: str
    #: file, files, choice, choices, boolean, integer, number, vector, words, text or json.
    kind: str
    label: str
    help: str
    required: bool
    nullable: bool
    default: Any
    schema: Mapping[str, Any]

    @property
    def advanced(self) -> bool:
        return bool(self.schema.get("advanced"))

    @property
    def formats(self) -> list[str]:
        return list(self.schema.get("formats", ()))

    def matters(self, value_of: Callable[[str], Any]) -> bool:
        """Whether the field means something beside the values of others."""
        for other, wanted in self.schema.get("when", {}).items():
            if value_of(other) not in (wanted if isinstance(wanted, list) else [wanted]):
                return False
        return True


def fields(model: type[Model]) -> list[Field]:
    """The fields of a model in its order."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        _field(name, spec, name in required, schema.get("$defs", {}))
        for name, spec in schema.get("properties", {}).items()
    ]


def _field(name: str, spec: Mapping[str, Any], required: bool, defs: Mapping[str, Any]) -> Field:
    options = spec.get("anyOf", [spec])
    nullable = {"type": "null"} in options
    one = next(option for option in options if option != {"type": "null"})
    schema = {**_resolved(one, defs), **{key: value for key, value in spec.items() if key != "anyOf"}}
    return Field(
        name=name,
        kind=_kind(one, schema, defs),
        label=_label(name, schema),
        help=_help(schema),
        required=required,
        nullable=nullable,
        default=spec.get("default"),
        schema=schema,
    )


def _resolved(spec: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" not in spec:
        return dict(spec)
    return dict(defs[_target(spec)])


def _target(spec: Mapping[str, Any]) -> str:
    return str(spec.get("$ref", "")).rpartition("/")[2]


def _kind(one: Mapping[str, Any], schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if _target(one) == "InputFile":
        return "file"
    if "enum" in schema or "const" in schema:
        return "choice"
    if schema.get("type") == "array":
        return _kind_of_list(schema, defs)
    if schema.get("type") == "string":
        return "text"
    if schema.get("type") in ("boolean", "integer", "number"):
        return str(schema["type"])
    return "json"


def _kind_of_list(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    items = schema.get("items", {})
    if _target(items) == "InputFile":
        return "files"
    items = _resolved(items, defs) if items else {}
    if "enum" in items:
        return "choices"
    parts = schema.get("prefixItems") or [items] * schema.get("minItems", 0)
    fixed = bool(parts) and schema.get("minItems") == schema.get("maxItems") == len(parts)
    if fixed and all(part.get("type") in ("number", "integer") for part in parts):
        return "vector"
    return "words" if items.get("type") == "string" else "json"


def _label(name: str, schema: Mapping[str, Any]) -> str:
    # pydantic's own title is the name in capitals: "Energy Range". Another one was meant.
    title = str(schema.get("title", ""))
    own = title and title not in ("InputFile", name.replace("_", " ").title())
    label = title if own else human.words(name)
    return f"{label} ({schema['unit']})" if schema.get("unit") else label


def _help(schema: Mapping[str, Any]) -> str:
    unit = f" {schema['unit']}" if schema.get("unit") else ""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    parts = [str(schema.get("description", ""))]
    if low is not None and high is not None:
        above = "above " if "exclusiveMinimum" in schema else ""
        parts.append(f"{above.capitalize()}{low:g} to {high:g}{unit}.")
    elif low is not None:
        parts.append(f"{'Above' if 'exclusiveMinimum' in schema else 'At least'} {low:g}{unit}.")
    elif high is not None:
        parts.append(f"{'Below' if 'exclusiveMaximum' in schema else 'At most'} {high:g}{unit}.")
    return " ".join(part for part in parts if part)


def draw(field: Field, key: str, initial: Any) -> Any:
    """Draw a field that is not a file. Returns its value, None for none."""
    st.session_state.setdefault(key, _start(field, initial))
    return _WIDGETS[field.kind](field, key, initial)


def _start(field: Field, initial: Any) -> Any:
    """The value a widget begins with: what was given if the widget can hold it, otherwise the default."""
    if initial is None:
        return [] if field.kind in ("words", "choices") else ("" if field.kind in ("text", "json") else None)
    if field.kind == "integer":
        return int(initial) if _within(field, initial) else field.default
    if field.kind == "number":
        return float(initial) if _within(field, initial) else field.default
    if field.kind in ("words", "choices"):
        return [str(item) for item in initial]
    if field.kind == "json":
        return json.dumps(initial)
    return initial


def _within(field: Field, value: Any) -> bool:
    low, high = field.schema.get("minimum"), field.schema.get("maximum")
    return (low is None or value >= low) and (high is None or value <= high)


def _choice(field: Field, key: str, initial: Any) -> Any:
    options = field.schema.get("enum") or [field.schema["const"]]
    names = field.schema.get("labels", {})

    def shown(option: Any) -> str:
        return str(names.get(option, option))

    if len(options) <= SIDE_BY_SIDE and sum(len(shown(option)) for option in options) < 60:
        return st.segmented_control(
            field.label, options, key=key, help=field.help, format_func=shown, required=not field.nullable
        )
    return st.selectbox(field.label, options, key=key, help=field.help, format_func=shown, index=None)


def _choices(field: Field, key: str, initial: Any) -> Any:
    return st.multiselect(field.label, field.schema["items"]["enum"], key=key, help=field.help)


def _boolean(field: Field, key: str, initial: Any) -> Any:
    return st.toggle(field.label, key=key, help=field.help)


def _integer(field: Field, key: str, initial: Any) -> Any:
    low, high = field.schema.get("minimum"), field.schema.get("maximum")
    if low is None and "exclusiveMinimum" in field.schema:
        low = field.schema["exclusiveMinimum"] + 1
    return st.number_input(
        field.label,
        min_value=None if low is None else int(low),
        max_value=None if high is None else int(high),
        value=None,
        step=1,
        key=key,
        help=field.help,
        placeholder="automatic" if field.nullable else None,
    )


def _number(field: Field, key: str, initial: Any) -> Any:
    return st.number_input(
        field.label,
        min_value=_bound(field.schema, "minimum"),
        max_value=_bound(field.schema, "maximum"),
        value=None,
        step=_step(field),
        format="%g",
        key=key,
        help=field.help,
        placeholder="automatic" if field.nullable else None,
    )


def _bound(schema: Mapping[str, Any], name: str) -> float | None:
    return float(schema[name]) if name in schema else None


def _step(field: Field) -> float:
    if field.kind == "vector":
        return 0.5
    size = abs(float(field.default or 1))
    return 0.1 if size >= 0.5 else 0.01 if size >= 0.05 else size / 10


def _vector(field: Field, key: str, initial: Any) -> Any:
    """A few numbers side by side: x, y and z."""
    count = field.schema["minItems"]
    whole = isinstance(initial, (list, tuple)) and len(initial) == count
    start: list[Any] = list(initial) if whole else [None] * count
    values: list[float | None] = []
    parts = field.schema.get("prefixItems") or [field.schema.get("items", {})] * count
    for index, column in enumerate(st.columns(count, gap="xsmall")):
        axis = AXES[index] if count <= len(AXES) else str(index + 1)
        part = f"{key}.{axis}"
        st.session_state.setdefault(part, None if start[index] is None else float(start[index]))
        values.append(
            column.number_input(
                f"{field.label} {axis}" if index == 0 else axis,
                min_value=_bound(parts[index], "minimum"),
                max_value=_bound(parts[index], "maximum"),
                value=None,
                step=_step(field),
                format="%g",
                key=part,
                help=field.help if index == 0 else None,
            )
        )
    return None if values == [None] * count else values


def _words(field: Field, key: str, initial: Any) -> Any:
    return st.multiselect(
        field.label,
        options=list(initial or ()),
        key=key,
        help=field.help,
        accept_new_options=True,
        placeholder="Type one and press Enter",
    )


def _text(field: Field, key: str, initial: Any) -> Any:
    longest, hint = field.schema.get("maxLength"), _hint(field)
    if field.schema.get("multiline"):
        return (
            st.text_area(field.label, key=key, help=field.help, max_chars=longest, placeholder=hint) or None
        )
    return st.text_input(field.label, key=key, help=field.help, max_chars=longest, placeholder=hint) or None


def _hint(field: Field) -> str | None:
    examples = field.schema.get("examples")
    return f"for example {examples[0]}" if examples else None


def _json(field: Field, key: str, initial: Any) -> Any:
    """Whatever has no widget of its own, as JSON."""
    text = st.text_area(field.label, key=key, help=f"{field.help} Written as JSON.")
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return text


_WIDGETS = {
    "choice": _choice,
    "choices": _choices,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "vector": _vector,
    "words": _words,
    "text": _text,
    "json": _json,
}


def given(fields: list[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into the submission: fields that hold something, and those emptied on purpose."""
    kept: dict[str, Any] = {}
    for field in fields:
        value = values.get(field.name)
        if value is None or value == []:
            # Empty where the default is something: the person took it away.
            if field.nullable and field.default is not None:
                kept[field.name] = None
            continue
        kept[field.name] = value
    return kept
