"""Many inputs to one tool at once: looked at line by line, submitted together, watched and retried as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.records import Visibility
from tools.contract import PriceLine, Problem


@dataclass(frozen=True, kw_only=True)
class BatchSubmission:
    """What to run. Either `items`, the inputs of each job in the API's form, or `inputs`, those of the form for many."""

    tool: str
    settings: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]] | None = None
    inputs: Mapping[str, Any] | None = None
    name: str | None = None
    visibility: Visibility | None = None
    #: Go on without what cannot be run.
    skip_invalid: bool = False
    expected_credits: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A job that is to be, or why it cannot be."""

    name: str
    #: "line 3", "record 2 of hits.sdf".
    where: str
    credits: int
    #: A sentence; empty when it can be run.
    problem: str = ""
    #: What makes it likely to fail; it is run all the same.
    doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A batch before it is submitted."""

    lines: list[Line]
    #: Of those that can be run, together.
    credits: int
    #: What this is made of, in sums over all of them.
    price: list[PriceLine]
    available: int
    affordable: bool
    #: Why it is not affordable, as a submit would say it.
    lack: str | None = None
    #: Of the form as a whole; then there are no lines.
    problems: list[Problem]
    #: Jobs that one batch may have.
    most: int

    @property
    def good(self) -> int:
        return sum(not line.problem for line in self.lines)
