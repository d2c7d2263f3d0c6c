"""What people, and the dispatcher for them, do to a job: cancel, refuse, rename, delete."""

from __future__ import annotations

from dataclasses import dataclass

from data import endings, notices, plates
from data.ledger import post
from data.records import Job, JobError
from data.store import Rank, Transaction, ranked, rounds
from data.transitions import by_id, give_back, history, named, reason, tell

#: What goes with a job.
_OF_A_JOB = (
    "delete_submissions",
    "delete_attempts",
    "delete_results",
    "delete_result_files",
    "delete_file_uses",
    "delete_history",
    "remove_tags",
    "delete_stars",
    "delete_lineage",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    job: str
    attempt: int
    error: JobError


@dataclass(frozen=True, slots=True)
class Rename:
    job: str
    name: str


@ranked(Rank.CANCEL)
def cancels(transaction: Transaction, ids: list[str]) -> list[Job | None]:
    """Waiting jobs end at once, running ones are marked. None: there is no such job, or it has ended."""
    results: list[Job | None] = [None] * len(ids)
    for turn in rounds(ids, lambda job_id: job_id):
        after = _cancel(transaction, [ids[position] for position in turn])
        for position in turn:
            results[position] = after.get(ids[position])
    return results


def _cancel(transaction: Transaction, ids: list[str]) -> dict[str, Job]:
    before = {job.id: job for job in by_id(transaction, ids).values() if job.live}
    if not before:
        return {}
    live = [job.seq for job in before.values()]
    ended = named(transaction, transaction.run("cancel_waiting", seqs=live, now=transaction.now))
    marked = named(transaction, transaction.run("request_cancel", seqs=live))
    history(
        transaction, [(job.seq, before[job.id].status, job.status, job.attempt, "cancelled") for job in ended]
    )
    post(transaction, [posting for job in ended for posting in give_back(job)])
    plates.moved(transaction, ended)
    for job in ended + marked:
        tell(transaction, job)
    return before | {job.id: job for job in ended + marked}


@ranked(Rank.CANCEL)
def refusals(transaction: Transaction, arguments: list[Refusal]) -> list[Job | None]:
    """Jobs that cannot be started fail and cost nothing. None: not waiting, or another attempt by now."""
    results: list[Job | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda refusal: refusal.job):
        batch = {arguments[position].job: arguments[position] for position in turn}
        before = by_id(transaction, list(batch))
        refused = _refuse(
            transaction, [(before[job_id], refusal) for job_id, refusal in batch.items() if job_id in before]
        )
        for position in turn:
            results[position] = refused.get(arguments[position].job)
    return results


def _refuse(transaction: Transaction, batch: list[tuple[Job, Refusal]]) -> dict[str, Job]:
    if not batch:
        return {}
    changed = transaction.run(
        "refuse_jobs",
        seqs=[job.seq for job, _ in batch],
        attempts=[refusal.attempt for _, refusal in batch],
        error_kinds=[refusal.error.kind.value for _, refusal in batch],
        error_messages=[refusal.error.message for _, refusal in batch],
        log_tails=[refusal.error.log_tail for _, refusal in batch],
        now=transaction.now,
    )
    jobs = named(transaction, changed)
    old = {job.seq: job.status for job, _ in batch}
    history(transaction, [(job.seq, old[job.seq], job.status, job.attempt, reason(job)) for job in jobs])
    post(transaction, [posting for job in jobs for posting in give_back(job)])
    endings.ended(transaction, jobs)
    plates.moved(transaction, jobs)
    for job in jobs:
        tell(transaction, job)
    return {job.id: job for job in jobs}


@ranked(Rank.RENAME)
def renames(transaction: Transaction, arguments: list[Rename]) -> list[Job | None]:
    """None: there is no such job."""
    results: list[Job | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda rename: rename.job):
        batch = {arguments[position].job: arguments[position].name for position in turn}
        before = by_id(transaction, list(batch))
        changed = transaction.run(
            "rename_jobs",
            seqs=[job.seq for job in before.values()],
            names=[batch[job_id] for job_id in before],
        )
        after = {job.id: job for job in named(transaction, changed)}
        for job in after.values():
            tell(transaction, job)
        for position in turn:
            results[position] = after.get(arguments[position].job)
    return results


@ranked(Rank.DELETE)
def deletes(transaction: Transaction, ids: list[str]) -> list[Job | None]:
    """Removes jobs that have ended, with all that is theirs but the ledger.

    None: no such job, alive, or a child of a batch.
    """
    before = {job.id: job for job in by_id(transaction, ids).values() if job.batch is None}
    gone = {
        row["id"]: before[row["id"]]
        for row in transaction.run("delete_jobs", seqs=[job.seq for job in before.values()])
    }
    _forget(transaction, list(gone.values()))
    # A second caller for the same job comes too late.
    return [gone.pop(job_id, None) for job_id in ids]


def remove(transaction: Transaction, ended: list[Job]) -> None:
    """Jobs that have ended go, with all that is theirs but the ledger."""
    transaction.run("delete_jobs", seqs=[job.seq for job in ended])
    _forget(transaction, ended)


def _forget(transaction: Transaction, gone: list[Job]) -> None:
    if not gone:
        return
    seqs = [job.seq for job in gone]
    for query in _OF_A_JOB:
        transaction.run(query, seqs=seqs)
    ids = [job.id for job in gone]
    transaction.run("delete_shares", jobs=ids)
    notices.forget(transaction, jobs=ids, batches=[])
    for job in gone:
        tell(transaction, job, gone=True)
