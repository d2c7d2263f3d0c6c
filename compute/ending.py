"""Cancelling and deleting jobs that were looked at already: many at once as easily as one."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress

from compute.queue.dispatcher import Dispatcher
from compute.submitting import WRITE_TIMEOUT_S
from data import jobs
from data.errors import Unavailable, WellplateError, WrongState
from data.folders import Folders, full_disk_told
from data.records import Job
from data.store import Store

#: For each job what it is afterwards, or why nothing was done.
Answers = list[Job | WellplateError]

OF_A_BATCH = "This job belongs to a batch: delete that."


class Ending:
    def __init__(self, store: Store, folders: Folders, dispatcher: Dispatcher) -> None:
        self._store = store
        self._folders = folders
        self._dispatcher = dispatcher

    def cancel(self, chosen: list[Job]) -> Answers:
        answers: Answers = []
        for write in [jobs.cancel(self._store, job.id) for job in chosen]:
            after = _answer(write, "This job has ended already; there is nothing to cancel.")
            if isinstance(after, Job):
                self._dispatcher.cancelled(after)
            answers.append(after)
        return answers

    def delete(self, chosen: list[Job]) -> Answers:
        """With their folders. A batch's children go with it only."""
        single = [job for job in chosen if job.batch is None]
        done = iter(self._delete(single))
        return [next(done) if job.batch is None else WrongState(OF_A_BATCH) for job in chosen]

    def _delete(self, chosen: list[Job]) -> Answers:
        for job in chosen:
            with suppress(Unavailable), full_disk_told():  # deleting is what makes room
                self._folders.mark_live(
                    job.id
                )  # a crash before its folder is gone: the next start removes it
        answers: Answers = []
        for write in [jobs.delete(self._store, job.id) for job in chosen]:
            gone = _answer(write, "This job has not ended; cancel it first.")
            if isinstance(gone, Job):
                self._folders.remove_job(gone.id)
            answers.append(gone)
        return answers


def _answer(write: Future[Job | None], otherwise: str) -> Job | WellplateError:
    """What was written; a disk that is full refuses the rest, and what was done before it is still told."""
    try:
        return write.result(WRITE_TIMEOUT_S) or WrongState(otherwise)
    except WellplateError as refusal:
        return refusal
