"""What app and workers say to each other, and how it is written down.

Everything is plain data: an `Assignment` travels with a Dask task, messages as events of `TOPIC`, an outcome
as `outcome.json`. Times are UTC without zone in ISO format; `None` stands for a number that is none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from data.records import ErrorKind, JobError, Outcome, Status

#: Dask event topic; each event is a list of messages.
TOPIC = "wellplate"

#: {"kind", "job", "seq", "attempt", "run_id", "worker", "cpus"}: a run wants to own its attempt.
STARTED = "started"
#: {"kind", "job", "seq", "attempt", "run_id", "progress", "step", "note", "steps"}: at most once a second.
PROGRESS = "progress"
#: {"kind", ...every field of an Outcome}: it is on disk already.
OUTCOME = "outcome"
#: {"kind", "job", "seq", "attempt", "run_id", "reason", "counts"}: the run is gone without an outcome.
LOST = "lost"
#: {"kind", "job", "seq", "attempt", "run_id", "worker"}: an outcome waits in memory until there is room.
DISK_FULL = "disk_full"
#: {"kind", "worker", "reason"}: this worker cannot carry jobs out, and leaves.
UNFIT = "unfit"

#: Reasons to stop a run: what becomes of it.
CANCELLED = "cancelled"  # an outcome `cancelled`
REFUSED = "refused"  # its claim was refused: nothing is said, its folder goes
LEASE = "lease"  # no contact with the scheduler: lost
CLOSING = "closing"  # the worker stops: lost, without using up a retry


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One attempt to carry out. Paths are relative to the files root that app and workers share."""

    job: str
    seq: int
    attempt: int
    tool: str
    cpus: int
    memory_mb: int
    gpus: int
    timeout_s: float
    file_size_mb: int
    open_files: int
    steps: tuple[str, ...]
    #: jobs/<id>
    folder: str
    #: As the tool's models take them.
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any]
    #: input -> (path, the person's name for it, format)
    files: Mapping[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    #: Modules that its slot has imported beforehand; slots are shared by jobs that ask for the same.
    imports: tuple[str, ...] = ()
    #: Largest address space of one process; None: unlimited: torch and jax reserve more than they use.
    address_space_mb: int | None = None


def json_safe(value: Any) -> Any:
    """`value` as JSON and the store can hold it.

    NaN and infinity become None, numpy's numbers Python's, the rest text; half a surrogate pair (from a file name
    that is no UTF-8, for one) becomes a question mark.
    """
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping):
        return {json_safe(str(key)): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_safe(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return json_safe(value.tolist())
    return json_safe(str(value))


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    values = asdict(outcome)
    values["status"] = outcome.status.value
    if outcome.error:
        values["error"]["kind"] = outcome.error.kind.value
    return values


def outcome_from_json(values: Mapping[str, Any]) -> Outcome:
    """Raises ValueError when a field is missing or wrong: a file that was cut short is no outcome."""
    known = {each.name for each in fields(Outcome)}
    try:
        given = {key: json_safe(value) for key, value in values.items() if key in known}
        error = given.get("error")
        given["status"] = Status(values["status"])
        given["error"] = error and JobError(
            kind=ErrorKind(error["kind"]), message=error["message"], log_tail=error.get("log_tail", "")
        )
        return Outcome(**given)
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"not an outcome: {problem!r}") from problem


def read_outcome(text: str | bytes) -> Outcome:
    """The outcome of an `outcome.json`. Raises ValueError."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("not an outcome: no object")
    return outcome_from_json(values)


def encode(message: Mapping[str, Any]) -> bytes:
    """One line of the conversation between supervisor, template and slot."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        self._pieces.append(data)
        if b"\n" not in data:
            return []
        *lines, rest = b"".join(self._pieces).split(b"\n")
        self._pieces = [rest]
        return [json.loads(line) for line in lines]
