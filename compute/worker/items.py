"""What a run made for the library: looked at, told about in `about.json`, and put aside as `out/library/<id>`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compute.messages import json_safe
from data.records import new_id
from tools.contract import LibraryItem, Tool, ToolFailure
from tools.library import ABOUT, KINDS

#: Of `out`; whoever promotes it takes items from there (data/folders.py).
FOLDER = "library"
#: Characters of a name; a longer one is cut.
NAME_LENGTH = 200
#: What would make a name a path, or a line of its own.
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]+")


def put_aside(out: Path, item: LibraryItem, tool: Tool, versions: Sequence[str]) -> dict[str, Any]:
    """Move it under a new id; what the store is to know of it. Raises ToolFailure when it is not as it must be."""
    source = _folder(out, item)
    told = {
        "name": _NOT_IN_NAMES.sub(" ", json_safe(item.name)).strip()[:NAME_LENGTH] or KINDS[item.format].name,
        "format": item.format,
        "facts": json_safe(item.facts),
    }
    about = {**told, "tool": tool.id, "versions": list(dict.fromkeys([*versions, tool.version()]))}
    (source / ABOUT).unlink(missing_ok=True)  # never through a link
    (source / ABOUT).write_text(json.dumps(about, ensure_ascii=False))
    size = _size(source, item)
    kept = {"id": new_id(), **told, "bytes": size}
    (out / FOLDER).mkdir(exist_ok=True)
    source.rename(out / FOLDER / kept["id"])
    return kept


def listed(items: Sequence[dict[str, Any]], taken: Sequence[str]) -> list[dict[str, Any]]:
    """Them as files of the job, under paths that no result file has: `index`, `index-2`, ..."""
    known = set(taken)
    files = []
    for item in items:
        path, number = item["format"], 1
        while path in known:
            number += 1
            path = f"{item['format']}-{number}"
        known.add(path)
        files.append(
            {
                "path": path,
                "title": item["name"],
                "format": item["format"],
                "bytes": item["bytes"],
                "file": item["id"],
            }
        )
    return files


def _folder(out: Path, item: LibraryItem) -> Path:
    root = out.resolve()
    whole = (out / item.path).resolve()
    inside = whole.relative_to(root).parts if whole.is_relative_to(root) else ()
    if not inside or inside[0] == FOLDER or not whole.is_dir():
        raise ToolFailure(f"The tool named {item.path.name} for the library, but did not write that folder.")
    if item.format not in KINDS:
        raise ToolFailure(
            f"The tool named {item.path.name} a {item.format}, which the library does not have."
        )
    return whole


def _size(folder: Path, item: LibraryItem) -> int:
    """Bytes of all its files. A link in it would lead somewhere else once the folder lies in the library."""
    size = 0
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise ToolFailure(f"The tool left a link in {item.path.name}, which cannot go into the library.")
        size += path.stat().st_size if path.is_file() else 0
    return size
