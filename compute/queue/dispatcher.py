"""Feeds the cluster from the queue in the store, and folds what comes back into it (docs/protocol.md).

One thread owns all state, that of the feeder (what is handed out) and of the runs (what was heard of it): whatever
happens elsewhere (a message, a commit, a worker that left) is posted into its inbox as a function and carried out
there, one after the other. Nothing of that state is needed after a crash: the store and the folders have it all.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from compute.cluster.client import Cluster, End, Listener
from compute.queue.feeder import Feeder, Task, need_of
from compute.queue.runs import Runs, written
from compute.settings import Settings
from data import jobs
from data.errors import WellplateError
from data.folders import Folders
from data.records import Change, Job, Loss, Status, valid_id
from data.store import Store
from tools.contract import Limits

log = logging.getLogger("wellplate.dispatcher")

#: How often runs are looked after while there are any, in seconds.
LOOK_S = 5.0

#: A stop that is not confirmed after this is said to be so, in seconds.
STOP_CONFIRMED_S = 10.0

STOPPED = "Wellplate was stopped; the job goes on at the next start"


class Dispatcher:
    """`start` and `stop` run it in a thread of its own; a test calls `open` and `step` instead."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        cluster: Cluster,
        limits: Callable[[str], Limits | None],
        *,
        io: Executor | None = None,
        calls: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limits`: those in force of a tool, None when this site does not have it."""
        self._settings = settings
        self._store = store
        self._folders = folders
        self._cluster = cluster
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="dispatcher", daemon=True)
        self._io = io or ThreadPoolExecutor(2, thread_name_prefix="dispatcher-io")
        self._calls = calls or ThreadPoolExecutor(4, thread_name_prefix="dispatcher-calls")
        self._clock = clock
        self._runs = Runs(
            settings, store, folders, cluster, post=self._post, io=self._io, calls=self._calls, clock=clock
        )
        self._feeder = Feeder(
            settings, store, folders, cluster, limits, self._on_task_ended, self._on_refused
        )
        self._runs.feeder = self._feeder
        self._unlisten: Callable[[], None] = lambda: None
        self._stopping = False
        self._looked = clock()
        #: What went wrong last, until something goes right again; for those who ask how the site is.
        self.problem: str | None = None

    # Lifetime

    def start(self) -> None:
        self.open()
        self._thread.start()

    def open(self) -> None:
        """Fold in what an earlier app left, and connect."""
        self._unlisten = self._store.listen(self._on_changes)
        for name in [*self._folders.half_made(), *self._folders.live()]:
            if valid_id(name) == name:  # a stray file is nobody's job
                self._runs.recover_or_later(name)
        self._folders.empty_staging()
        self._cluster.start(
            Listener(
                messages=self._on_messages,
                worker_came=self._on_worker_came,
                worker_left=self._on_worker_left,
                disconnected=lambda: self._post(self._feeder.forget_all),
            )
        )
        for job in jobs.processing(self._store):
            self._runs.adopt(job)
        self._post(self._look)

    def stop(self, *, end_cluster: bool) -> None:
        """A clean stop. With `end_cluster` the runs end too and go on at the next start, without using up a retry.

        Also after a `start` that failed half-way.
        """
        self._unlisten()
        if self._thread.is_alive():
            self._post(self._stop)
            self._thread.join()
        ended = self._cluster.close(stop=end_cluster)
        if ended:
            self._end_after_stop()
        self._store.between(lambda database: None).exception()  # what was written has called back by now
        self._calls.shutdown()
        self._io.shutdown()

    def _stop(self) -> None:
        self._stopping = True

    def _end_after_stop(self) -> None:
        for job in jobs.processing(self._store):
            try:
                if (live := self._runs.recover(job.id)) is None:
                    continue
                loss = Loss(
                    job=job.id,
                    seq=job.seq,
                    attempt=live.attempt,
                    run_id=live.run_id,
                    reason=STOPPED,
                    counts=False,
                )
                jobs.lose(self._store, loss, self._settings.jobs.retries).result()
            except (OSError, WellplateError) as error:
                log.warning("job %s stays processing until the next start: %s", job.id, error)

    # The thread

    def _work(self) -> None:
        while not self._stopping:
            self.step()

    def step(self, *, wait: bool = True) -> None:
        """Carry out what came, look after the runs when it is time, hand out jobs when there may be some."""
        for action in self._take(wait):
            self._carry_out(action)
        if self._clock() - self._looked >= LOOK_S and self._busy:
            self._carry_out(self._look)
        if self._feeder.hungry and not self._stopping:
            self._carry_out(self._feed)

    def _carry_out(self, action: Callable[[], None]) -> None:
        """One action that fails does not take the thread, and with it every job, down.

        It is said in the log and in the site's health. What the action was about is made up for as if its message
        had been lost: by the next look, or at the next start.
        """
        try:
            action()
            self.problem = self._feeder.stalled
        except WellplateError as error:
            log.warning("%s", error.message)
            self.problem = error.message
        except Exception as error:
            log.exception("an action of the dispatcher failed")
            self.problem = f"The dispatcher met an error: {error!r}"

    @property
    def _busy(self) -> bool:
        return self._runs.busy or self._feeder.busy or self.problem is not None

    def _take(self, wait: bool) -> list[Callable[[], None]]:
        """Everything that is in the inbox; waits for something, or until it is time to look after the runs."""
        actions = []
        due = max(0.0, self._looked + LOOK_S - self._clock()) if self._busy else None
        try:
            actions.append(self._inbox.get(timeout=due) if wait and due != 0 else self._inbox.get_nowait())
            while True:
                actions.append(self._inbox.get_nowait())
        except queue.Empty:
            return actions

    def _look(self) -> None:
        self._looked = self._clock()
        self._feeder.hungry = True
        self._runs.look()

    def _feed(self) -> None:
        self._feeder.feed(self._runs.running())

    # The inbox

    def _post(self, action: Callable[[], None]) -> None:
        self._inbox.put(action)

    def _on_messages(self, received: list[dict[str, Any]]) -> None:
        self._post(lambda: self._runs.fold(received))

    def _on_task_ended(self, task: Task, end: End, reason: str) -> None:
        self._post(lambda: self._runs.task_ended(task, end, reason))

    def _on_refused(self, done: Future[Any]) -> None:
        """In the writer's thread: a job that cannot be started was failed, or the store could not take it."""
        if not written(done):
            self._post(self._feeder.stall)

    def _on_worker_came(self, address: str) -> None:
        log.info("worker %s came", address)
        self._post(self._eat)

    def _on_worker_left(self, address: str, expected: bool) -> None:
        log.info("worker %s left (%s)", address, "expected" if expected else "unexpected")
        self._post(lambda: self._runs.worker_left(address, expected))

    def _on_changes(self, changes: list[Change]) -> None:
        if any(change.status in (Status.PENDING, Status.RETRY) for change in changes):
            self._post(self._eat)

    def _eat(self) -> None:
        self._feeder.hungry = True

    def cancelled(self, job: Job) -> None:
        """The store has taken note: stop the run, or take back what was handed out."""
        self._post(lambda: self._runs.cancelled(job))

    def remove_folders(self, ids: list[str], mark: Path) -> None:
        """Of jobs that are deleted, meanwhile; what a stop leaves, the next start removes by the mark."""
        self._io.submit(self._remove_folders, ids, mark)

    def _remove_folders(self, ids: list[str], mark: Path) -> None:
        for job_id in ids:
            if self._stopping:
                return
            self._folders.remove_job(job_id)
        mark.unlink(missing_ok=True)

    # What others ask

    def why_waiting(self, job: Job) -> str:
        """Why a live job does not run yet, in words."""
        workers = self._cluster.workers()
        if not workers:
            return "No worker is connected; the job starts as soon as one is."
        if not any(need_of(job).within(worker) for worker in workers):
            needs = f"{job.cpus_min} CPUs, {job.memory_mb} MB of memory"
            needs += f" and {job.gpus} GPU" if job.gpus else ""
            return f"No worker that is connected offers {needs}."
        if job.cpus_min == 0:
            return "Starts in a moment."
        ahead = jobs.ahead(self._store, job)
        if ahead:
            wait = "1 job waits" if ahead == 1 else f"{ahead} jobs wait"
            return f"Waits for a free slot; {wait} in front. Turns go round teams and people."
        return "Next in the queue; waits for a free slot."

    def why_stopping(self, job: Job) -> str | None:
        """Why a job whose cancel was asked for runs on; None when its worker is about to end it."""
        if self._cluster.connected and not self._runs.silent(job, STOP_CONFIRMED_S):
            return None
        return "The stop is not confirmed: its worker is out of reach; the slot is not used until it is."

    def free_slots(self) -> int:
        """CPUs that no task takes, over all present workers."""
        return max(0, self._feeder.free(self._runs.running()).cpus)

    def running_on(self) -> dict[str, int]:
        """Runs by worker."""
        return self._runs.by_worker()
