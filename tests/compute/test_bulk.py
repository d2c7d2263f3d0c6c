from __future__ import annotations

import time

import pytest

from compute import bulk
from data import jobs
from data.errors import BadInput
from data.records import Job, JobFilter, Person, Role, Status, Visibility
from tests.compute.submitting import ended, submit
from tests.data.conftest import make_job
from tests.laboratory import Laboratory

C, F, X, P = Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.PENDING


def statuses(lab: Laboratory, chosen: list[Job]) -> list[Status]:
    return [lab.job(job.id).status for job in chosen]


def test_each_job_is_decided_by_itself(lab: Laboratory, ada: Person) -> None:
    bob = lab.join("bob")
    mine, done = submit(lab, ada, name="mine"), ended(lab, ada, C, name="done")
    theirs, secret = submit(lab, bob, name="theirs"), submit(lab, lab.found("eve"), name="secret")
    outcomes = lab.workbench.bulk.cancel(
        ada, [mine.id, done.id, theirs.id, secret.id, "no id", mine.id.upper()]
    )
    assert outcomes.done == [(mine.id, "mine")]
    assert dict(outcomes.refused) == {
        "done": "This job has ended already; there is nothing to cancel.",
        "theirs": "You may not cancel this job; it is Bob's.",
        secret.id: "There is no such job, or it is not shared with you.",
        "no id": "There is no such job, or it is not shared with you.",
    }
    assert dict(zip(outcomes.refused_ids, [name for name, _ in outcomes.refused], strict=True)) == {
        done.id: "done",
        theirs.id: "theirs",
        secret.id: secret.id,
        "no id": "no id",
    }
    assert statuses(lab, [mine, done, theirs, secret]) == [X, C, P, P]


def test_a_filter_takes_what_the_verb_can_do_something_about(lab: Laboratory, ada: Person) -> None:
    live, done, failed, stopped = (
        submit(lab, ada),
        ended(lab, ada, C),
        ended(lab, ada, F),
        ended(lab, ada, X),
    )
    deed = lab.workbench.bulk
    assert [job.id for job in deed.chosen(ada, "cancel", JobFilter())] == [live.id]
    assert [job.id for job in deed.chosen(ada, "retry", JobFilter())] == [stopped.id, failed.id]
    assert {job.id for job in deed.chosen(ada, "delete", JobFilter())} == {done.id, failed.id, stopped.id}
    assert deed.chosen(ada, "cancel", JobFilter(status=(C,))) == []
    assert [job.id for job in deed.chosen(ada, "retry", JobFilter(not_status=(X,)))] == [failed.id]
    outcomes = deed.delete(ada, JobFilter(status=(C, F)))
    assert {job for job, _ in outcomes.done} == {done.id, failed.id} and not outcomes.refused
    assert not lab.folders.job(done.id).exists() and lab.folders.job(stopped.id).exists()


def test_retry_makes_new_jobs_until_the_credits_run_out(lab: Laboratory, ada: Person) -> None:
    failed, stopped, done = ended(lab, ada, F), ended(lab, ada, X), ended(lab, ada, C)
    heard: list[tuple[int, int]] = []
    outcomes = lab.workbench.bulk.retry(
        ada, [failed.id, stopped.id, done.id], on_progress=lambda *told: heard.append(told)
    )
    assert outcomes.refused == [
        (done.name, "This job is completed; only one that ended without a result is retried.")
    ]
    made = [lab.job(job) for job, _ in outcomes.done]
    assert [job.status for job in made] == [P, P]
    assert {job.id for job in made}.isdisjoint({failed.id, stopped.id})
    assert heard == [(3, 3)]
    ancestors = [lab.workbench.lineage(ada, job.id).made_from[0] for job in made]
    assert [(one.kind, one.job and one.job.id) for one in ancestors] == [
        ("retry", failed.id),
        ("retry", stopped.id),
    ]


def test_a_colleagues_jobs_in_the_filter_are_told(lab: Laboratory, ada: Person) -> None:
    theirs = ended(lab, lab.join("bob"), F, visibility=Visibility.TEAM, name="theirs")
    outcomes = lab.workbench.bulk.retry(ada, JobFilter())
    assert (outcomes.done, outcomes.refused_ids) == ([], [theirs.id])
    outcomes = lab.workbench.bulk.delete(lab.join("boss", Role.ADMIN), JobFilter())
    assert outcomes.done == [(theirs.id, "theirs")]


def test_too_many_at_once_are_refused_before_anything_happens(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_JOBS", 2)
    chosen = [submit(lab, ada) for _ in range(3)]
    for asked in (JobFilter(), [job.id for job in chosen]):
        with pytest.raises(BadInput, match="2"):
            lab.workbench.bulk.cancel(ada, asked)
    assert statuses(lab, chosen) == [P, P, P]


def test_five_thousand_jobs_take_seconds_and_few_commits(lab: Laboratory, ada: Person) -> None:
    writes = [
        jobs.submit(lab.store, make_job(team=ada.team, submitter=ada.id, credits=0)) for _ in range(5_000)
    ]
    for write in writes:
        write.result()
    before, began = lab.store.commits, time.monotonic()
    outcomes = lab.workbench.bulk.cancel(ada, JobFilter())
    assert len(outcomes.done) == 5_000 and not outcomes.refused
    assert lab.store.commits - before <= 100
    assert len(lab.workbench.bulk.delete(ada, JobFilter()).done) == 5_000
    assert time.monotonic() - began < 30
    assert lab.workbench.counts(ada) == {}
