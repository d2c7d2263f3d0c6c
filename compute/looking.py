"""What lies in an upload that tools work with again and again: looked at once, when it comes."""

from __future__ import annotations

import threading
from typing import Any

from tools.contract import InputFailure, LocalFile
from tools.library import KINDS

#: A reference may take a gigabyte of memory while it is read: one after the other.
_one = threading.Lock()


def facts_of(file: LocalFile) -> dict[str, Any]:
    """Its facts, empty where its format has none; of a bad file what is wrong with it, as `problem`."""
    kind = KINDS.get(file.format)
    if kind is None or not kind.facts:
        return {}
    with _one:
        try:
            return kind.look(file)
        except InputFailure as failure:
            return {"problem": str(failure)}
