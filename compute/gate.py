"""The job or file that a verb is about, once it is known that this person may do this to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from compute import access, references
from compute.access import Action
from compute.people.accounts import Accounts
from data import batches, jobs, library
from data.errors import Forbidden, NotFound, WellplateError
from data.records import Batch, Job, JobDetail, Person, StoredFile
from data.store import Store

NO_SUCH_JOB = "There is no such job, or it is not shared with you."
NO_SUCH_BATCH = "There is no such batch, or it is not shared with you."
NO_SUCH_FILE = "There is no such file, or it is not shared with you."


class Gate:
    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    def seen(self, person: Person | None, job_id: str) -> JobDetail:
        """Everything of a job; only its row (`row_only`) for a colleague who may not see more."""
        detail = self._detail(person, job_id)
        if self._may(person, Action.SEE, detail.job):
            return self._told_detail(person, detail)
        if access.may(person, Action.SEE_ROW, detail.job):
            return row_only(detail)
        raise NotFound(NO_SUCH_JOB)

    def allowed(self, person: Person | None, action: Action, job_id: str) -> JobDetail:
        """The job, when this person may do this to it. What one may not even see does not exist."""
        detail = self._detail(person, job_id)
        self._admit(person, action, detail.job)
        return self._told_detail(person, detail)

    def job(self, person: Person | None, action: Action, job_id: str) -> Job:
        """`allowed`, for a verb that needs the row only."""
        job = jobs.get(self._store, job_id)
        if job is None:
            raise NotFound(NO_SUCH_JOB)
        self._admit(person, action, job)
        return job

    def asked(
        self, person: Person | None, action: Action, job_id: str
    ) -> tuple[Job, dict[str, Any], dict[str, Any]]:
        """The job with its inputs and settings, when this person may do this to it."""
        job = self.job(person, action, job_id)
        asked = jobs.asked(self._store, job)
        if asked is None:
            raise NotFound(NO_SUCH_JOB)
        inputs, settings = asked
        return job, self._told(person, job, inputs), settings

    def jobs(self, person: Person, action: Action, ids: list[str]) -> list[Job | tuple[str, WellplateError]]:
        """For each id its job, or, where this person may not do this, what to call it and why not."""
        known = jobs.several(self._store, ids)
        answers: list[Job | tuple[str, WellplateError]] = []
        for job_id in ids:
            job = known.get(job_id)
            try:
                if job is None:
                    raise NotFound(NO_SUCH_JOB)
                self._admit(person, action, job)
                answers.append(job)
            except NotFound as refusal:
                answers.append((job_id, refusal))
            except Forbidden as refusal:
                answers.append((job.name if job else job_id, refusal))
        return answers

    def visible(self, person: Person | None, ids: list[str]) -> dict[str, Job]:
        """Those of these jobs that this person may see, as an ordinary person: nothing is noted for the audit."""
        found = jobs.several(self._store, ids)
        return {job.id: job for job in found.values() if access.sees(person, job)}

    def batch(self, person: Person | None, action: Action, batch_id: str) -> Batch:
        """The batch, without counts and money, when this person may do this to it."""
        batch = self._batch(batch_id)
        self._admit(person, action, batch)
        return batch

    def seen_batch(self, person: Person | None, batch_id: str) -> Batch:
        """The batch, for whoever may see it or its row."""
        batch = self._batch(batch_id)
        self._admit(person, Action.SEE if access.may(person, Action.SEE, batch) else Action.SEE_ROW, batch)
        return batch

    def _batch(self, batch_id: str) -> Batch:
        batch = self._store.once(f"row of batch {batch_id}", lambda: batches.row(self._store, batch_id))
        if batch is None:
            raise NotFound(NO_SUCH_BATCH)
        return batch

    def file(self, person: Person | None, action: Action, file_id: str) -> StoredFile:
        """The file, when this person may do this to it."""
        file = self._file(file_id)
        self._admit(person, action, file)
        return file

    def file_seen(self, person: Person | None, file_id: str) -> StoredFile:
        """The file; only its row for a colleague who may not see more."""
        file = self._file(file_id)
        if self._may(person, Action.SEE, file):
            return file
        if access.may(person, Action.SEE_ROW, file):
            return row_of_file(file)
        raise NotFound(NO_SUCH_FILE)

    def visible_files(self, person: Person | None, ids: list[str]) -> dict[str, StoredFile]:
        """Those of these files that this person may see, as an ordinary person: nothing is noted for the audit."""
        found = library.several(self._store, ids)
        return {file.id: file for file in found.values() if access.sees(person, file)}

    def _file(self, file_id: str) -> StoredFile:
        file = library.get(self._store, file_id)
        if file is None:
            raise NotFound(NO_SUCH_FILE)
        return file

    def _admit(self, person: Person | None, action: Action, subject: Job | Batch | StoredFile) -> None:
        if self._may(person, action, subject):
            return
        if not access.may(person, Action.SEE_ROW, subject):
            raise NotFound(_no_such(subject))
        raise Forbidden(access.why_not(person, action, subject))

    def _may(self, person: Person | None, action: Action, subject: Job | Batch | StoredFile) -> bool:
        if access.looks_in_as_admin(person, action, subject):
            self._accounts.audit(person, f"admin {action.value}", subject.id)
        return access.may(person, action, subject)

    def _detail(self, person: Person | None, job_id: str) -> JobDetail:
        detail = jobs.detail(self._store, job_id, person.id if person else None)
        if detail is None:
            raise NotFound(NO_SUCH_JOB)
        return detail

    def _told_detail(self, person: Person | None, detail: JobDetail) -> JobDetail:
        return replace(detail, inputs=self._told(person, detail.job, detail.inputs))

    def _told(self, person: Person | None, job: Job, inputs: dict[str, Any]) -> dict[str, Any]:
        """Without the ids of other jobs, from which inputs came, that this person may not see."""
        others = [other for other in references.jobs_in(inputs) if other != job.id]
        if not others:
            return inputs
        return references.hide(inputs, self.visible(person, others).keys() | {job.id})


def _no_such(subject: Job | Batch | StoredFile) -> str:
    if isinstance(subject, StoredFile):
        return NO_SUCH_FILE
    return NO_SUCH_BATCH if isinstance(subject, Batch) else NO_SUCH_JOB


def refuse_unless(allowed: bool, message: str) -> None:
    if not allowed:
        raise Forbidden(message)


def row_of(job: Job) -> Job:
    """What a colleague's list tells of a private job: nothing that its tool said."""
    return replace(job, error=None, note=None, step=None, progress=None, tags=())


def row_of_file(file: StoredFile) -> StoredFile:
    """What a colleague's list tells of a private file: nothing of what is in it, or of where it comes from."""
    return replace(file, facts={}, sha256="", job=None)


def row_only(detail: JobDetail) -> JobDetail:
    """A detail that tells no more than the row of the list."""
    return JobDetail(
        job=row_of(detail.job),
        inputs={},
        settings={},
        price=[],
        steps=[],
        history=[],
        summary={},
        warnings=[],
        tables=[],
        files=[],
        usage=None,
        row_only=True,
    )
