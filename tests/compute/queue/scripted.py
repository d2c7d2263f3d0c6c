"""A cluster whose every step a test decides: what starts and ends, what is delivered late, twice or never, what dies.

It has the methods of compute.cluster.client.Cluster, and leaves on disk what a supervisor leaves.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute import messages
from compute.cluster.client import End, Listener, NotConnected, Worker
from compute.messages import Assignment
from compute.queue.needs import Need
from data.records import Outcome, Status, new_id


class Deferred(Executor):
    """Work that is done when the test says so, or never."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: function(*arguments, **named)))
        return future

    def work(self) -> None:
        future, action = self.waiting.popleft()
        future.set_result(action())

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        while self.waiting:
            self.work()


@dataclass(eq=False)
class Event:
    """Something on its way to the app."""

    deliver: Callable[[Listener], None]
    #: The end of a task comes, unless the whole connection is lost; everything else may be lost by itself.
    sure: bool = False


@dataclass(eq=False)
class SentTask:
    key: str
    given: list[Assignment]
    left: list[Assignment]
    ended: Callable[[End, str], None] | None
    worker: str | None = None


@dataclass(eq=False)
class Process:
    """A run on a worker."""

    assignment: Assignment
    run_id: str
    task: SentTask
    worker: str
    folder: Path
    stop: str | None = None

    def names(self) -> dict[str, Any]:
        each = self.assignment
        return {"job": each.job, "seq": each.seq, "attempt": each.attempt, "run_id": self.run_id}


class ScriptedCluster:
    """Two cpus a worker, unless told; a task needs a worker from the moment in which its first run starts."""

    LEASE_S = 60.0

    def __init__(self, files: Path, clock: Callable[[], float]) -> None:
        self._files = files
        self._clock = clock
        self._numbers = 0
        self.listener: Listener | None = None
        self.present: dict[str, Worker] = {}
        #: Workers that cannot be reached, and since when.
        self.silent: dict[str, float] = {}
        self.tasks: list[SentTask] = []
        self.processes: list[Process] = []
        self.air: list[Event] = []
        self.connected = True
        self.problem = None

    # What the dispatcher asks

    def start(self, listener: Listener) -> None:
        self.listener = listener
        self.connected = True

    def close(self, *, stop: bool) -> bool:
        self.leave()
        if stop:
            for address in list(self.present):
                self._end_processes(address)
                del self.present[address]
            self.tasks.clear()
            self.silent.clear()
        return stop

    def send(
        self, key: str, assignments: list[Assignment], need: Need, ended: Callable[[End, str], None]
    ) -> SentTask:
        if not self.connected:
            raise NotConnected
        task = SentTask(key, assignments, list(assignments), ended)
        self.tasks.append(task)
        return task

    def withdraw(self, task: SentTask) -> None:
        if task not in self.tasks or not self.connected:
            return
        self.tasks.remove(task)
        if task.worker is None:
            task.left.clear()
        self._ends(task, End.CANCELLED)

    def stop_run(self, worker: str, run_id: str, reason: str) -> None:
        if not self.connected:
            raise NotConnected
        for process in self.processes:
            if process.run_id == run_id and process.worker not in self.silent:
                process.stop = process.stop or reason

    def running(self) -> dict[str, list[dict[str, Any]]]:
        if not self.connected:
            raise NotConnected
        return {
            address: [
                {**process.names(), "cpus": process.assignment.cpus}
                for process in self.processes
                if process.worker == address
            ]
            for address in self.present
            if address not in self.silent
        }

    def workers(self) -> list[Worker]:
        return list(self.present.values())

    def gone(self, address: str) -> bool:
        return address not in self.present

    # What happens

    def add_worker(self, cpus: int = 2, gpus: int = 0) -> str:
        self._numbers += 1
        address = f"worker-{self._numbers}"
        self.present[address] = Worker(address, address, cpus=cpus, memory_mb=8192, gpus=gpus)
        self._say(Event(lambda listener: listener.worker_came(address)))
        return address

    def startable(self) -> list[SentTask]:
        busy = {id(process.task) for process in self.processes}
        return [
            task
            for task in self.tasks
            if task.left and id(task) not in busy and (task.worker or self._reachable())
        ]

    def begin(self, task: SentTask) -> Process:
        """The task's next assignment starts."""
        task.worker = task.worker or self._reachable()[0]
        assignment = task.left.pop(0)
        run_id = new_id()
        folder = self._files / assignment.folder / "attempts" / f"{assignment.attempt}-{run_id}"
        (folder / "out").mkdir(parents=True)
        process = Process(assignment, run_id, task, task.worker, folder)
        self.processes.append(process)
        self._tell(process, messages.STARTED, worker=process.worker, cpus=assignment.cpus)
        return process

    def progress(self, process: Process) -> None:
        self._tell(process, messages.PROGRESS, progress=50.0, step=None, note="half", steps=[])

    def end(
        self, process: Process, status: Status = Status.COMPLETED, *, announced: bool = True, **left: Any
    ) -> None:
        """The child is gone: the outcome is on disk, then announced."""
        self.processes.remove(process)
        if process.stop == messages.REFUSED:
            shutil.rmtree(process.folder, ignore_errors=True)
        elif process.folder.is_dir():
            (process.folder / "out" / "owner.txt").write_text(process.run_id)
            (process.folder / "log.txt").write_text("a line\n")
            ended = Status.CANCELLED if process.stop else status
            left = {"library": [_item(process)]} | left
            outcome = messages.outcome_to_json(Outcome(**process.names(), status=ended, **left))
            temporary = process.folder / "outcome.tmp"
            temporary.write_text(json.dumps(outcome))
            temporary.rename(process.folder / "outcome.json")
            if announced:
                self._say(Event(lambda listener: listener.messages([{"kind": messages.OUTCOME, **outcome}])))
        self._next(process.task)

    def lose(self, process: Process) -> None:
        """Its slot was killed; the supervisor says so."""
        self.processes.remove(process)
        if process.stop == messages.REFUSED:
            shutil.rmtree(process.folder, ignore_errors=True)
        else:
            self._tell(process, messages.LOST, reason="its slot was killed", counts=True)
        self._next(process.task)

    def cut_ride(self, task: SentTask) -> None:
        """The ride took long: what was not started goes back."""
        self._finish(task)

    def fail(self, task: SentTask, end: End = End.ERROR) -> None:
        """It raised before a run could be announced."""
        self.tasks.remove(task)
        self._ends(task, end)

    def kill_worker(self, address: str) -> None:
        self._end_processes(address)
        del self.present[address]
        self.silent.pop(address, None)
        for task in [task for task in self.tasks if task.worker == address]:
            self.tasks.remove(task)
            self._ends(task, End.WORKER_DIED)
        self._say(Event(lambda listener: listener.worker_left(address, False)))

    def retire_worker(self, address: str) -> None:
        """As expected: its tasks are not suspicious, and run again from their beginning on another worker."""
        self._end_processes(address)
        del self.present[address]
        self.silent.pop(address, None)
        for task in self.tasks:
            if task.worker == address:
                task.worker, task.left = None, list(task.given)
        self._say(Event(lambda listener: listener.worker_left(address, True)))

    def silence(self, address: str) -> None:
        self.silent.setdefault(address, self._clock())

    def time_passed(self) -> None:
        """A supervisor without its scheduler ends its runs."""
        for address, since in self.silent.items():
            if self._clock() - since >= self.LEASE_S:
                self._end_processes(address)

    def disconnect(self) -> None:
        """The app lost the scheduler: what was sent and has not started is forgotten, what is in the air is lost."""
        listener = self.listener
        self.leave()
        self.listener = listener
        if listener is not None:
            listener.disconnected()

    def leave(self) -> None:
        self.connected = False
        self.listener = None
        self.air.clear()
        busy = {id(process.task) for process in self.processes}
        for task in self.tasks:
            task.ended = None
        self.tasks = [task for task in self.tasks if id(task) in busy]

    def reconnect(self) -> None:
        self.connected = True
        for address in self.present:
            self._say(Event(lambda listener, address=address: listener.worker_came(address)))  # type: ignore[misc]

    def deliver(self, event: Event) -> None:
        if self.listener is not None:
            event.deliver(self.listener)

    def _reachable(self) -> list[str]:
        return [address for address in self.present if address not in self.silent]

    def _end_processes(self, address: str) -> None:
        self.processes = [process for process in self.processes if process.worker != address]

    def _next(self, task: SentTask) -> None:
        if not task.left:
            self._finish(task)

    def _finish(self, task: SentTask) -> None:
        if task in self.tasks:
            self.tasks.remove(task)
            self._ends(task, End.FINISHED)

    def _ends(self, task: SentTask, end: End) -> None:
        ended = task.ended
        if ended is not None:
            self._say(Event(lambda listener: ended(end, end.value), sure=True))

    def _tell(self, process: Process, kind: str, **more: Any) -> None:
        message = {"kind": kind, **process.names(), **more}
        self._say(Event(lambda listener: listener.messages([message])))

    def _say(self, event: Event) -> None:
        if self.connected:
            self.air.append(event)


def _item(process: Process) -> dict[str, Any]:
    """Something for the library, as a child leaves it; also of a run that is told to have failed."""
    item = {"id": new_id(), "name": "A sample", "format": "sample", "facts": {}, "bytes": 1}
    folder = process.folder / "out" / "library" / str(item["id"])
    folder.mkdir(parents=True)
    (folder / "owner.txt").write_text(process.run_id)
    return item
