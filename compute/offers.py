"""What this site offers: the tools of the registry, less what is turned off, with the site's limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

import tools
from compute.settings import BadSettings, Settings
from tools.contract import Limits, Tool

#: Limit -> its type.
_KINDS = get_type_hints(Limits)


def catalogue(settings: Settings) -> Iterator[Tool]:
    """The tools in the catalogue's order."""
    for tool in tools.registry().values():
        if tool.id not in settings.tools.off and (settings.tools.developer or not tool.hidden):
            yield tool


def limits_of(tool: Tool, settings: Settings) -> Limits:
    """A tool's limits with what the site changed. Raises BadSettings naming the key."""
    changes = settings.tools.limits.get(tool.id)
    if not changes:
        return tool.limits
    place = f"tools.limits.{tool.id}"
    for key, value in changes.items():
        if key not in _KINDS:
            raise BadSettings(f"setting {place}.{key} is none; there are {', '.join(_KINDS)}")
        _check(f"{place}.{key}", value, _KINDS[key])
    limits = replace(tool.limits, **changes)
    if limits.cpus_min > limits.cpus_max:
        raise BadSettings(
            f"setting {place}: cpus_min is {limits.cpus_min}, more than cpus_max ({limits.cpus_max})"
        )
    return limits


def check_limits(settings: Settings) -> None:
    """All that the site changed, before anything starts. Raises BadSettings naming the key."""
    known = tools.registry()
    for tool_id in settings.tools.limits:
        if tool_id not in known:
            raise BadSettings(f"setting tools.limits.{tool_id}: there is no such tool")
        limits_of(known[tool_id], settings)


def _check(place: str, value: Any, kind: Any) -> None:
    try:
        TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError as error:
        raise BadSettings(f"setting {place} = {value!r}: {error.errors()[0]['msg']}") from error
    if type(value) is int and value < (0 if place.endswith(".gpus") else 1):
        raise BadSettings(f"setting {place} = {value!r}: it is too small")


def limits_by_id(tool_id: str, settings: Settings) -> Limits | None:
    """The limits in force of a tool that this site still offers; None for any other."""
    for tool in catalogue(settings):
        if tool.id == tool_id:
            return limits_of(tool, settings)
    return None
