"""What goes to the cluster, and when: a window of the queue, in the order of turns.

Two lanes. Most jobs take cpus of a worker and wait until they fit. Quick jobs (`cpus_min` = 0: converters, utilities)
take none, so that they never wait behind a long run; several of them ride in one task of the cluster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from typing import Any

from compute import references
from compute.cluster.client import Cluster, End, NotConnected, Worker
from compute.messages import Assignment
from compute.queue.fairness import Turns
from compute.queue.needs import Need
from compute.settings import Settings
from data import batches, jobs
from data.errors import NotFound, Unavailable
from data.folders import Folders
from data.records import ErrorKind, Job, JobError
from data.store import Store
from tools.contract import Limits

log = logging.getLogger("wellplate.feeder")

#: What a job fails with that can never be handed out.
DAMAGED = "The job's folder is gone or damaged; submit it again."

#: Quick tasks under way per worker, and quick jobs that ride in one task: at first, and at most.
QUICK_TASKS = 3
RIDE, LONGEST_RIDE = 16, 32


@dataclass(eq=False)
class Task:
    """One task of the cluster, with one assignment or a ride of quick ones."""

    key: str
    need: Need
    #: Assignments by job, of those that have neither ended nor been lost.
    left: dict[str, Assignment]
    #: How many assignments it was sent with.
    size: int
    #: What the cluster knows it by.
    handle: Any = None

    @property
    def quick(self) -> bool:
        return self.need.cpus == 0


class Feeder:
    """Owned by the dispatcher's thread; what others ask reads only copies."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        cluster: Cluster,
        limits: Callable[[str], Limits | None],
        task_ended: Callable[[Task, End, str], None],
        refused: Callable[[Future[Any]], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._cluster = cluster
        self._limits = limits
        self._task_ended = task_ended
        self._refused = refused
        self._tasks: dict[str, Task] = {}
        self._task_of: dict[str, Task] = {}
        self._turns = Turns()
        self._numbers = count()
        #: Quick jobs that the next task takes: what a ride has time for, and some more.
        self._ride = RIDE
        #: Whether there may be something to hand out.
        self.hungry = True
        #: Why what there is could not be handed out; the next look tries again. None: it went through.
        self.stalled: str | None = None
        #: Whether the last feed left out a job whose folder could not be read.
        self._skipped = False

    @property
    def busy(self) -> bool:
        return bool(self._tasks) or self.stalled is not None

    def feed(self, running: Iterable[tuple[str, Need]]) -> None:
        """Hand out what fits beside what runs (job and need), plus a small buffer that the workers hold back.

        Raises Unavailable when store or disk refuse; then it is stalled.
        """
        self.hungry = False
        self.stall()
        self._skipped = False
        self._feed(running)
        if not self._skipped:
            self.stalled = None

    def stall(self) -> None:
        self.stalled = "Waiting jobs could not be handed out; it is tried again every few seconds."

    def _feed(self, running: Iterable[tuple[str, Need]]) -> None:
        workers = self._cluster.workers()
        taken = dict(running)
        self._withdraw_unfit(workers, taken)
        quick = QUICK_TASKS * len(workers) - sum(task.quick for task in self._tasks.values())
        buffer = self._settings.jobs.window_extra - self._unstarted(taken)
        free = self.free(taken.items())
        slots = buffer > 0 or free.cpus > 0
        if not workers or not (quick > 0 or slots):
            return
        window = len(self._task_of) + self._ride * QUICK_TASKS * len(workers)
        waiting = [
            job
            for job in jobs.waiting(self._store, per_person=window, quick=quick > 0, slots=slots)
            if job.id not in self._task_of and job.id not in taken
        ]
        if quick > 0:
            self._feed_quick([job for job in waiting if job.cpus_min == 0], quick)
        fitting = [job for job in waiting if job.cpus_min > 0 and any(map(need_of(job).within, workers))]
        self._feed_slots(fitting, workers, free, buffer)

    def need_of_task(self, job_id: str) -> Need | None:
        task = self._task_of.get(job_id)
        return task.need if task is not None else None

    def started(self, job_id: str) -> None:
        """A run of it announced itself: the buffer has room for another."""
        task = self._task_of.get(job_id)
        self.hungry |= task is not None and not task.quick

    def leave(self, job_id: str, *, withdraw: bool) -> None:
        """The job is done with its task. With `withdraw`, a task that has no other is taken back if it can be."""
        task = self._task_of.pop(job_id, None)
        if task is None:
            self.hungry = True  # a run of an earlier app: no task's end tells that its cpus are free
            return
        task.left.pop(job_id, None)
        if withdraw and not task.left and task.handle is not None:
            self._cluster.withdraw(task.handle)

    def forget(self, task: Task) -> dict[str, Assignment]:
        """The task is no longer in the cluster: what was left of it."""
        self.hungry = True
        self._tasks.pop(task.key, None)
        left, task.left = task.left, {}
        if task.quick and (carried := task.size - len(left)):
            self._ride = min(LONGEST_RIDE, carried + max(2, carried // 2))
        for job_id in left:
            if self._task_of.get(job_id) is task:
                del self._task_of[job_id]
        return left

    def forget_all(self) -> None:
        """The connection through which they were handed out is gone, and the tasks with it."""
        for task in list(self._tasks.values()):
            self.forget(task)
        self.hungry = True

    def free(self, running: Iterable[tuple[str, Need]]) -> Need:
        """What the present workers have, less tasks and runs without one. Negative while a buffer waits."""
        offered = sum((worker.offer for worker in self._cluster.workers()), Need())
        taken = [task.need for task in list(self._tasks.values()) if not task.quick]
        adopted = [need for job, need in running if job not in self._task_of]
        return offered - sum(taken + adopted, Need())

    def _unstarted(self, running: dict[str, Need]) -> int:
        """Tasks that take cpus and of which no run announced itself yet."""
        return sum(_waits(task, running) for task in self._tasks.values())

    def _withdraw_unfit(self, workers: list[Worker], running: dict[str, Need]) -> None:
        """The worker that a task was cut out for is gone: taken back, it is handed out again for those here."""
        for task in self._tasks.values():
            if workers and _waits(task, running) and not any(map(task.need.within, workers)):
                self._cluster.withdraw(task.handle)

    def _feed_quick(self, waiting: list[Job], room: int) -> None:
        # In this order of arguments the last one's turn counts too: zip asks for one more before it ends.
        chosen = [job for job, _ in zip(self._turns.order(waiting), range(self._ride * room), strict=False)]
        for start in range(room):
            ride = chosen[start::room]
            if ride:
                self._send(ride, Need(), cpus=1)

    def _feed_slots(self, waiting: list[Job], workers: list[Worker], free: Need, buffer: int) -> None:
        left = len(waiting)
        for job in self._turns.order(waiting):
            need = need_of(job)
            cpus = job.cpus_min
            if need.gpus > max(0, free.gpus):
                left -= 1
                continue  # those who need no GPU do not wait for one
            if need.within(free):
                share = max(job.cpus_min, free.cpus // max(1, left))
                largest = max(worker.cpus for worker in workers if need.within(worker))
                cpus = min(job.cpus_max, share, largest)
            elif buffer > 0:
                buffer -= 1
            else:
                # Jobs behind this one do not overtake it, or a large job would never start.
                return
            need = Need(cpus, need.memory_mb, need.gpus)
            self._send([job], need, cpus=cpus)
            left -= 1
            free -= need

    def _send(self, chosen: list[Job], need: Need, *, cpus: int) -> None:
        self._make_folders([job for job in chosen if job.batch is not None])
        assignments = [made for job in chosen if (made := self._assignment(job, cpus)) is not None]
        if not assignments:
            return
        try:
            for made in assignments:
                self._folders.mark_live(made.job)
        except OSError as error:
            raise Unavailable(f"Waiting jobs cannot be handed out: {error.strerror}.") from error
        first = assignments[0]
        key = f"{first.job}-{first.attempt}-{next(self._numbers)}"
        task = Task(key, need, {made.job: made for made in assignments}, size=len(assignments))
        self._tasks[key] = task
        self._task_of |= dict.fromkeys(task.left, task)
        try:
            task.handle = self._cluster.send(
                key, assignments, need, lambda end, reason: self._task_ended(task, end, reason)
            )
        except NotConnected:
            self.forget(task)
            self.hungry = False  # until it is connected again

    def _make_folders(self, children: list[Job]) -> None:
        """Of a batch's children that had nothing to keep in one so far."""
        missing = [job for job in children if not self._folders.has_request(job.id)]
        if not missing:
            return
        for job_id, request in batches.requests(self._store, missing).items():
            if references.any_file(request["inputs"]):
                continue  # it had a folder, which is gone
            try:
                self._folders.make_request(job_id, request)
            except OSError as error:
                raise Unavailable(f"Waiting jobs cannot be handed out: {error.strerror}.") from error

    def _assignment(self, job: Job, cpus: int) -> Assignment | None:
        limits = self._limits(job.tool)
        if limits is None:
            self._refuse(job, f"The tool {job.tool} is not offered here any more.")
            return None
        try:
            return _assignment(job, limits, self._folders.request(job.id), cpus)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._refuse(job, DAMAGED)
        except (OSError, NotFound) as error:
            if isinstance(error, NotFound) and (self._folders.root / "jobs").is_dir():
                self._refuse(job, DAMAGED)
            else:  # shared storage that dropped out must not fail every job
                log.warning("job %s waits, its folder cannot be read: %s", job.id, error)
                self._skipped = True
        return None

    def _refuse(self, job: Job, message: str) -> None:
        error = JobError(kind=ErrorKind.PLATFORM, message=message)
        jobs.refuse(self._store, job.id, job.attempt, error).add_done_callback(self._refused)


def _waits(task: Task, running: dict[str, Need]) -> bool:
    return not task.quick and not task.left.keys() & running.keys()


def _assignment(job: Job, limits: Limits, request: Mapping[str, Any], cpus: int) -> Assignment:
    """Raises KeyError, TypeError, AttributeError or ValueError when `job.json` is not what it should be."""
    return Assignment(
        job=job.id,
        seq=job.seq,
        attempt=job.attempt,
        tool=job.tool,
        cpus=cpus,
        memory_mb=job.memory_mb,
        gpus=job.gpus,
        timeout_s=job.timeout_s,
        file_size_mb=limits.file_size_mb,
        open_files=limits.open_files,
        address_space_mb=limits.address_space_mb,
        steps=tuple(request["steps"]),
        imports=tuple(request.get("imports", ())),
        folder=f"jobs/{job.id}",
        inputs=request["inputs"],
        settings=request["settings"],
        files={name: [tuple(file) for file in files] for name, files in request["files"].items()},
    )


def need_of(job: Job) -> Need:
    return Need(job.cpus_min, job.memory_mb, job.gpus)
