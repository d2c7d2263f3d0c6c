"""What lies in an upload that tools work with again and again: looked at once, when it comes."""

from __future__ import annotations

import threading
from typing import Any

from tools.contract import InputFailure, LocalFile
from tools.library import KINDS

#: Characters of a fact.
TEXT = 500
#: A reference may take a gigabyte of memory while it is read: one after the other.
_one = threading.Lock()


def facts_of(file: LocalFile) -> dict[str, Any]:
    """Its facts, empty where its format has none; of a bad file what is wrong with it, as `problem`."""
    kind = KINDS.get(file.format)
    if kind is None or not kind.facts:
        return {}
    with _one:
        try:
            return {key: _short(value) for key, value in kind.look(file).items()}
        except InputFailure as failure:
            return {"problem": _short(str(failure))}


def _short(value: Any) -> Any:
    """Facts stand in every list; what a file calls itself may fill it."""
    return value if not isinstance(value, str) or len(value) <= TEXT else value[: TEXT - 1] + "…"
