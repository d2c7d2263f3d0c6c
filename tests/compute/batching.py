"""Batches for the tests of the verbs and of the API: jobs of test-fault, each of which ends as its line says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compute.children import BatchSubmission
from data import jobs
from data.records import Batch, ErrorKind, JobError, Outcome, Person, Status, Well
from tests.laboratory import Laboratory


def developer_lab(home: Path, settings: str = "", **environment: str) -> Laboratory:
    """A site that lists the tools for tests; `settings` are further lines of the section of tools."""
    (home / "settings.toml").write_text(f"[tools]\ndeveloper = true\n{settings}")
    return Laboratory(home, **environment)


def asked(*lines: str, **given: Any) -> BatchSubmission:
    """From the form for many; 5 credits each."""
    usual: dict[str, Any] = {
        "tool": "test-fault",
        "settings": {"fault": "as-told", "credits": 5},
        "inputs": {"lines": {"text": "".join(f"{line}\n" for line in lines), "name": "faults.txt"}},
    }
    return BatchSubmission(**(usual | given))


def one_by_one(*items: dict[str, Any], **given: Any) -> BatchSubmission:
    """Job by job, as a program gives them."""
    return asked(inputs=None, items=list(items), **given)


def submit(lab: Laboratory, person: Person, *lines: str, **given: Any) -> Batch:
    return lab.workbench.batches.submit(person, asked(*lines, **given))


def wells(lab: Laboratory, person: Person, batch: Batch) -> list[Well]:
    return lab.workbench.batches.wells(person, batch.id)


def end(lab: Laboratory, well: Well, status: Status, **given: Any) -> None:
    """What a run would tell, with its log."""
    run_id = lab.start(well.job)
    job = lab.job(well.job)
    error = JobError(kind=ErrorKind.INPUT, message="It does not fit.", log_tail="last line")
    outcome = Outcome(
        job=job.id,
        seq=job.seq,
        attempt=job.attempt,
        run_id=run_id,
        status=status,
        error=error if status is Status.FAILED else None,
        **given,
    )
    log = lab.folders.log(job)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"log of {well.name}\n")
    assert jobs.finish(lab.store, outcome).result() is not None


def ended(lab: Laboratory, person: Person, *statuses: Status, **given: Any) -> Batch:
    """A batch whose children have ended so."""
    batch = submit(lab, person, *["none" for _ in statuses], **given)
    for well, status in zip(wells(lab, person, batch), statuses, strict=True):
        end(lab, well, status)
    return lab.workbench.batches.batch(person, batch.id)
