"""Processes that outlived their run: found by their mark and by what was recorded, never by id alone.

Two ways, because each has a gap. A program has the run's mark in its environment unless it cleaned that; a
record in the worker's cache names processes with their start times, but only
those that lived when the slot looked.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from compute.worker import processes
from compute.worker.processes import MARKER, Process

#: A process that does not go after KILL hangs in the kernel; waited for this long, in seconds.
PATIENCE_S = 5.0


def end_run(run_id: str, records: Path) -> int:
    """Ends what a run left whose slot is gone. How many could not be ended."""
    record = records / f"{run_id}.json"
    left = _end_until_gone(lambda: _of_run(run_id, record))
    record.unlink(missing_ok=True)
    return len(left)


def end_all(files: Path, records: Path) -> int:
    """At a worker's start: ends what runs under this files root left, unless their slot is alive.

    How many processes there were.
    """
    ended: set[tuple[int, int]] = set()

    def wanted() -> list[Process]:
        found = _orphans(files, records)
        ended.update((each.pid, each.started) for each in found)
        return found

    _end_until_gone(wanted)
    _forget(records)
    return len(ended)


def _forget(records: Path) -> None:
    """Removes records of which no process is left."""
    known = processes.everybody()
    present = {(each.pid, each.started) for each in known.values() if not each.zombie}
    for path in records.glob("*.json"):
        if not processes.read_record(path) & present:
            path.unlink(missing_ok=True)


def _end_until_gone(wanted: Callable[[], list[Process]]) -> list[Process]:
    """KILL, wait and look again, until nothing is found; returns what does not go."""
    while found := wanted():
        for process in found:
            processes.send_signal(process, signal.SIGKILL)
        stuck = processes.wait_gone(found, PATIENCE_S)
        if stuck:
            return stuck
    return []


def _of_run(run_id: str, record: Path) -> list[Process]:
    known = processes.everybody()
    recorded = processes.read_record(record)
    return _with_descendants(
        known,
        lambda each: (
            (each.pid, each.started) in recorded or processes.environment_of(each.pid).get(MARKER) == run_id
        ),
    )


def _orphans(files: Path, records: Path) -> list[Process]:
    known = processes.everybody()
    recorded = {pair for path in records.glob("*.json") for pair in processes.read_record(path)}
    found = _with_descendants(
        known, lambda each: (each.pid, each.started) in recorded or _marked(each.pid, files)
    )
    return [each for each in found if not _served(each, known)]


def _marked(pid: int, files: Path) -> bool:
    environment = processes.environment_of(pid)
    return MARKER in environment and Path(environment.get("TMPDIR", "/")).is_relative_to(files)


def _served(process: Process, known: dict[int, Process]) -> bool:
    """Whether a living slot or template is above it: those end their own."""
    above = known.get(process.parent)
    while above is not None:
        if above.name in (processes.SLOT, processes.TEMPLATE):
            return True
        above = known.get(above.parent)
    return False


def _with_descendants(known: dict[int, Process], wanted: Callable[[Process], bool]) -> list[Process]:
    found: dict[int, Process] = {}
    for process in known.values():
        if process.name not in (processes.SLOT, processes.TEMPLATE) and wanted(process):
            found[process.pid] = process
            found |= {each.pid: each for each in processes.descendants(process.pid, known)}
    return [each for each in found.values() if not each.zombie]
