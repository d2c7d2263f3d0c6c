"""Feeds the cluster from the queue in the store, and folds what comes back into it (docs/protocol.md).

One thread owns all of its state: whatever happens elsewhere (a message, a commit, a worker that left) is posted into
its inbox as a function and carried out there, one after the other.

Two lanes. Most jobs take cpus of a worker and wait until they fit. Quick jobs (`cpus_min` = 0: converters, utilities)
take none, so that they never wait behind a long run; a few of them at a time share a task of the cluster.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import distributed

from compute import messages
from compute.cluster import Cluster, Listener, NotConnected
from compute.fairness import Turns
from compute.messages import Assignment
from compute.settings import Settings
from data import jobs
from data.errors import WellplateError
from data.folders import Folders
from data.records import Change, Claim, ErrorKind, Job, JobError, Loss, Outcome, Progress, Status
from data.store import Store
from tools.contract import Limits

log = logging.getLogger("wellplate.dispatcher")

#: How often runs that said nothing are looked after.
LOOK_S = 5.0
#: Quick tasks under way per worker, and quick jobs that ride in one task at most.
QUICK_TASKS = 2
RIDE = 32
#: A run that its worker does not know twice in a row is lost (once could be a run that just starts or ends).
UNKNOWN_LIMIT = 2


@dataclass
class Task:
    """One task of the cluster, with one assignment or a ride of quick ones."""

    key: str
    cpus: int
    memory_mb: int
    gpus: int
    #: Jobs of it that have neither ended nor been lost.
    jobs: set[str]
    future: distributed.Future | None = None


@dataclass
class Run:
    """A run that announced itself."""

    job: str
    seq: int
    attempt: int
    run_id: str
    worker: str
    cpus: int
    heard: float = field(default_factory=time.monotonic)
    unknown: int = 0
    #: The store could not take the claim; it is made again with the outcome.
    claim_failed: bool = False


class Dispatcher:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        cluster: Cluster,
        limits: Callable[[str], Limits | None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._cluster = cluster
        #: The limits in force of a tool, None when this site does not have it.
        self._limits = limits
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="dispatcher", daemon=True)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="dispatcher-io")
        self._tasks: dict[str, Task] = {}
        self._task_of: dict[str, Task] = {}
        self._runs: dict[str, Run] = {}
        self._turns = Turns()
        self._numbers = count()
        self._hungry = True
        self._stopping = False
        self._looked = time.monotonic()

    # Lifetime

    def start(self) -> None:
        self._store.listen(self._on_changes)
        for job_id in [*self._folders.half_made(), *self._folders.live()]:
            self._recover(job_id)
        self._folders.empty_staging()
        for job in jobs.processing(self._store):
            self._runs[job.run_id or ""] = _adopted(job)
        self._cluster.start(Listener(self._on_messages, self._on_worker_came, self._on_worker_left))
        self._thread.start()
        self._post(self._look)

    def stop(self, *, end_cluster: bool) -> None:
        """A clean stop. With `end_cluster` the runs end too and go on at the next start, without using up a retry."""
        self._post(self._stop)
        self._thread.join()
        self._cluster.close(stop=end_cluster)
        if end_cluster:
            for job in jobs.processing(self._store):
                self._end_after_stop(job)
        self._pool.shutdown()

    def _stop(self) -> None:
        self._stopping = True

    def _end_after_stop(self, job: Job) -> None:
        if self._recover(job.id):
            return
        reason = "Wellplate was stopped; the job goes on at the next start"
        loss = Loss(
            job=job.id, seq=job.seq, attempt=job.attempt, run_id=job.run_id, reason=reason, counts=False
        )
        jobs.lose(self._store, loss, self._settings.jobs.retries).result()

    # The inbox

    def _post(self, action: Callable[[], None]) -> None:
        self._inbox.put(action)

    def _work(self) -> None:
        while not self._stopping:
            for action in self._take():
                action()
            if self._runs and time.monotonic() - self._looked > LOOK_S:
                self._look()
            if self._hungry and not self._stopping:
                self._feed()

    def _take(self) -> list[Callable[[], None]]:
        """Everything that is in the inbox; waits for something, or until it is time to look after the runs."""
        actions = []
        try:
            actions.append(self._inbox.get(timeout=LOOK_S if self._runs else None))
            while True:
                actions.append(self._inbox.get_nowait())
        except queue.Empty:
            return actions

    def _on_messages(self, received: list[dict[str, Any]]) -> None:
        self._post(lambda: self._fold(received))

    def _on_worker_came(self, address: str) -> None:
        log.info("worker %s came", address)
        self._post(self._eat)

    def _on_worker_left(self, address: str, expected: bool) -> None:
        log.info("worker %s left (%s)", address, "expected" if expected else "unexpected")
        self._post(lambda: self._worker_left(address, expected))

    def _on_changes(self, changes: list[Change]) -> None:
        if any(change.status in (Status.PENDING, Status.RETRY) for change in changes):
            self._post(self._eat)

    def _eat(self) -> None:
        self._hungry = True

    # What comes back

    def _fold(self, received: list[dict[str, Any]]) -> None:
        for message in received:
            kind = message["kind"]
            if kind == messages.STARTED:
                self._started(message)
            elif kind == messages.PROGRESS:
                self._progressed(message)
            elif kind == messages.OUTCOME:
                self._ended(messages.outcome_from_json(message))
            elif kind == messages.LOST:
                self._lost_run(message["run_id"], message["reason"], counts=message["counts"])
            elif kind == messages.DISK_FULL:
                log.warning(
                    "the disk of worker %s is full; the outcome of %s waits",
                    message["worker"],
                    message["job"],
                )

    def _started(self, message: dict[str, Any]) -> None:
        if message["run_id"] in self._runs:
            return
        self._hungry = True
        run = Run(**{name: message[name] for name in ("job", "seq", "attempt", "run_id", "worker", "cpus")})
        self._runs[run.run_id] = run
        self._claim(run)

    def _claim(self, run: Run) -> None:
        claim = Claim(
            job=run.job, seq=run.seq, attempt=run.attempt, run_id=run.run_id, worker=run.worker, cpus=run.cpus
        )
        future = jobs.claim(self._store, claim)
        future.add_done_callback(lambda done: self._post(lambda: self._claimed(run, done)))

    def _claimed(self, run: Run, done: Future[bool]) -> None:
        run.claim_failed = not _succeeded(done)
        if not run.claim_failed and not done.result():
            # Another run owns the attempt, or the job was cancelled or deleted meanwhile.
            self._tell_to_stop(run, messages.REFUSED)

    def _progressed(self, message: dict[str, Any]) -> None:
        run = self._runs.get(message["run_id"])
        if run is None:
            return
        run.heard = time.monotonic()
        names = ("job", "seq", "run_id", "progress", "step", "note", "steps")
        jobs.progress(self._store, Progress(**{name: message[name] for name in names}))

    def _ended(self, outcome: Outcome) -> None:
        self._leave_task(outcome.job)
        run = self._runs.pop(outcome.run_id, None)
        future = self._finish(outcome, claim=run is None or run.claim_failed)
        future.add_done_callback(lambda done: self._finished(outcome, run, done))

    def _finish(self, outcome: Outcome, *, claim: bool) -> Future[Job | None]:
        """Write an outcome. Where its announcement was lost, or came to an app that died since, it comes first."""
        if claim:
            jobs.claim(self._store, _claim_of(outcome))
        return jobs.finish(self._store, outcome)

    def _finished(self, outcome: Outcome, run: Run | None, done: Future[Job | None]) -> None:
        """In the writer's thread: hand the work with files to the pool."""
        if not _succeeded(done):
            # The outcome is still on disk: the next look finds that its run is gone, and folds it again.
            self._post(lambda: self._runs.setdefault(outcome.run_id, run or _run_of(outcome)) and None)
            return
        job = done.result()
        if job is not None:
            self._pool.submit(self._folders.settle, job)
        else:
            self._pool.submit(self._settle_again, outcome)

    def _settle_again(self, outcome: Outcome) -> None:
        """An outcome that changed nothing: said twice, or of a run that lost."""
        job = jobs.get(self._store, outcome.job)
        if job is None:
            self._folders.remove_job(outcome.job)
        elif job.status.terminal:
            self._folders.settle(job)
        elif job.run_id != outcome.run_id:
            self._folders.remove_run(outcome.job, outcome.attempt, outcome.run_id)

    # Losses

    def _lost_run(self, run_id: str, reason: str, *, counts: bool) -> None:
        """A run is known to be gone. What it left on disk counts; nothing means that it is tried again."""
        run = self._runs.pop(run_id, None)
        if run is None or self._fold_from_disk(run.job, run_id):
            return
        self._leave_task(run.job)
        loss = Loss(
            job=run.job, seq=run.seq, attempt=run.attempt, run_id=run_id, reason=reason, counts=counts
        )
        future = jobs.lose(self._store, loss, self._settings.jobs.retries)
        future.add_done_callback(lambda done: self._was_lost(run, done))

    def _was_lost(self, run: Run, done: Future[Job | None]) -> None:
        if not _succeeded(done):
            return
        job = done.result()
        if job is not None and job.status.terminal:
            self._pool.submit(self._folders.settle, job)
        elif job is not None:
            self._pool.submit(self._folders.remove_run, run.job, run.attempt, run.run_id)

    def _worker_left(self, address: str, expected: bool) -> None:
        reason = "its worker was shut down" if expected else "its worker died"
        for run in [run for run in self._runs.values() if run.worker == address]:
            self._lost_run(run.run_id, reason, counts=not expected)
        self._hungry = True

    def _fold_from_disk(self, job_id: str, run_id: str) -> bool:
        """Fold the outcome that a run left in its folder. True when there was one."""
        for outcome in self._outcomes(job_id):
            if outcome.run_id == run_id:
                self._ended(outcome)
                return True
        return False

    def _outcomes(self, job_id: str) -> list[Outcome]:
        found = (folder.outcome() for folder in self._folders.runs(job_id))
        return [messages.outcome_from_json(values) for values in found if values is not None]

    # Looking after runs

    def _look(self) -> None:
        """Ask the workers what they run; a run that nobody knows, or whose worker is silent too long, is lost."""
        self._looked = time.monotonic()
        if self._runs:
            self._pool.submit(self._ask_workers)

    def _ask_workers(self) -> None:
        try:
            answers = self._cluster.running()
        except OSError as error:
            log.info("the workers cannot be asked: %s", error)
            answers = {}
        self._post(lambda: self._answered(answers))

    def _answered(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        now = time.monotonic()
        known = {entry["run_id"] for answer in answers.values() for entry in answer}
        for run in list(self._runs.values()):
            if run.run_id in known:
                run.heard, run.unknown = now, 0
            elif run.worker in answers:
                run.unknown += 1
        for run in list(self._runs.values()):
            if run.unknown >= UNKNOWN_LIMIT:
                self._lost_run(run.run_id, "its worker does not know it any more", counts=True)
            elif now - run.heard > self._settings.cluster.lost_after_s:
                self._lost_run(run.run_id, "its worker is out of reach", counts=True)

    def _recover(self, job_id: str) -> bool:
        """Finish what an app had begun with this job. True when that ended it. Only while the thread does not run."""
        job = jobs.get(self._store, job_id)
        if job is None:
            self._folders.remove_job(job_id)
            return True
        if not job.status.terminal:
            for outcome in self._outcomes(job_id):
                job = self._finish(outcome, claim=True).result() or job
        if job.status.terminal:
            self._folders.settle(job)
        return job.status.terminal

    # Cancelling

    def cancelled(self, job: Job) -> None:
        """The store has taken note: stop the run, or take back what was handed out."""
        self._post(lambda: self._cancelled(job))

    def _cancelled(self, job: Job) -> None:
        if job.status.terminal:
            self._leave_task(job.id)
            self._pool.submit(self._folders.settle, job)
            return
        run = self._runs.get(job.run_id or "")
        if run is not None:
            self._tell_to_stop(run, messages.CANCELLED)

    def _tell_to_stop(self, run: Run, reason: str) -> None:
        self._pool.submit(self._send_stop, run, reason)

    def _send_stop(self, run: Run, reason: str) -> None:
        try:
            self._cluster.stop_run(run.worker, run.run_id, reason)
        except OSError as error:
            log.warning("run %s cannot be told to stop: %s", run.run_id, error)

    def _leave_task(self, job_id: str) -> None:
        """The job is done with its task; a task without jobs that has not started is taken back."""
        task = self._task_of.pop(job_id, None)
        if task is None:
            return
        task.jobs.discard(job_id)
        if not task.jobs and task.future is not None and not self._has_run(job_id):
            self._cluster.withdraw(task.future)

    def _has_run(self, job_id: str) -> bool:
        return any(run.job == job_id for run in self._runs.values())

    # Feeding

    def _feed(self) -> None:
        """Hand out what fits, in the order of turns, plus a small buffer that the workers hold back."""
        self._hungry = False
        workers = self._cluster.workers()
        if not workers:
            return
        room = QUICK_TASKS * len(workers) - sum(task.cpus == 0 for task in self._tasks.values())
        handed = len(self._task_of)
        waiting = [
            job
            for job in jobs.waiting(self._store, per_person=handed + RIDE * QUICK_TASKS * len(workers))
            if job.id not in self._task_of
        ]
        if room > 0:
            self._feed_quick([job for job in waiting if job.cpus_min == 0], room)
        self._feed_slots([job for job in waiting if job.cpus_min > 0])

    def _feed_quick(self, waiting: list[Job], room: int) -> None:
        chosen = [job for job, _ in zip(self._turns.order(waiting), range(RIDE * room), strict=False)]
        for start in range(room):
            ride = chosen[start::room]
            if ride:
                self._send(ride, cpus=0)

    def _feed_slots(self, waiting: list[Job]) -> None:
        free = self._free()
        buffered = self._unstarted()
        left = len(waiting)
        for job in self._turns.order(waiting):
            fits = (
                free["cpus"] >= job.cpus_min and free["memory"] >= job.memory_mb and free["gpus"] >= job.gpus
            )
            if not fits:
                # Jobs behind this one do not overtake it for long: only the buffer goes on.
                if buffered >= self._settings.jobs.window_extra:
                    return
                buffered += 1
            cpus = (
                min(job.cpus_max, max(job.cpus_min, free["cpus"] // max(1, left))) if fits else job.cpus_min
            )
            self._send([job], cpus=cpus)
            left -= 1
            free["cpus"] -= cpus
            free["memory"] -= job.memory_mb
            free["gpus"] -= job.gpus

    def _unstarted(self) -> int:
        """Tasks that take cpus and of which no run announced itself yet."""
        started = {run.job for run in self._runs.values()}
        return sum(1 for task in self._tasks.values() if task.cpus > 0 and not task.jobs & started)

    def _free(self) -> dict[str, int]:
        """What the present workers have, less what tasks and adopted runs take. Negative while a buffer waits."""
        workers = self._cluster.workers()
        tasks = [task for task in self._tasks.values() if task.cpus > 0]
        adopted = [run for run in self._runs.values() if run.job not in self._task_of and run.cpus > 0]
        return {
            "cpus": sum(worker.cpus for worker in workers)
            - sum(task.cpus for task in tasks)
            - sum(run.cpus for run in adopted),
            "memory": sum(worker.memory_mb for worker in workers) - sum(task.memory_mb for task in tasks),
            "gpus": sum(worker.gpus for worker in workers) - sum(task.gpus for task in tasks),
        }

    def _send(self, chosen: list[Job], *, cpus: int) -> None:
        assignments = [made for job in chosen if (made := self._assignment(job, cpus)) is not None]
        if not assignments:
            return
        first = assignments[0]
        key = f"{first.job}-{first.attempt}-{next(self._numbers)}"
        task = Task(key, cpus, first.memory_mb, first.gpus, {made.job for made in assignments})
        for made in assignments:
            self._folders.mark_live(made.job)
            self._task_of[made.job] = task
        self._tasks[key] = task
        try:
            task.future = self._cluster.send(
                key, assignments, lambda future: self._post(lambda: self._task_done(task))
            )
        except NotConnected:
            self._forget(task)

    def _assignment(self, job: Job, cpus: int) -> Assignment | None:
        limits = self._limits(job.tool)
        if limits is None:
            self._refuse(job, f"The tool {job.tool} is not offered here any more.")
            return None
        try:
            request = self._folders.request(job.id)
        except FileNotFoundError:
            self._refuse(job, "The job's folder is gone; submit it again.")
            return None
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
            steps=tuple(request["steps"]),
            folder=f"jobs/{job.id}",
            inputs=request["inputs"],
            settings=request["settings"],
            files={name: [tuple(file) for file in files] for name, files in request["files"].items()},  # type: ignore[misc]
        )

    def _refuse(self, job: Job, message: str) -> None:
        future = jobs.refuse(
            self._store, job.id, job.attempt, JobError(kind=ErrorKind.PLATFORM, message=message)
        )
        future.add_done_callback(_succeeded)

    def _task_done(self, task: Task) -> None:
        """The task left the cluster, one way or another. Its jobs that said nothing are looked up on disk."""
        self._hungry = True
        left = set(task.jobs)
        self._forget(task)
        gone = task.future is not None and task.future.status == "error"
        for run in [run for run in self._runs.values() if run.job in left]:
            if not self._fold_from_disk(run.job, run.run_id) and gone:
                self._lost_run(run.run_id, "its worker died", counts=True)

    def _forget(self, task: Task) -> None:
        self._tasks.pop(task.key, None)
        for job_id in task.jobs:
            if self._task_of.get(job_id) is task:
                del self._task_of[job_id]
        task.jobs.clear()

    # What others ask

    def why_waiting(self, job: Job) -> str:
        """Why a live job does not run yet, in words. Reads what belongs to the thread, changes nothing."""
        workers = self._cluster.workers()
        if not workers:
            return "No worker is connected; the job starts as soon as one is."
        if not any(worker.fits(job.cpus_min, job.memory_mb, job.gpus) for worker in workers):
            needs = f"{job.cpus_min} CPUs, {job.memory_mb} MB of memory"
            needs += f" and {job.gpus} GPU" if job.gpus else ""
            return f"No worker that is connected offers {needs}."
        ahead = jobs.ahead(self._store, job)
        if ahead:
            return (
                f"Waits for a free slot; {ahead} {'job is' if ahead == 1 else 'jobs are'} ahead in the queue."
            )
        return "Next in the queue; waits for a free slot."

    def free_slots(self) -> int:
        """CPUs that no task takes, over all present workers."""
        return max(0, self._free()["cpus"])

    def running_on(self) -> dict[str, int]:
        """Runs by worker."""
        running: dict[str, int] = {}
        for run in list(self._runs.values()):
            running[run.worker] = running.get(run.worker, 0) + 1
        return running


def _succeeded(done: Future[Any]) -> bool:
    """Whether a write took place. One that the disk refused is made up for from the folders, later."""
    error = done.exception()
    if error is None:
        return True
    if not isinstance(error, WellplateError):
        raise error
    log.warning("not written: %s", error.message)
    return False


def _adopted(job: Job) -> Run:
    """The run of a job that an earlier app left processing."""
    return Run(job.id, job.seq, job.attempt, job.run_id or "", job.worker or "", max(1, job.cpus_min))


def _run_of(outcome: Outcome) -> Run:
    return Run(outcome.job, outcome.seq, outcome.attempt, outcome.run_id, "unknown", 1, claim_failed=True)


def _claim_of(outcome: Outcome) -> Claim:
    return Claim(
        job=outcome.job,
        seq=outcome.seq,
        attempt=outcome.attempt,
        run_id=outcome.run_id,
        worker="unknown",
        cpus=1,
    )
