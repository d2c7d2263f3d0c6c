"""The supervisor: carries assignments out on a worker, and tells the app about it.

`run` is the Dask task; `stop`, `running` and `report` are what the app asks through `Client.run`. All of
them work on the one `Supervisor` of this worker, which `WellplatePlugin` made. What it says, and when:
docs/protocol.md.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.worker import WORKER_ANY_RUNNING

from compute import messages
from compute.messages import TOPIC, Assignment
from compute.worker import leftovers
from compute.worker.contact import Announcer, Lease
from compute.worker.slots import SlotHandle, SlotLost, Slots, TemplateFailed
from compute.worker.verdict import verdict
from data.records import Outcome, new_id, utcnow

logger = logging.getLogger("wellplate.supervisor")

#: Quick jobs ride together in one task for so long, in seconds: who comes next waits until a ride is over.
RIDE_S = 0.5

#: An outcome that does not fit on the disk is tried again this often, in seconds.
DISK_RETRY_S = 2.0


class UnfitWorker(Exception):
    """This worker cannot carry jobs out; the message says why."""


@dataclass(eq=False)
class Run:
    assignment: Assignment
    run_id: str
    folder: Path
    started: str
    slot: SlotHandle | None = None
    #: Why it was told to stop.
    stop_reason: str | None = None
    gpus: list[int] = field(default_factory=list)

    def names(self) -> dict[str, Any]:
        each = self.assignment
        return {"job": each.job, "seq": each.seq, "attempt": each.attempt, "run_id": self.run_id}


class Supervisor:
    def __init__(
        self,
        files: Path,
        cache: Path,
        *,
        worker: str,
        announce: Callable[[dict[str, Any]], None],
        stop_grace_s: float,
        gpus: int = 0,
    ) -> None:
        self.files = files
        self.cache = cache
        self._records = cache / "runs"
        self._tool_cache = cache / "tools"
        self._worker = worker
        self._announce = announce
        self.stop_grace_s = stop_grace_s
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._room = threading.Condition()
        self._closing = False
        self._free_gpus = list(range(gpus))
        self.slots = Slots(logger.warning)

    def works_in(self, files: Path, cache: Path) -> bool:
        return (self.files, self.cache) == (files, cache)

    def start(self) -> None:
        """Raises UnfitWorker or TemplateFailed."""
        check_files_root(self.files)
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            self._tool_cache.mkdir(exist_ok=True)
        except OSError as error:
            raise UnfitWorker(f"this worker cannot use the cache folder {self.cache}: {error}") from error
        ended = leftovers.end_all(self.files, self._records)
        if ended:
            logger.warning("ended %d processes that an earlier worker left", ended)
        self.slots.start()

    def run(self, assignments: Sequence[Assignment]) -> list[str]:
        """One after the other; the ids of those not started, as the ride took long or the worker closes."""
        begin = time.monotonic()
        for number, assignment in enumerate(assignments):
            if self._closing or (number and time.monotonic() - begin > RIDE_S):
                return [each.job for each in assignments[number:]]
            self._carry_out(assignment)
        return []

    def stop(self, run_id: str, reason: str) -> bool:
        """False when no such run is here."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                return False
            self._stop(run, reason)
            return True

    def running(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {**run.names(), "cpus": run.assignment.cpus, "started": run.started}
                for run in self._runs.values()
            ]

    def stop_all(self, reason: str) -> None:
        """Ends every run without an outcome, at once."""
        with self._lock:
            for run in self._runs.values():
                run.stop_reason = reason
                if run.slot:
                    run.slot.close()

    def close(self) -> None:
        self._closing = True
        with self._room:
            self._room.notify_all()
        self.stop_all(messages.CLOSING)
        self.slots.close()

    def _carry_out(self, assignment: Assignment) -> None:
        run_id = new_id()
        folder = self.files / assignment.folder / "attempts" / f"{assignment.attempt}-{run_id}"
        run = Run(assignment, run_id, folder, utcnow().isoformat())
        try:
            (folder / "work").mkdir(parents=True)
            (folder / "out").mkdir()
        except OSError as error:
            self._lose(run, f"the worker cannot write the job's folder: {error.strerror}")
            return
        with self._lock:
            self._runs[run_id] = run
            run.stop_reason = messages.CLOSING if self._closing else None
            run.gpus = [self._free_gpus.pop() for _ in range(min(assignment.gpus, len(self._free_gpus)))]
        self._tell(run, messages.STARTED, worker=self._worker, cpus=assignment.cpus)
        try:
            report = self._in_slot(run)
            self._conclude(run, verdict(assignment, run_id, folder, report))
        except (SlotLost, TemplateFailed) as error:
            self._gone(run, str(error))
        except Exception as error:
            # This run's loss only: raised, it would be that of every job that rides in the same task.
            logger.exception("run %s of job %s could not be carried out", run_id, assignment.job)
            self._gone(run, f"its worker met an error: {error!r}")
        finally:
            with self._lock:
                del self._runs[run_id]
                self._free_gpus += run.gpus

    def _in_slot(self, run: Run) -> dict[str, Any]:
        """Hands the run to a slot and passes its progress on; its report. Raises SlotLost or TemplateFailed."""
        slot = self.slots.take(tuple(run.assignment.imports))
        try:
            slot.carry_out(self._spec(run))
            with self._lock:
                run.slot = slot
                if run.stop_reason:
                    self._stop(run, run.stop_reason)
            for message in slot.messages():
                if "report" in message:
                    break
                self._tell(run, messages.PROGRESS, **message["progress"])
        except Exception:
            with self._lock:
                run.slot = None
            slot.release()  # a slot that lives on ends with what it runs
            raise
        with self._lock:
            run.slot = None
        self.slots.give_back(slot)
        report: dict[str, Any] = message["report"]
        return report

    def _spec(self, run: Run) -> dict[str, Any]:
        each = run.assignment
        files = {
            name: [(str(self.files / path), called, format) for path, called, format in given]
            for name, given in each.files.items()
        }
        return {
            "run_id": run.run_id,
            "tool": each.tool,
            "cpus": each.cpus,
            "gpus": ",".join(map(str, run.gpus)),
            "memory_mb": each.memory_mb,
            "address_space_mb": each.address_space_mb,
            "timeout_s": each.timeout_s,
            "file_size_mb": each.file_size_mb,
            "open_files": each.open_files,
            "steps": list(each.steps),
            "inputs": dict(each.inputs),
            "settings": dict(each.settings),
            "files": files,
            "attempt_folder": str(run.folder),
            "cache": str(self._tool_cache),
            "record": str(self._records / f"{run.run_id}.json"),
            "stop_grace_s": self.stop_grace_s,
        }

    def _stop(self, run: Run, reason: str) -> None:
        run.stop_reason = run.stop_reason or reason
        if run.slot is None:
            return  # it is told as soon as it has its slot
        if reason in (messages.CLOSING, messages.LEASE):
            run.slot.close()  # the run is lost: its tool has no say in how it ended
            return
        try:
            run.slot.stop(reason)
        except SlotLost:
            return  # the run's own thread sees it too

    def _conclude(self, run: Run, outcome: Outcome) -> None:
        """On disk first, then announced. A run whose claim was refused leaves nothing."""
        if run.stop_reason == messages.REFUSED:
            shutil.rmtree(run.folder, ignore_errors=True)
            return
        values = messages.outcome_to_json(outcome)
        try:
            self._write(run, json.dumps(values))
        except FileNotFoundError:
            return  # the app removed the folder: this run lost
        self._tell(run, messages.OUTCOME, **values)

    def _write(self, run: Run, text: str) -> None:
        """`outcome.json` by atomic rename; while the disk is full, waits for room. Raises FileNotFoundError.

        Without fsync: after a power cut a file that is missing or cut short is a run without an outcome, and
        the results themselves were synced by the child.
        """
        temporary = run.folder / "outcome.tmp"
        told = False
        while True:
            try:
                temporary.write_text(text)
                temporary.rename(run.folder / "outcome.json")
                return
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            if not told:
                self._tell(run, messages.DISK_FULL, worker=self._worker)
                told = True
            with self._room:
                if self._closing:
                    raise SlotLost("the worker stopped while its disk was full")
                self._room.wait(DISK_RETRY_S)

    def _gone(self, run: Run, reason: str) -> None:
        """The slot is gone: makes sure that its processes are, then says so."""
        left = leftovers.end_run(run.run_id, self._records)
        if left:
            reason += f"; {left} of its processes cannot be ended"
        if run.stop_reason == messages.REFUSED:
            shutil.rmtree(run.folder, ignore_errors=True)
            return
        if run.stop_reason == messages.CLOSING:
            reason = "the worker was stopped"
        if run.stop_reason == messages.LEASE:
            reason = "the worker had no contact with the scheduler"
        self._lose(run, reason)

    def _lose(self, run: Run, reason: str) -> None:
        self._tell(run, messages.LOST, reason=reason, counts=run.stop_reason != messages.CLOSING)

    def _tell(self, run: Run, kind: str, **more: Any) -> None:
        self._announce({"kind": kind, **run.names(), **more})


def check_files_root(files: Path) -> None:
    """Raises UnfitWorker when the shared folder cannot be written, renamed in and read back."""
    probe = files / f".probe-{socket.gethostname()}-{uuid.uuid4().hex}"
    renamed = probe.with_suffix(".renamed")
    try:
        probe.write_text(probe.name)
        probe.rename(renamed)
        back = renamed.read_text()
        renamed.unlink()
    except OSError as error:
        raise UnfitWorker(f"this worker cannot use the files folder {files}: {error}") from error
    if back != probe.name:
        raise UnfitWorker(f"this worker reads something else from {files} than it wrote")


@dataclass
class _Station:
    """What one worker process has of Wellplate, whichever connection of the app put it there."""

    supervisor: Supervisor
    announcer: Announcer
    lease: Lease

    async def close(self) -> None:
        self.lease.stop()
        await asyncio.to_thread(self.supervisor.close)
        self.announcer.flush()


class WellplatePlugin(WorkerPlugin):
    """Makes this worker one that carries jobs out. When it cannot, `setup` raises and the worker closes."""

    name = "wellplate"

    def __init__(self, files: str, cache: str, *, lease_s: float, stop_grace_s: float) -> None:
        self.files = files
        self.cache = cache
        self.lease_s = lease_s
        self.stop_grace_s = stop_grace_s

    async def setup(self, worker: Worker) -> None:
        """An app that comes back registers the plugin again: the runs go on under the supervisor that is here."""
        global _station
        if _station is not None and _station.supervisor.works_in(Path(self.files), Path(self.cache)):
            _station.supervisor.stop_grace_s = self.stop_grace_s
            _station.lease.lease_s = self.lease_s
            return
        if _station is not None:
            await _station.close()
            _station = None
        announcer = Announcer(worker)
        supervisor = Supervisor(
            Path(self.files),
            Path(self.cache),
            worker=worker.address,
            announce=announcer,
            stop_grace_s=self.stop_grace_s,
            gpus=int(worker.state.total_resources.get("gpus", 0)),
        )
        try:
            await asyncio.to_thread(supervisor.start)
        except Exception as error:
            # A worker that stayed would be sent jobs, and fail every one of them.
            _leave(worker, str(error))
            raise
        lease = Lease(worker, self.lease_s, lambda: supervisor.stop_all(messages.LEASE))
        lease.start()
        _station = _Station(supervisor, announcer, lease)

    async def teardown(self, worker: Worker) -> None:
        """Also called before the same plugin is set up again: only a worker that closes ends its runs."""
        global _station
        if worker.status in WORKER_ANY_RUNNING or _station is None:
            return
        station, _station = _station, None
        await station.close()


def _leave(worker: Worker, reason: str) -> None:
    worker.log_event(TOPIC, [{"kind": messages.UNFIT, "worker": worker.address, "reason": reason}])
    worker.loop.add_callback(worker.close, reason=reason)


_station: _Station | None = None


def _current() -> Supervisor:
    if _station is None:
        raise UnfitWorker("this worker has no Wellplate plugin")
    return _station.supervisor


def run(assignments: Sequence[Assignment]) -> list[str]:
    """The Dask task: see Supervisor.run."""
    station = _station
    if station is None:
        raise UnfitWorker("this worker has no Wellplate plugin")
    try:
        return station.supervisor.run(assignments)
    finally:
        station.announcer.hurry()


def stop(run_id: str, reason: str) -> bool:
    """Asked by the app: stop this run (`cancelled` or `refused`). False when it is not here."""
    return _current().stop(run_id, reason)


def running() -> list[dict[str, Any]]:
    """Asked by the app: job, seq, attempt, run_id and started of each run."""
    return _current().running()


def report(dask_worker: Worker) -> dict[str, Any]:
    """Asked by the app: what this worker has to offer, and whether it can be used."""
    supervisor = _current()
    offers = dask_worker.state.total_resources
    try:
        check_files_root(supervisor.files)
        problem = None
    except UnfitWorker as error:
        problem = str(error)
    return {
        "cpus": int(offers.get("cpus", 0)),
        "memory_mb": int(offers.get("memory", 0)),
        "gpus": int(offers.get("gpus", 0)),
        "running": supervisor.running(),
        "hostname": socket.gethostname(),
        "files_writable": problem is None,
        "problem": problem,
    }
