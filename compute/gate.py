"""The job that a verb is about, once it is known that this person may do this to it."""

from __future__ import annotations

from dataclasses import replace

from compute import access
from compute.access import Action
from compute.people.accounts import Accounts
from data import jobs
from data.errors import Forbidden, NotFound
from data.records import Job, JobDetail, Person, valid_id
from data.store import Store

NO_SUCH_JOB = "There is no such job, or it is not shared with you."


class Gate:
    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    def seen(self, person: Person | None, job_id: str) -> JobDetail:
        """Everything of a job; only its row (`row_only`) for a colleague who may not see more."""
        detail = self._detail(job_id)
        if self._may(person, Action.SEE, detail.job):
            return detail
        if access.may(person, Action.SEE_ROW, detail.job):
            return row_only(detail)
        raise NotFound(NO_SUCH_JOB)

    def allowed(self, person: Person | None, action: Action, job_id: str) -> JobDetail:
        """The job, when this person may do this to it. What one may not even see does not exist."""
        detail = self._detail(job_id)
        self._admit(person, action, detail.job)
        return detail

    def job(self, person: Person | None, action: Action, job_id: str) -> Job:
        """`allowed`, for a verb that needs the row only."""
        known = valid_id(job_id)
        job = jobs.get(self._store, known) if known else None
        if job is None:
            raise NotFound(NO_SUCH_JOB)
        self._admit(person, action, job)
        return job

    def _admit(self, person: Person | None, action: Action, job: Job) -> None:
        if self._may(person, action, job):
            return
        if not access.may(person, Action.SEE_ROW, job):
            raise NotFound(NO_SUCH_JOB)
        raise Forbidden(access.why_not(person, action, job))

    def _may(self, person: Person | None, action: Action, job: Job) -> bool:
        if access.looks_in_as_admin(person, action, job):
            self._accounts.audit(person, f"admin {action.value}", job.id)
        return access.may(person, action, job)

    def _detail(self, job_id: str) -> JobDetail:
        known = valid_id(job_id)
        detail = jobs.detail(self._store, known) if known else None
        if detail is None:
            raise NotFound(NO_SUCH_JOB)
        return detail


def refuse_unless(allowed: bool, message: str) -> None:
    if not allowed:
        raise Forbidden(message)


def row_of(job: Job) -> Job:
    """What a colleague's list tells of a private job: nothing that its tool said."""
    return replace(job, error=None, note=None, step=None, progress=None, tags=())


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
