"""The runs that the app knows of, and how what they say is folded into the store (docs/protocol.md).

Owned by the dispatcher's thread. A message is a hint: what it was about is found on disk, or by asking the workers,
when it never comes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from compute import messages
from compute.cluster.client import Cluster, End
from compute.queue.feeder import Feeder, Task, need_of
from compute.queue.needs import Need
from compute.settings import Settings
from data import jobs
from data.errors import WellplateError
from data.folders import Folders
from data.records import Claim, ErrorKind, Job, JobError, Loss, Outcome, Progress, Status
from data.store import Store

log = logging.getLogger("wellplate.runs")

#: A run that its worker does not know twice in a row is lost (once could be a run that just starts or ends).
UNKNOWN_LIMIT = 2


@dataclass(eq=False)
class Run:
    """A run that announced itself and has not ended yet."""

    job: str
    seq: int
    attempt: int
    run_id: str
    worker: str
    need: Need
    heard: float
    unknown: int = 0
    #: The claim, until the store has answered it well. None: it owns its attempt.
    claim: Future[bool] | None = None
    #: Why it is to stop; told again until it is gone.
    stop: str | None = None
    #: It is gone, with an outcome or for this reason, but the store could not be told yet.
    gone: str | None = None
    counts: bool = True

    @property
    def refused(self) -> bool:
        return self.stop == messages.REFUSED

    @property
    def unclaimed(self) -> bool:
        return self.claim is not None and self.claim.done() and not written(self.claim)


class Runs:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        cluster: Cluster,
        *,
        post: Callable[[Callable[[], None]], None],
        io: Executor,
        calls: Executor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._cluster = cluster
        self._post = post
        #: For work with files, and for questions to workers, which may take seconds.
        self._io = io
        self._calls = calls
        self._clock = clock
        self._runs: dict[str, Run] = {}
        #: Ends that are on their way into the store, and their jobs: these still look as if they waited.
        self._ending: dict[Future[Job | None], str] = {}
        #: Work with files that the disk refused; tried again with every look.
        self._again: list[Callable[[], object]] = []
        self._asking = False
        self.feeder: Feeder

    @property
    def busy(self) -> bool:
        return bool(self._runs or self._again)

    def running(self) -> list[tuple[str, Need]]:
        """Job and need of every run that counts; jobs whose end is being written need nothing any more."""
        runs = [(run.job, run.need) for run in list(self._runs.values()) if not run.refused]
        return [(job, Need()) for job in list(self._ending.values())] + runs

    def by_worker(self) -> dict[str, int]:
        counted: dict[str, int] = {}
        for run in list(self._runs.values()):
            counted[run.worker] = counted.get(run.worker, 0) + 1
        return counted

    def silent(self, job: Job, seconds: float) -> bool:
        """Whether nothing was heard for so long of the run that owns this job."""
        run = self._runs.get(job.run_id or "")
        return run is not None and self._clock() - run.heard > seconds

    def adopt(self, job: Job) -> None:
        """A job that an earlier app left processing."""
        assert job.run_id is not None, "a job that is processing has an owner"
        run = Run(job.id, job.seq, job.attempt, job.run_id, job.worker or "", need_of(job), self._clock())
        run.stop = messages.CANCELLED if job.cancel_requested else None
        self._runs[run.run_id] = run

    def recover(self, job_id: str) -> Job | None:
        """Finish what an app had begun with this job; the job if it lives on. Only while the thread does not run."""
        job = jobs.get(self._store, job_id)
        if job is None:
            self._folders.remove_unknown(job_id)
            return None
        if job.live:
            for outcome in self._outcomes(job_id):
                jobs.claim(self._store, _claim_of(outcome))
                finished = jobs.finish(self._store, outcome)
                if _rejected(finished):
                    finished = jobs.finish(self._store, _without_content(outcome))
                job = finished.result() or job
        return self._clean_ended(job_id)

    def recover_or_later(self, job_id: str) -> None:
        """The same for one of many: what is wrong with it must not keep the site from starting."""
        try:
            self.recover(job_id)
        except Exception:
            log.exception("job %s could not be recovered; its folder is looked after later", job_id)
            self._again.append(lambda: self._clean_ended(job_id))

    # What they say

    def fold(self, received: list[dict[str, Any]]) -> None:
        with self._store.together():
            for message in received:
                self._fold(message)

    def _fold(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case messages.STARTED:
                self._started(message)
            case messages.PROGRESS:
                self._progressed(message)
            case messages.OUTCOME:
                self._ended(messages.outcome_from_json(message))
            case messages.LOST:
                self._lost(self._runs.get(message["run_id"]), message["reason"], message["counts"])
            case messages.DISK_FULL:
                log.warning("the disk of %(worker)s is full; the outcome of %(job)s waits", message)

    def _started(self, message: dict[str, Any]) -> None:
        if message["run_id"] in self._runs:
            return
        names = ("job", "seq", "attempt", "run_id", "worker")
        need = self.feeder.need_of_task(message["job"]) or Need(message["cpus"])
        run = Run(**{name: message[name] for name in names}, need=need, heard=self._clock())
        self._runs[run.run_id] = run
        self.feeder.started(run.job)
        self._claim(run, message["cpus"])

    def _claim(self, run: Run, cpus: int) -> None:
        claim = Claim(
            job=run.job, seq=run.seq, attempt=run.attempt, run_id=run.run_id, worker=run.worker, cpus=cpus
        )
        run.claim = jobs.claim(self._store, claim)
        run.claim.add_done_callback(lambda done: self._post(lambda: self._claimed(run, done)))

    def _claimed(self, run: Run, done: Future[bool]) -> None:
        if not written(done):
            return  # asked again with the next look, or with the outcome
        run.claim = None
        if not done.result() and self._runs.get(run.run_id) is run:
            # Another run owns the attempt, or the job was cancelled or deleted meanwhile.
            run.stop = messages.REFUSED
            self._tell_to_stop(run)
            try:
                self._folders.mark_live(
                    run.job
                )  # so that the next start cleans, if this app does not come to it
            except OSError as error:
                log.warning("no room to mark job %s: %s", run.job, error)

    def _progressed(self, message: dict[str, Any]) -> None:
        run = self._runs.get(message["run_id"])
        if run is None:
            return
        run.heard = self._clock()
        names = ("job", "seq", "run_id", "progress", "step", "note", "steps")
        report = Progress(**{name: messages.json_safe(message[name]) for name in names})
        jobs.progress(self._store, report).add_done_callback(written)

    # How they end

    def _ended(self, outcome: Outcome) -> None:
        run = self._runs.pop(outcome.run_id, None) or _run_of(outcome)
        if run.refused:
            self._clean(run)
            return
        self.feeder.leave(outcome.job, withdraw=False)
        if run.unclaimed or run.gone is not None:
            # Its announcement never came, or the store could not take it.
            run.claim = jobs.claim(self._store, _claim_of(outcome))
        self._finish(run, outcome)

    def _finish(self, run: Run, outcome: Outcome) -> None:
        future = jobs.finish(self._store, outcome)
        self._end(outcome.job, future, lambda done: self._finished(run, outcome, done))

    def _end(
        self, job_id: str, future: Future[Job | None], then: Callable[[Future[Job | None]], None]
    ) -> None:
        self._ending[future] = job_id

        def ended(done: Future[Job | None]) -> None:
            try:
                then(done)
            finally:
                self._post(lambda: self._has_ended(done))

        future.add_done_callback(ended)

    def _has_ended(self, done: Future[Job | None]) -> None:
        del self._ending[done]
        if done.exception() is not None:
            self.feeder.stall()  # it still waits as far as the store knows

    def _finished(self, run: Run, outcome: Outcome, done: Future[Job | None]) -> None:
        """In the writer's thread, before anybody hears of it: the results are in their place by then."""
        if _rejected(done) and outcome != (bare := _without_content(outcome)):
            self._post(lambda: self._finish(run, bare))
            return
        if not written(done) or run.unclaimed:
            self._keep(run, "its outcome is gone", counts=True)
            return
        job = done.result()
        if job is None:
            self._clean(run)
            return
        try:
            self._folders.promote(job)
        except OSError as error:
            log.warning("the results of job %s are not in their place yet: %s", job.id, error)
        self._with_files(lambda: self._folders.settle(job))

    def _keep(self, run: Run, reason: str, *, counts: bool) -> None:
        """The store could not be told: what is on disk is folded again with the next look."""
        run.gone, run.counts = reason, counts
        self._post(lambda: self._runs.update({run.run_id: run}))

    def _clean(self, run: Run) -> None:
        """A run that changed nothing: refused, lost, or its outcome came twice."""
        self._with_files(lambda: self._clean_now(run))

    def _clean_ended(self, job_id: str) -> Job | None:
        """The job if it lives on: then nothing was done."""
        job = jobs.get(self._store, job_id)
        if job is None:
            self._folders.remove_job(job_id)
            return None
        if job.live:
            return job
        self._folders.settle(job)
        return None

    def _clean_now(self, run: Run) -> None:
        job = self._clean_ended(run.job)
        if job is None:
            return
        if job.attempt != run.attempt or job.run_id not in (None, run.run_id):
            self._folders.remove_run(run.job, run.attempt, run.run_id)

    def lose(self, run: Run, reason: str, *, counts: bool) -> None:
        """A run is known to be gone. What it left on disk counts; nothing means that it is tried again."""
        if self._fold_from_disk(run):
            return
        self._runs.pop(run.run_id, None)
        if run.refused:
            self._clean(run)
            return
        self.feeder.leave(run.job, withdraw=True)
        loss = Loss(
            job=run.job, seq=run.seq, attempt=run.attempt, run_id=run.run_id, reason=reason, counts=counts
        )
        future = jobs.lose(self._store, loss, self._settings.jobs.retries)
        self._end(run.job, future, lambda done: self._was_lost(run, reason, counts, done))

    def _was_lost(self, run: Run, reason: str, counts: bool, done: Future[Job | None]) -> None:
        if written(done):
            self._clean(run)
        else:
            self._keep(run, reason, counts=counts)

    def _lost(self, run: Run | None, reason: str, counts: bool) -> None:
        if run is not None:
            self.lose(run, reason, counts=counts)

    def worker_left(self, address: str, expected: bool) -> None:
        reason = "its worker was shut down" if expected else "its worker died"
        for run in [run for run in self._runs.values() if run.worker == address]:
            self.lose(run, reason, counts=not expected)
        self.feeder.hungry = True

    def task_ended(self, task: Task, end: End, reason: str) -> None:
        """The task left the cluster, one way or another. Its jobs that said nothing are looked up on disk."""
        left = self.feeder.forget(task)
        if end is End.UNFIT:
            # Not at once again: the worker is about to leave, and would get it again until it has.
            self.feeder.hungry = False
            self.feeder.stall()
        of_job = {run.job: run for run in self._runs.values() if not run.refused}
        for job_id, assignment in left.items():
            run = of_job.get(job_id)
            if run is not None and end in (End.WORKER_DIED, End.ERROR):
                self.lose(run, reason, counts=True)
            elif run is not None:
                self._fold_from_disk(run)
            elif outcomes := [each for each in self._outcomes(job_id) if each.attempt == assignment.attempt]:
                self._ended(outcomes[0])
            elif end is End.ERROR:
                # It ended before it could announce a run: counted, or it would be sent for ever.
                loss = Loss(
                    job=job_id, seq=assignment.seq, attempt=assignment.attempt, run_id=None, reason=reason
                )
                future = jobs.lose(self._store, loss, self._settings.jobs.retries)
                self._end(job_id, future, self._gave_up)

    def _gave_up(self, done: Future[Job | None]) -> None:
        job = done.result() if written(done) else None
        if job is not None and not job.live:
            self._with_files(lambda: self._folders.settle(job))

    # Looking after them

    def look(self) -> None:
        """Ask the workers what they run; a run that nobody knows, or whose worker is silent too long, is lost."""
        again, self._again = self._again, []
        for action in again:
            self._with_files(action)
        for run in [run for run in self._runs.values() if run.gone is not None]:
            self.lose(run, run.gone or "", counts=run.counts)
        if not self._asking:
            self._asking = True
            self._calls.submit(self._ask)

    def _ask(self) -> None:
        answers = None
        try:
            answers = self._cluster.running()
        except OSError as error:
            log.info("the workers cannot be asked: %s", error)
        finally:
            self._post(lambda: self._answered(answers))

    def _answered(self, answers: dict[str, list[dict[str, Any]]] | None) -> None:
        """`answers` is None when this app has no contact: then the silence is not the runs'."""
        self._asking = False
        now = self._clock()
        known = {entry["run_id"] for answer in (answers or {}).values() for entry in answer}
        for run in list(self._runs.values()):
            if answers is None or run.run_id in known:
                run.heard, run.unknown = now, 0
            elif run.worker in answers or self._cluster.gone(run.worker):
                self._unknown(run)
            elif now - run.heard > self._settings.cluster.lost_after_s:
                self.lose(run, "its worker is out of reach", counts=True)
        for address, answer in (answers or {}).items():
            for entry in answer:
                self._runs_there(entry, address)

    def _unknown(self, run: Run) -> None:
        run.unknown += 1
        if run.unknown >= UNKNOWN_LIMIT:
            self.lose(run, "its worker does not know it any more", counts=True)
        else:
            self._fold_from_disk(run)

    def _runs_there(self, entry: dict[str, Any], address: str) -> None:
        """A worker runs this: one that we know, or one whose announcement was lost."""
        run = self._runs.get(entry["run_id"])
        if run is None:
            self._started({**entry, "worker": address})
        elif run.unclaimed:
            self._claim(run, entry["cpus"])
        elif run.stop is not None:
            self._tell_to_stop(run)

    def _fold_from_disk(self, run: Run) -> bool:
        """Fold the outcome that a run left in its folder. True when there was one."""
        for outcome in self._outcomes(run.job):
            if outcome.run_id == run.run_id:
                self._ended(outcome)
                return True
        return False

    def _outcomes(self, job_id: str) -> list[Outcome]:
        """What the job's runs left on disk, in the order of attempts."""
        found = []
        for folder in self._folders.runs(job_id):
            try:
                written = folder.outcome()
                found += [messages.read_outcome(written)] if written is not None else []
            except ValueError as error:
                log.warning("%s is no outcome: %s", folder.path, error)
        return found

    # Stopping them

    def cancelled(self, job: Job) -> None:
        """The store has taken note: stop the run, or take back what was handed out."""
        if not job.live:
            self.feeder.leave(job.id, withdraw=True)
            self._with_files(lambda: self._folders.settle(job))
            return
        run = self._runs.get(job.run_id or "")
        if run is not None:
            run.stop = messages.CANCELLED
            self._tell_to_stop(run)

    def _tell_to_stop(self, run: Run) -> None:
        self._calls.submit(self._send_stop, run)

    def _send_stop(self, run: Run) -> None:
        try:
            self._cluster.stop_run(run.worker, run.run_id, run.stop or messages.CANCELLED)
        except OSError as error:
            log.warning("run %s cannot be told to stop: %s", run.run_id, error)

    def _with_files(self, action: Callable[[], object]) -> None:
        self._io.submit(self._try, action)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (OSError, WellplateError) as error:
            log.warning("tried again later: %s", error)
            self._post(lambda: self._again.append(action))


def written(done: Future[Any]) -> bool:
    """Whether a write took place. One that the disk refused is made up for from the folders, later."""
    error = done.exception()
    if error is None:
        return True
    if isinstance(error, WellplateError):
        log.warning("not written: %s", error.message)
    else:
        log.error("not written", exc_info=error)
    return False


def _rejected(done: Future[Any]) -> bool:
    """Whether the store can never take what was to be written, because of what it is."""
    error = done.exception()
    return error is not None and not isinstance(error, WellplateError)


def _without_content(outcome: Outcome) -> Outcome:
    """In place of an outcome that the store rejects: the job must end."""
    message = "What the run left could not be recorded; the server's log says why."
    return Outcome(
        job=outcome.job,
        seq=outcome.seq,
        attempt=outcome.attempt,
        run_id=outcome.run_id,
        status=Status.FAILED,
        error=JobError(kind=ErrorKind.PLATFORM, message=message),
    )


def _run_of(outcome: Outcome) -> Run:
    """A run that never announced itself."""
    return Run(
        outcome.job,
        outcome.seq,
        outcome.attempt,
        outcome.run_id,
        worker="unknown",
        need=Need(),
        heard=time.monotonic(),
        gone="it was not announced",
    )


def _claim_of(outcome: Outcome) -> Claim:
    return Claim(
        job=outcome.job,
        seq=outcome.seq,
        attempt=outcome.attempt,
        run_id=outcome.run_id,
        worker="unknown",
        cpus=1,
    )
