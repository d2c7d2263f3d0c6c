"""Jobs for the tests of the verbs."""

from __future__ import annotations

from typing import Any

from compute.submitting import Submission
from data.records import Job, Person, Status
from tests.laboratory import BODY, Laboratory


def submit(lab: Laboratory, person: Person, **changes: Any) -> Job:
    return lab.workbench.submit(person, Submission(**(BODY | changes)))


def ended(lab: Laboratory, person: Person, status: Status, **changes: Any) -> Job:
    """A job that has ended so."""
    job = submit(lab, person, **changes)
    if status is Status.CANCELLED:
        lab.workbench.cancel(person, job.id)
    elif status is Status.FAILED:
        lab.fail(job.id, "does not fit")
    elif status is Status.COMPLETED:
        lab.start(job.id)
        lab.complete(job.id, {"a.tab": b"a\tACGT\n"})
    return lab.job(job.id)


def verify(lab: Laboratory, person: Person) -> None:
    """The address is known to be this person's."""
    sql = "update persons set verified = true where id = $id"
    lab.store.between(lambda database: database.writer().execute(sql, {"id": person.id})).result()
    lab.accounts._load_people()
