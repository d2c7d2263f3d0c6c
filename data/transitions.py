"""Every change of a job's status: one conditional statement each, with its history and ledger rows beside it.

The verbs are set-based: the writer hands them all arguments of a group. Where two arguments of a group concern one
job, the later is applied after the earlier (`rounds`), so that a message that comes twice changes nothing twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from data import rows
from data.errors import Conflict, NotEnoughCredits, NotFound
from data.ledger import Posting, accounts, post
from data.records import (
    Balance,
    Claim,
    ErrorKind,
    Job,
    JobError,
    LedgerKind,
    Loss,
    NewJob,
    Outcome,
    Progress,
    Status,
    valid_id,
)
from data.store import Rank, Transaction, ranked, rounds

KEY_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Submitted:
    job: Job
    #: False when an earlier submit with the same idempotency key made it.
    created: bool


@dataclass(frozen=True, slots=True)
class Lost:
    loss: Loss
    #: How many lost runs a job may have before it fails.
    max_retries: int


@dataclass(frozen=True, slots=True)
class Refusal:
    job: str
    attempt: int
    error: JobError


@dataclass(frozen=True, slots=True)
class Rename:
    job: str
    name: str


# Submit -----------------------------------------------------------------------------------------------------------

Key = tuple[str, str, str]


@ranked(Rank.SUBMIT)
def submits(transaction: Transaction, new_jobs: list[NewJob]) -> list[Submitted | Exception]:
    """One after the other, each against what the earlier ones hold."""
    known = _known_keys(transaction, new_jobs)
    balances = accounts(transaction, [new.team for new in new_jobs])
    first = transaction.next_seq(len(new_jobs))
    accepted: list[tuple[int, NewJob]] = []
    answers: list[str | Exception] = []
    for number, new in enumerate(new_jobs):
        key = _key(new)
        if key is not None and key in known:
            answers.append(_same_body(new, *known[key]))
            continue
        problem = _unaffordable(new, balances.get(new.team))
        if problem is not None:
            answers.append(problem)
            continue
        account = balances[new.team]
        balances[new.team] = Balance(balance=account.balance, held=account.held + new.credits)
        if key is not None:
            known[key] = (new.body_hash, new.id)
        accepted.append((first + number, new))
        answers.append(new.id)
    _insert(transaction, accepted)
    return _submitted(transaction, answers, {new.id for _, new in accepted})


def _known_keys(transaction: Transaction, new_jobs: list[NewJob]) -> dict[Key, tuple[str, str]]:
    keys = [key for key in map(_key, new_jobs) if key is not None]
    if not keys:
        return {}
    since = transaction.now - KEY_LIFE
    transaction.run("forget_old_keys", since=since)
    found = transaction.run(
        "known_keys",
        keys=[key for key, _, _ in keys],
        persons=[person for _, person, _ in keys],
        teams=[team for _, _, team in keys],
        since=since,
    )
    return {(row["key"], row["person"], row["team"]): (row["body_hash"], row["job"]) for row in found}


def _key(new: NewJob) -> Key | None:
    return (new.idempotency_key, new.submitter, new.team) if new.idempotency_key else None


def _same_body(new: NewJob, body_hash: str, job: str) -> str | Conflict:
    if new.body_hash == body_hash:
        return job
    return Conflict(
        "This idempotency key was used for another job within the last 24 hours. Use a new key for a new job.",
        field="Idempotency-Key",
    )


def _unaffordable(new: NewJob, account: Balance | None) -> Exception | None:
    if account is None:
        return NotFound("There is no such team.")
    missing = new.credits - account.available
    if not new.enforce or new.credits == 0 or missing <= 0:
        return None
    return NotEnoughCredits(
        f"This job costs {new.credits} credits and {max(account.available, 0)} are available: {missing} are missing. "
        "Ask the site's admin for a grant, or wait until jobs that hold credits have ended."
    )


def _insert(transaction: Transaction, accepted: list[tuple[int, NewJob]]) -> None:
    if not accepted:
        return
    seqs = [seq for seq, _ in accepted]
    new_jobs = [new for _, new in accepted]
    transaction.run(
        "insert_jobs",
        seqs=seqs,
        ids=[new.id for new in new_jobs],
        teams=[new.team for new in new_jobs],
        submitters=[new.submitter for new in new_jobs],
        tools=[new.tool for new in new_jobs],
        names=[new.name for new in new_jobs],
        visibilities=[new.visibility.value for new in new_jobs],
        credits=[new.credits for new in new_jobs],
        cpus_mins=[new.cpus_min for new in new_jobs],
        cpus_maxs=[new.cpus_max for new in new_jobs],
        memories=[new.memory_mb for new in new_jobs],
        gpus=[new.gpus for new in new_jobs],
        timeouts=[new.timeout_s for new in new_jobs],
        now=transaction.now,
    )
    transaction.run(
        "insert_submissions",
        seqs=seqs,
        inputs=[rows.dump(new.inputs) for new in new_jobs],
        settings=[rows.dump(new.settings) for new in new_jobs],
        prices=[rows.dump(new.price) for new in new_jobs],
    )
    _history(transaction, [(seq, None, Status.PENDING, 1, "submitted") for seq in seqs])
    post(
        transaction,
        [
            Posting(
                team=new.team,
                kind=LedgerKind.HOLD,
                balance=0,
                held=new.credits,
                job_seq=seq,
                person=new.submitter,
                note=new.tool,
            )
            for seq, new in accepted
            if new.credits > 0
        ],
    )
    keyed = [new for new in new_jobs if new.idempotency_key]
    if keyed:
        transaction.run(
            "insert_keys",
            keys=[new.idempotency_key for new in keyed],
            persons=[new.submitter for new in keyed],
            teams=[new.team for new in keyed],
            hashes=[new.body_hash for new in keyed],
            jobs=[new.id for new in keyed],
            now=transaction.now,
        )


def _submitted(
    transaction: Transaction, answers: list[str | Exception], created: set[str]
) -> list[Submitted | Exception]:
    """Read back what was written; the first answer for a job is its creation."""
    found = _by_id(transaction, [answer for answer in answers if isinstance(answer, str)])
    results: list[Submitted | Exception] = []
    for answer in answers:
        if isinstance(answer, Exception):
            results.append(answer)
            continue
        job = found.get(answer)
        if job is None:
            results.append(
                Conflict("The job of this idempotency key was deleted. Use a new key for a new job.")
            )
            continue
        if answer in created:
            created.discard(answer)
            _tell(transaction, job)
            results.append(Submitted(job, created=True))
        else:
            results.append(Submitted(job, created=False))
    return results


# A run ------------------------------------------------------------------------------------------------------------


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
    _history(
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
            _posting(job, LedgerKind.CHARGE, balance=-job.credits, held=-job.credits)
            for job in started
            if job.credits > 0 and job.seq in first
        ],
    )
    for job in started:
        _tell(transaction, job)
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
            _tell(transaction, rows.job(row))
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
def finishes(transaction: Transaction, arguments: list[Outcome]) -> list[Job | None | Exception]:
    """The owner's first outcome ends the job; None for any other."""
    results: list[Job | None | Exception] = [None] * len(arguments)
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
    jobs = _named(transaction, changed)
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
    _insert_results(transaction, [outcomes[job.seq] for job in jobs if job.status == Status.COMPLETED])
    _history(
        transaction, [(job.seq, Status.PROCESSING, job.status, job.attempt, _reason(job)) for job in jobs]
    )
    post(transaction, _refunds(transaction, jobs, outcomes))
    for job in jobs:
        _tell(transaction, job)
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
    """The platform's, the tool's and a limit's failures give all back; failed items their price lines."""
    amounts = {job.seq: job.credits for job in jobs if _failed_not_by_input(job)}
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
        _posting(job, LedgerKind.REFUND, balance=amounts[job.seq], held=0)
        for job in jobs
        if amounts.get(job.seq, 0) > 0
    ]


def _failed_not_by_input(job: Job) -> bool:
    return job.status == Status.FAILED and (job.error is None or job.error.kind != ErrorKind.INPUT)


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
    """`processing` runs again or ends; an attempt that was never claimed is only counted. None: not the present run.

    An attempt that no run ever claimed leaves the job pending (or in retry) with the next attempt number: otherwise
    a job that kills every supervisor before its claim would be sent for ever.
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
    jobs = _named(transaction, ended + again)
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
    _history(
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
    post(transaction, [posting for job in jobs if job.status == Status.FAILED for posting in _give_back(job)])
    for job in jobs:
        _tell(transaction, job)
    return {job.seq: job for job in jobs}


def _before_loss(job: Job, loss: Loss) -> Status:
    if loss.run_id is not None:
        return Status.PROCESSING
    return Status.RETRY if job.started_at else Status.PENDING


# What people do ---------------------------------------------------------------------------------------------------


@ranked(Rank.CANCEL)
def cancels(transaction: Transaction, ids: list[str]) -> list[Job | None]:
    """Waiting jobs end at once, running ones are marked. None: there is no such job, or it has ended."""
    before = _by_id(transaction, ids)
    live = [job.seq for job in before.values() if job.live]
    if not live:
        return [None] * len(ids)
    ended = _named(transaction, transaction.run("cancel_waiting", seqs=live, now=transaction.now))
    marked = _named(transaction, transaction.run("request_cancel", seqs=live))
    _history(
        transaction, [(job.seq, before[job.id].status, job.status, job.attempt, "cancelled") for job in ended]
    )
    post(transaction, [posting for job in ended for posting in _give_back(job)])
    for job in ended + marked:
        _tell(transaction, job)
    after = {job.id: job for job in ended + marked}
    return [
        after.get(job_id) or (before[job_id] if job_id in before and before[job_id].live else None)
        for job_id in ids
    ]


@ranked(Rank.CANCEL)
def refusals(transaction: Transaction, arguments: list[Refusal]) -> list[Job | None]:
    """Jobs that cannot be started fail and cost nothing. None: not waiting, or another attempt by now."""
    results: list[Job | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda refusal: refusal.job):
        batch = {arguments[position].job: arguments[position] for position in turn}
        before = _by_id(transaction, list(batch))
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
    jobs = _named(transaction, changed)
    old = {job.seq: job.status for job, _ in batch}
    _history(transaction, [(job.seq, old[job.seq], job.status, job.attempt, _reason(job)) for job in jobs])
    post(transaction, [posting for job in jobs for posting in _give_back(job)])
    for job in jobs:
        _tell(transaction, job)
    return {job.id: job for job in jobs}


@ranked(Rank.RENAME)
def renames(transaction: Transaction, arguments: list[Rename]) -> list[Job | None]:
    """None: there is no such job."""
    results: list[Job | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda rename: rename.job):
        batch = {arguments[position].job: arguments[position].name for position in turn}
        before = _by_id(transaction, list(batch))
        changed = transaction.run(
            "rename_jobs",
            seqs=[job.seq for job in before.values()],
            names=[batch[job_id] for job_id in before],
        )
        after = {job.id: job for job in _named(transaction, changed)}
        for job in after.values():
            _tell(transaction, job)
        for position in turn:
            results[position] = after.get(arguments[position].job)
    return results


@ranked(Rank.DELETE)
def deletes(transaction: Transaction, ids: list[str]) -> list[Job | None]:
    """Removes jobs that have ended, with all that is theirs but the ledger. None: no such job, or it is alive."""
    before = _by_id(transaction, ids)
    gone = {
        row["id"]: before[row["id"]]
        for row in transaction.run("delete_jobs", seqs=[job.seq for job in before.values()])
    }
    if gone:
        seqs = [job.seq for job in gone.values()]
        for query in ("delete_submissions", "delete_attempts", "delete_results", "delete_history"):
            transaction.run(query, seqs=seqs)
        transaction.run("delete_shares", jobs=list(gone))
    for job in gone.values():
        _tell(transaction, job, gone=True)
    # A second caller for the same job comes too late.
    return [gone.pop(job_id, None) for job_id in ids]


# Shared -----------------------------------------------------------------------------------------------------------


def _give_back(job: Job) -> list[Posting]:
    """The hold of a job that never ran, or the charge of one whose runs were all lost."""
    if job.credits == 0:
        return []
    if job.started_at is None:
        return [_posting(job, LedgerKind.RELEASE, balance=0, held=-job.credits)]
    return [_posting(job, LedgerKind.REFUND, balance=job.credits, held=0)]


def _posting(job: Job, kind: LedgerKind, *, balance: int, held: int) -> Posting:
    return Posting(
        team=job.team,
        kind=kind,
        balance=balance,
        held=held,
        job_seq=job.seq,
        person=job.submitter,
        note=job.tool,
    )


def _history(transaction: Transaction, entries: list[tuple[int, Status | None, Status, int, str]]) -> None:
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


def _reason(job: Job) -> str:
    return job.error.message if job.error else ""


def _by_id(transaction: Transaction, ids: list[str]) -> dict[str, Job]:
    wanted = sorted({job_id for job_id in ids if valid_id(job_id) == job_id})
    if not wanted:
        return {}
    return {row["id"]: rows.job(row) for row in transaction.run("jobs_by_id", jobs=wanted)}


def _named(transaction: Transaction, changed: list[dict[str, Any]]) -> list[Job]:
    """Returned rows as records, with their submitters' names."""
    if not changed:
        return []
    persons = sorted({row["submitter"] for row in changed})
    names = {row["id"]: row["name"] for row in transaction.run("person_names", persons=persons)}
    return [rows.job({**row, "submitter_name": names.get(row["submitter"])}) for row in changed]


def _tell(transaction: Transaction, job: Job, *, gone: bool = False) -> None:
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
        gone=gone,
    )
