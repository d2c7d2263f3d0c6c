"""From a slot's report and the child's `result.json` to the outcome of a run."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from compute import messages
from compute.messages import Assignment
from data.records import ErrorKind, JobError, Outcome, Status, utcnow

#: Of the log, kept with an error.
TAIL_LINES = 20
TAIL_BYTES = 4096

_STATUS = {
    messages.CANCELLED: Status.CANCELLED,
    messages.REFUSED: Status.CANCELLED,
    "timeout": Status.TIMEOUT,
}


def verdict(assignment: Assignment, run_id: str, folder: Path, report: dict[str, Any]) -> Outcome:
    """How the run ended. Only a child that ended by itself with code 0 and a result completes."""
    result = _read(folder / "result.json") if report["stopped"] is None else {}
    error = _error(assignment, report, result)
    status = _STATUS.get(report["stopped"], Status.COMPLETED if error is None else Status.FAILED)
    named: dict[str, Any] = {
        "job": assignment.job,
        "seq": assignment.seq,
        "attempt": assignment.attempt,
        "run_id": run_id,
        "usage": report["usage"],
        "steps": result.get("steps") or _steps(assignment, report),
    }
    if status != Status.COMPLETED:
        tail = log_tail(folder / "log.txt") if error else ""
        said = (
            JobError(kind=ErrorKind(error["kind"]), message=error["message"], log_tail=tail)
            if error
            else None
        )
        return Outcome(**named, status=status, error=said)
    return Outcome(
        **named,
        status=status,
        summary=result["summary"],
        warnings=result["warnings"],
        tables=result["tables"],
        files=result["files"],
        library=result["library"],
        failed_items=result["failed_items"],
    )


def log_tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-TAIL_LINES:])


def _error(assignment: Assignment, report: dict[str, Any], result: dict[str, Any]) -> dict[str, str] | None:
    stopped, number, code = report["stopped"], report["signal"], report["exit"]
    if stopped in (messages.CANCELLED, messages.REFUSED):
        return None
    if stopped == "timeout":
        return _limit(f"The run reached its time limit of {duration(assignment.timeout_s)}.")
    if stopped == "memory":
        return _limit(f"The run needed more than its {assignment.memory_mb} MB of memory.")
    if number == signal.SIGXFSZ:
        return _limit(f"The run wrote a file of more than {assignment.file_size_mb} MB.")
    if number == signal.SIGKILL:
        return _limit("The system killed the run, most likely because the worker's memory ran out.")
    if number is not None:
        return _tool(f"The tool crashed: it was ended by signal {number} ({signal.strsignal(number)}).")
    if result.get("error"):
        return dict(result["error"])
    if report["failure"]:
        return dict(report["failure"])
    if code:
        return _tool(f"The tool ended with exit code {code}.")
    return None if result else _tool("The tool ended without a result.")


def _limit(message: str) -> dict[str, str]:
    return {"kind": ErrorKind.LIMIT.value, "message": message}


def _tool(message: str) -> dict[str, str]:
    return {"kind": ErrorKind.TOOL.value, "message": message}


def _steps(assignment: Assignment, report: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps as the child told them last, the running one ended."""
    steps = (report["progress"] or {}).get("steps")
    if steps is None:
        return [
            {"name": name, "state": "waiting", "started_at": None, "ended_at": None}
            for name in assignment.steps
        ]
    ended = {"state": "failed", "ended_at": utcnow().isoformat()}
    return [{**each, **ended} if each["state"] == "running" else each for each in steps]


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def duration(seconds: float) -> str:
    """90 s, 15 min, 2 h 30 min."""
    if seconds < 120:
        return f"{seconds:g} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
