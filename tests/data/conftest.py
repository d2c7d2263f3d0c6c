"""A store on disk, a team with credits, and the records of a job: only what matters is said in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data import jobs, ledger
from data.records import (
    Claim,
    ErrorKind,
    Job,
    JobError,
    NewBatch,
    NewJob,
    Outcome,
    Status,
    Visibility,
    new_id,
    utcnow,
)
from data.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "wellplate.duckdb")
    yield store
    store.close()


@pytest.fixture
def team(store: Store) -> str:
    """With 100 credits."""
    return make_team(store, 100)


@pytest.fixture
def person(store: Store) -> str:
    return make_person(store)


@pytest.fixture
def job_factory(team: str, person: str) -> Callable[..., NewJob]:
    def make(**only_what_matters: Any) -> NewJob:
        return make_job(**{"team": team, "submitter": person, **only_what_matters})

    return make


def execute(store: Store, sql: str, **parameters: Any) -> None:
    """A statement in the writer's turn, for what has no verb in this room."""
    store.between(lambda database: database.writer().execute(sql, parameters)).result()


def make_team(store: Store, credits: int = 0) -> str:
    team = new_id()
    execute(
        store,
        "insert into teams (id, name, default_visibility, balance, held, created_at) "
        "values ($id, 'Lab', 'private', 0, 0, $now)",
        id=team,
        now=utcnow(),
    )
    if credits:
        ledger.grant(store, team, credits, "first").result()
    return team


def make_person(store: Store, name: str = "Ada") -> str:
    person = new_id()
    execute(
        store,
        "insert into persons values ($id, 'ada@example.org', $name, null, false, true, true, $now)",
        id=person,
        name=name,
        now=utcnow(),
    )
    return person


def make_job(**given: Any) -> NewJob:
    usual = {
        "id": new_id(),
        "tool": "autodock-vina",
        "name": "Dock",
        "visibility": Visibility.PRIVATE,
        "credits": 10,
        "price": [{"label": "ligand 1", "credits": 4}, {"label": "ligand 2", "credits": 6}],
        "inputs": {"receptor": {"text": "ATOM", "name": "r.pdb"}},
        "settings": {"seed": 1},
        "cpus_min": 1,
        "cpus_max": 2,
        "memory_mb": 512,
        "gpus": 0,
        "timeout_s": 60,
    }
    return NewJob(**(usual | given))


def make_batch(team: str, submitter: str, *credits: int, **given: Any) -> NewBatch:
    """With a child for each price."""
    batch = new_id()
    of_child = {name: given.pop(name) for name in ("enforce", "cpus_min", "uses") if name in given}
    children = [
        make_job(
            team=team,
            submitter=submitter,
            name=f"child {well}",
            credits=price,
            price=[{"label": "Dock", "credits": price}],
            inputs={"number": well},
            visibility=given.get("visibility", Visibility.PRIVATE),
            batch=batch,
            well=well,
            **of_child,
        )
        for well, price in enumerate(credits)
    ]
    usual = {
        "id": batch,
        "team": team,
        "submitter": submitter,
        "tool": "autodock-vina",
        "name": "Docks",
        "visibility": Visibility.PRIVATE,
        "settings": {"seed": 1},
        "inputs": {"lines": "a"},
        "children": children,
        "request": {"tool": "autodock-vina", "steps": []},
        "left_out": [],
        "concurrency": 100,
    }
    return NewBatch(**(usual | given))


def claim_of(job: Job, run_id: str | None = None) -> Claim:
    return Claim(
        job=job.id, seq=job.seq, attempt=job.attempt, run_id=run_id or new_id(), worker="node-1", cpus=1
    )


def outcome_of(job: Job, status: Status = Status.COMPLETED, **given: Any) -> Outcome:
    """Of the run that owns the job."""
    assert job.run_id is not None
    usual = {"job": job.id, "seq": job.seq, "attempt": job.attempt, "run_id": job.run_id, "status": status}
    return Outcome(**(usual | given))


def failure(kind: ErrorKind = ErrorKind.TOOL) -> JobError:
    return JobError(kind=kind, message="It failed.", log_tail="last line")


def started(store: Store, new: NewJob) -> Job:
    """Submitted and claimed."""
    job = jobs.submit(store, new).result().job
    assert jobs.claim(store, claim_of(job)).result()
    after = jobs.get(store, job.id)
    assert after is not None
    return after
