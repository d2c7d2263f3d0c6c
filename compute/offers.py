"""What this site offers: the tools of the registry, less what is turned off, with the site's limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import tools
from compute.settings import BadSettings, Settings
from tools.contract import Limits, Tool


def catalogue(settings: Settings) -> Iterator[Tool]:
    """The tools in the catalogue's order."""
    for tool in tools.registry().values():
        if tool.id not in settings.tools.off and (settings.tools.developer or not tool.hidden):
            yield tool


def limits_of(tool: Tool, settings: Settings) -> Limits:
    """A tool's limits with what the site changed. Raises BadSettings naming the key."""
    changes = settings.tools.limits.get(tool.id, {})
    try:
        return replace(tool.limits, **changes)
    except TypeError as error:
        raise BadSettings(f"setting tools.limits.{tool.id}: {error}") from error


def limits_by_id(tool_id: str, settings: Settings) -> Limits | None:
    """The limits in force of a tool that this site still offers; None for any other."""
    for tool in catalogue(settings):
        if tool.id == tool_id:
            return limits_of(tool, settings)
    return None
