"""What can be run: the ordered list of tools, and how to find one.

Importing this module imports no tool; `registry()` does, once. A tool that cannot be imported here stays in
the list and says why (`Tool.missing`); a tool that is wrongly built, or a name used twice, stops the start.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tools.contract import Example, Finished, Model, Panel, Result, RunningJob, Tool, ToolFailure

#: Tool id -> module, in the order of the catalogue.
MODULES: dict[str, str] = {
    "autodock-vina": "tools.vina",
    "boltz-2": "tools.boltz",
    "alphafold-2": "tools.alphafold",
    "esmfold": "tools.esmfold",
    "proteinmpnn": "tools.proteinmpnn",
    "build-index": "tools.build_index",
    "create-subtraction": "tools.create_subtraction",
    "create-sample": "tools.create_sample",
    "pathoscope": "tools.pathoscope",
    "nuvs": "tools.nuvs",
    "virus-report": "tools.virus_report",
    "convert-sequences": "tools.convert_sequences",
    "convert-structure": "tools.convert_structure",
    "alignment-summary": "tools.alignment_summary",
}

#: Hidden tools that misbehave on purpose; absent from a build without tests.
DEVELOPER = "tools.developer"

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class MalformedTool(Exception):
    """A tool file breaks the contract; the message names the file and what is wrong."""


@cache
def registry() -> dict[str, Tool]:
    """Every tool by its id, in the order of the catalogue. Raises MalformedTool."""
    found: dict[str, Tool] = {}
    for tool_id, module in MODULES.items():
        _add(found, module, _load(tool_id, module))
    if find_spec(DEVELOPER) is not None:
        for tool in import_module(DEVELOPER).TOOLS:
            _add(found, DEVELOPER, tool)
    return found


def find(tool_id: str) -> Tool:
    """The tool with this id. Raises KeyError with a sentence."""
    try:
        return registry()[tool_id]
    except KeyError:
        raise KeyError(f"There is no tool {tool_id!r}. Known tools: {', '.join(registry())}.") from None


def _load(tool_id: str, module: str) -> Tool:
    try:
        tool = import_module(module).TOOL
    except (ImportError, OSError) as error:  # OSError: a shared library that is missing
        return _unavailable(tool_id, f"{module.replace('.', '/')}.py cannot be loaded here: {error}")
    if isinstance(tool, Tool) and tool.id != tool_id:
        raise MalformedTool(f"{_file(module)}: its id is {tool.id!r}, but it is listed as {tool_id!r}")
    return tool


def _add(found: dict[str, Tool], module: str, tool: Any) -> None:
    if not isinstance(tool, Tool):
        raise MalformedTool(f"{_file(module)}: TOOL is a {type(tool).__name__}, not a Tool")
    if tool.id in found:
        raise MalformedTool(f"{_file(module)}: the id {tool.id!r} is used twice")
    for fault in faults(tool):
        raise MalformedTool(f"{_file(module)}: {fault}")
    found[tool.id] = tool


def faults(tool: Tool) -> list[str]:
    """What is wrong with the facts of a tool; empty when nothing is."""
    checks = {
        f"the id {tool.id!r} must be lower-case words joined by hyphens": _ID.fullmatch(tool.id),
        "name, summary, category, keywords, homepage and licence must be given": all(
            (tool.name, tool.summary, tool.category, tool.keywords, tool.homepage, tool.licence)
        ),
        "Inputs and Settings must be subclasses of tools.contract.Model": _is_model(tool.Inputs)
        and _is_model(tool.Settings),
        "limits need 1 <= cpus_min <= cpus_max, and positive memory and time": 1
        <= tool.limits.cpus_min
        <= tool.limits.cpus_max
        and min(tool.limits.memory_mb, tool.limits.timeout_s, tool.limits.input_mb) > 0,
        "a tool without an example must say what one needs first": tool.example is not None
        or bool(tool.first),
    }
    return [fault for fault, good in checks.items() if not good]


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"


def _unavailable(tool_id: str, reason: str) -> Tool:
    """Stands in the catalogue for a tool whose module cannot be imported."""

    class Inputs(Model):
        pass

    class Settings(Model):
        pass

    def run(job: RunningJob) -> Result:
        raise ToolFailure(reason)

    def view(finished: Finished) -> Sequence[Panel]:
        return ()

    return Tool(
        id=tool_id,
        name=tool_id,
        summary="Not available on this site.",
        category="Unavailable",
        keywords=("unavailable",),
        homepage="-",
        licence="-",
        version=lambda: "-",
        Inputs=Inputs,
        Settings=Settings,
        run=run,
        view=view,
        example=lambda: Example(tool_id, {}, {}),
        missing=lambda: reason,
    )
