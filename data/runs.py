"""What runs announce: claim, progress, outcome, loss. docs/protocol.md is the whole of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from data import endings, library, plates, rows
from data.ledger import Posting, post
from data.records import Claim, ErrorKind, Job, LedgerKind, Loss, Outcome, Progress, Status
from data.store import Rank, Transaction, ranked, rounds
from data.transitions import give_back, history, named, posting, reason, tell


@dataclass(frozen=True, slots=True)
class Lost:
    loss: Loss
    #: How many lost runs a job may have before it fails.
    max_retries: int


@ranked(Rank.CLAIM)
def claims(transaction: Transaction, arguments: list[Claim]) -> list[bool]:
    """The first run of the present attempt gets it; its repeated claim is answered yes, any other no."""
    results = [False] * len(arguments)
    for turn in rounds(arguments, lambda claim: claim.seq):
        batch = [arguments[position] for position in turn]
        won = _claim(transaction, batch)
        owners = won | (_owners(transaction, batch) if len(won) < len(batch) else set())
        for position, claim in zip(turn, batch, strict=True):
            results[position] = (claim.seq, claim.job, claim.attempt, claim.run_id) in owners
    return results


Owner = tuple[int, str, int, str]


def _claim(transaction: Transaction, batch: list[Claim]) -> set[Owner]:
    changed = transaction.run(
        "claim_jobs",
        seqs=[claim.seq for claim in batch],
        jobs=[claim.job for claim in batch],
        attempts=[claim.attempt for claim in batch],
        run_ids=[claim.run_id for claim in batch],
        workers=[claim.worker for claim in batch],
        now=transaction.now,
    )
    if not changed:
        return set()
    started = [rows.job(row) for row in changed]
    cpus = {claim.seq: claim.cpus for claim in batch}
    transaction.run(
        "insert_attempts",
        seqs=[job.seq for job in started],
        attempts=[job.attempt for job in started],
        run_ids=[job.run_id for job in started],
        workers=[job.worker for job in started],
        cpus=[cpus[job.seq] for job in started],
        now=transaction.now,
    )
    # `now` is given to one transaction only, so an older start is that of an earlier attempt.
    first = {job.seq for job in started if job.started_at == transaction.now}
    history(
        transaction,
        [
            (
                job.seq,
                Status.PENDING if job.seq in first else Status.RETRY,
                Status.PROCESSING,
                job.attempt,
                f"on {job.worker}",
            )
            for job in started
        ],
    )
    post(
        transaction,
        [
            posting(job, LedgerKind.CHARGE, balance=-job.credits, held=-job.credits)
            for job in started
            if job.credits > 0 and job.seq in first
        ],
    )
    for job in started:
        tell(transaction, job)
    return {(job.seq, job.id, job.attempt, job.run_id or "") for job in started}


def _owners(transaction: Transaction, batch: list[Claim]) -> set[Owner]:
    found = transaction.run("owners", seqs=[claim.seq for claim in batch])
    return {(row["seq"], row["id"], row["attempt"], row["run_id"]) for row in found}


@ranked(Rank.PROGRESS, patient=True)
def progresses(transaction: Transaction, arguments: list[Progress]) -> list[bool]:
    """Only the newest of each run is written; the owner's is accepted."""
    newest = {(report.seq, report.job, report.run_id): report for report in arguments}
    accepted: set[tuple[int, str, str]] = set()
    reports = list(newest.values())
    for turn in rounds(reports, lambda report: report.seq):
        batch = [reports[position] for position in turn]
        changed = transaction.run(
            "progress_jobs",
            seqs=[report.seq for report in batch],
            jobs=[report.job for report in batch],
            run_ids=[report.run_id for report in batch],
            progresses=[report.progress for report in batch],
            steps=[report.step for report in batch],
            notes=[report.note for report in batch],
        )
        for row in changed:
            accepted.add((row["seq"], row["id"], row["run_id"]))
            tell(transaction, rows.job(row))
    written = [newest[key] for key in accepted]
    if written:
        transaction.run(
            "progress_attempts",
            seqs=[report.seq for report in written],
            run_ids=[report.run_id for report in written],
            steps=[rows.dump(report.steps) for report in written],
        )
    return [(report.seq, report.job, report.run_id) in accepted for report in arguments]


@ranked(Rank.FINISH)
def finishes(transaction: Transaction, arguments: list[Outcome]) -> list[Job | Exception | None]:
    """The owner's first outcome ends the job; None for any other."""
    results: list[Job | Exception | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda outcome: outcome.seq):
        batch = [arguments[position] for position in turn]
        ended = _finish(transaction, batch)
        for position in turn:
            results[position] = ended.get(arguments[position].seq)
    return results


def _finish(transaction: Transaction, batch: list[Outcome]) -> dict[int, Job]:
    errors = [outcome.error for outcome in batch]
    changed = transaction.run(
        "finish_jobs",
        seqs=[outcome.seq for outcome in batch],
        jobs=[outcome.job for outcome in batch],
        attempts=[outcome.attempt for outcome in batch],
        run_ids=[outcome.run_id for outcome in batch],
        statuses=[_end(outcome).value for outcome in batch],
        error_kinds=[error.kind.value if error else None for error in errors],
        error_messages=[error.message if error else None for error in errors],
        log_tails=[error.log_tail if error else None for error in errors],
        now=transaction.now,
    )
    if not changed:
        return {}
    jobs = [rows.job(row) for row in changed]
    outcomes = {outcome.seq: outcome for outcome in batch}
    transaction.run(
        "end_attempts",
        seqs=[job.seq for job in jobs],
        run_ids=[job.run_id for job in jobs],
        endings=[job.status.value for job in jobs],
        steps=[rows.dump(outcomes[job.seq].steps) if outcomes[job.seq].steps else None for job in jobs],
        usages=[rows.dump(outcomes[job.seq].usage) for job in jobs],
        now=transaction.now,
    )
    completed = [(job, outcomes[job.seq]) for job in jobs if job.status == Status.COMPLETED]
    _insert_results(transaction, [outcome for _, outcome in completed])
    library.keep(transaction, completed)
    history(transaction, [(job.seq, Status.PROCESSING, job.status, job.attempt, reason(job)) for job in jobs])
    post(transaction, _refunds(transaction, jobs, outcomes))
    endings.ended(transaction, jobs)
    plates.moved(transaction, jobs)
    for job in jobs:
        tell(transaction, job)
    return {job.seq: job for job in jobs}


def _end(outcome: Outcome) -> Status:
    if not outcome.status.terminal:
        raise ValueError(f"{outcome.status} is no outcome (job {outcome.job})")
    return outcome.status


def _insert_results(transaction: Transaction, outcomes: list[Outcome]) -> None:
    if not outcomes:
        return
    transaction.run(
        "insert_results",
        seqs=[outcome.seq for outcome in outcomes],
        summaries=[rows.dump(outcome.summary) for outcome in outcomes],
        warnings=[rows.dump(outcome.warnings) for outcome in outcomes],
        tables=[rows.dump(outcome.tables) for outcome in outcomes],
        files=[rows.dump(outcome.files) for outcome in outcomes],
    )


def _refunds(transaction: Transaction, jobs: list[Job], outcomes: dict[int, Outcome]) -> list[Posting]:
    """Of ends that `_gives_back` all; of failed items of a completed job their price lines."""
    amounts = {job.seq: job.credits for job in jobs if _gives_back(job)}
    partly = [
        job
        for job in jobs
        if job.status == Status.COMPLETED and job.credits and outcomes[job.seq].failed_items
    ]
    if partly:
        prices = {
            row["seq"]: json.loads(row["price"])
            for row in transaction.run("prices", seqs=[job.seq for job in partly])
        }
        for job in partly:
            amounts[job.seq] = min(job.credits, _share(prices[job.seq], outcomes[job.seq].failed_items))
    return [
        posting(job, LedgerKind.REFUND, balance=amounts[job.seq], held=0)
        for job in jobs
        if amounts.get(job.seq, 0) > 0
    ]


def _gives_back(job: Job) -> bool:
    """A child of a batch gives back whatever went wrong; a single job not what its own input or its length did."""
    if job.status is Status.TIMEOUT:
        return job.batch is not None
    by_input = job.error is not None and job.error.kind is ErrorKind.INPUT
    return job.status is Status.FAILED and (job.batch is not None or not by_input)


def _share(lines: list[dict[str, Any]], failed: Iterable[str]) -> int:
    """Each failed item gives back one price line of its label."""
    left = Counter(failed)
    credits = 0
    for line in lines:
        if left[line["label"]] > 0:
            left[line["label"]] -= 1
            credits += line["credits"]
    return credits


@ranked(Rank.LOSE)
def losses(transaction: Transaction, arguments: list[Lost]) -> list[Job | None]:
    """`processing` runs again or ends. None: that run is not the present one.

    An attempt that no run ever claimed leaves the job pending (or in retry) with the next attempt number, and
    is counted: otherwise a job that kills every supervisor before its claim would be sent for ever.
    """
    results: list[Job | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda lost: lost.loss.seq):
        batch = [arguments[position] for position in turn]
        after = _lose(transaction, batch)
        for position in turn:
            results[position] = after.get(arguments[position].loss.seq)
    return results


def _lose(transaction: Transaction, batch: list[Lost]) -> dict[int, Job]:
    parameters: dict[str, Any] = {
        "seqs": [lost.loss.seq for lost in batch],
        "jobs": [lost.loss.job for lost in batch],
        "attempts": [lost.loss.attempt for lost in batch],
        "run_ids": [lost.loss.run_id for lost in batch],
        "useds": [int(lost.loss.counts) for lost in batch],
        "max_retries": [lost.max_retries for lost in batch],
        "reasons": [lost.loss.reason for lost in batch],
    }
    # Those that end come first: the other statement would make some of them end at their next attempt.
    ended = transaction.run("lost_jobs", now=transaction.now, **parameters)
    left = {row["seq"] for row in ended}
    again = transaction.run("again_jobs", **parameters) if len(left) < len(batch) else []
    if not ended and not again:
        return {}
    jobs = named(transaction, ended + again)
    loss = {lost.loss.seq: lost.loss for lost in batch}
    transaction.run(
        "end_attempts",
        seqs=[job.seq for job in jobs],
        run_ids=[loss[job.seq].run_id for job in jobs],
        endings=[loss[job.seq].reason for job in jobs],
        steps=[None] * len(jobs),
        usages=[None] * len(jobs),
        now=transaction.now,
    )
    history(
        transaction,
        [
            (
                job.seq,
                _before_loss(job, loss[job.seq]),
                job.status,
                loss[job.seq].attempt,
                loss[job.seq].reason,
            )
            for job in jobs
        ],
    )
    failed = [job for job in jobs if job.status == Status.FAILED]
    post(transaction, [posting for job in failed for posting in give_back(job)])
    endings.ended(transaction, failed)
    plates.moved(transaction, [job for job in jobs if job.status.terminal])
    for job in jobs:
        tell(transaction, job)
    return {job.seq: job for job in jobs}


def _before_loss(job: Job, loss: Loss) -> Status:
    if loss.run_id is not None:
        return Status.PROCESSING
    return Status.RETRY if job.started_at else Status.PENDING
