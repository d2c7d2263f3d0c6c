"""What every change of a job has in common: its history row, its ledger row, and what the listeners hear.

A transition is one conditional statement with the old status in its condition; the writer's verbs in
submits.py, runs.py and actions.py are the only places that change a status. They are set-based: the writer
hands them all arguments of a group. Where two arguments concern one job, the later is applied after the
earlier (`store.rounds`), so that a message that comes twice changes nothing twice.
"""

from __future__ import annotations

from typing import Any

from data import rows
from data.ledger import Posting
from data.records import Batch, Job, LedgerKind, Status, valid_id
from data.store import Transaction


def give_back(job: Job) -> list[Posting]:
    """The hold of a job that never ran, or the charge of one whose runs were all lost."""
    if job.credits == 0:
        return []
    if job.started_at is None:
        return [posting(job, LedgerKind.RELEASE, balance=0, held=-job.credits)]
    return [posting(job, LedgerKind.REFUND, balance=job.credits, held=0)]


def posting(job: Job, kind: LedgerKind, *, balance: int, held: int) -> Posting:
    return Posting(
        team=job.team,
        kind=kind,
        balance=balance,
        held=held,
        job_seq=job.seq,
        person=job.submitter,
        note=job.tool,
    )


def history(transaction: Transaction, entries: list[tuple[int, Status | None, Status, int, str]]) -> None:
    if not entries:
        return
    transaction.run(
        "insert_history",
        seqs=[seq for seq, *_ in entries],
        olds=[old.value if old else None for _, old, *_ in entries],
        news=[new.value for _, _, new, *_ in entries],
        attempts=[attempt for _, _, _, attempt, _ in entries],
        notes=[note for *_, note in entries],
        now=transaction.now,
    )


def reason(job: Job) -> str:
    return job.error.message if job.error else ""


def by_id(transaction: Transaction, ids: list[str]) -> dict[str, Job]:
    wanted = sorted({job_id for job_id in ids if valid_id(job_id) == job_id})
    if not wanted:
        return {}
    return {row["id"]: rows.job(row) for row in transaction.run("jobs_by_id", jobs=wanted)}


def batches_by_id(transaction: Transaction, ids: list[str]) -> list[Batch]:
    """Those that there are, without counts, money and marks."""
    wanted = sorted({batch for batch in ids if valid_id(batch) == batch})
    return [rows.batch(row) for row in transaction.run("batches_by_id", batches=wanted)] if wanted else []


def children_of(transaction: Transaction, batch: Batch) -> list[Job]:
    """All jobs that a batch ever had, the oldest first."""
    return [rows.job(row) for row in transaction.run("children", batches=[batch.id], first=batch.seq)]


def named(transaction: Transaction, changed: list[dict[str, Any]]) -> list[Job]:
    """Returned rows as records, with their submitters' names."""
    known = names(transaction, [row["submitter"] for row in changed])
    return [rows.job({**row, "submitter_name": known.get(row["submitter"])}) for row in changed]


def names(transaction: Transaction, persons: list[str]) -> dict[str, str]:
    """What persons are called, by id."""
    wanted = sorted(set(persons))
    if not wanted:
        return {}
    return {row["id"]: row["name"] for row in transaction.run("person_names", persons=wanted)}


def tell(transaction: Transaction, job: Job, *, gone: bool = False) -> None:
    transaction.changed(
        job=job.id,
        seq=job.seq,
        team=job.team,
        submitter=job.submitter,
        visibility=job.visibility,
        status=job.status,
        progress=job.progress,
        step=job.step,
        attempt=job.attempt,
        batch=job.batch,
        gone=gone,
    )
