"""Files among the inputs: which jobs they are of, which the library has, and how they are told to others."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from data.records import valid_id

#: Stands for a file of a job that the reader may not see.
PRIVATE = {"job": "private"}

#: (input, number, its value, an object) -> the value that stands for it.
Told = Callable[[str, int, dict[str, Any]], dict[str, Any]]


def jobs_in(inputs: Mapping[str, Any]) -> list[str]:
    """The jobs whose files are inputs, each once, in the order of the inputs."""
    found: dict[str, None] = {}

    def note(name: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
        if known := valid_id(value.get("job")):
            found[known] = None
        return value

    _each(inputs, note)
    return list(found)


def results_in(inputs: Mapping[str, Any]) -> list[str]:
    """The jobs of which a result, and not a copy of what they were given, is an input."""

    def without_copies(name: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
        return {} if str(value.get("path", "")).startswith("inputs/") else value

    return jobs_in(_each(inputs, without_copies))


def hide(inputs: Mapping[str, Any], shown: Container[str | None]) -> dict[str, Any]:
    """The inputs without the ids of other jobs than those that are shown."""

    def told(name: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
        return value if value.get("job") is None or valid_id(value["job"]) in shown else PRIVATE

    return _each(inputs, told)


def files_in(inputs: Mapping[str, Any]) -> list[str]:
    """The files of the library that are inputs, each once, in the order of the inputs."""
    found: dict[str, None] = {}

    def note(name: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
        if known := valid_id(value.get("file")):
            found[known] = None
        return value

    _each(inputs, note)
    return list(found)


def any_file(inputs: Mapping[str, Any]) -> bool:
    """Whether one of the inputs is a file."""
    found: list[str] = []

    def note(name: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
        found.append(name)
        return value

    _each(inputs, note)
    return bool(found)


def through(
    inputs: Mapping[str, Any], job_id: str, reached: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The inputs for who reaches no others than these: the job's own copies stand for the others, and for files of
    hidden jobs."""

    def told(name: str, number: int, value: dict[str, Any]) -> dict[str, Any]:
        if value != PRIVATE and reached(value):
            return value
        return {"job": job_id, "path": f"inputs/{name}/{number}"}

    return _each(inputs, told)


def _each(inputs: Mapping[str, Any], told: Told) -> dict[str, Any]:
    def one(name: str, number: int, value: Any) -> Any:
        return told(name, number, value) if isinstance(value, dict) else value

    return {
        name: [one(name, number, each) for number, each in enumerate(value)]
        if isinstance(value, list)
        else one(name, 0, value)
        for name, value in inputs.items()
    }
