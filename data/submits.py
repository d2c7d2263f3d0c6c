"""Submitting: credits, idempotency keys, and the new job's rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from data import rows
from data.errors import Conflict
from data.ledger import Posting, post
from data.purses import Purses
from data.records import Job, LedgerKind, NewJob, Status, Visibility, utcnow
from data.store import Rank, Store, Transaction, ranked
from data.transitions import by_id, history, names, tell

KEY_LIFE = timedelta(hours=24)
OTHER_BODY = (
    "This idempotency key was used for another job in the last 24 hours. Use a new key for a new job."
)
DELETED = "The job of this idempotency key was deleted. Use a new key for a new job."


@dataclass(frozen=True, slots=True)
class Submitted:
    job: Job
    #: False when an earlier submit with the same idempotency key made it.
    created: bool


Key = tuple[str, str, str]


@ranked(Rank.SUBMIT)
def submits(transaction: Transaction, new_jobs: list[NewJob]) -> list[Submitted | Exception]:
    """One after the other, each against what the earlier ones hold."""
    new_jobs = _with_default_visibility(transaction, new_jobs)
    known = _known_keys(transaction, new_jobs)
    purses = Purses(transaction, new_jobs)
    first = transaction.next_seq(len(new_jobs))
    accepted: list[tuple[int, NewJob]] = []
    answers: list[str | Exception] = []
    for number, new in enumerate(new_jobs):
        key = _key(new)
        if key is not None and key in known:
            answers.append(_same_body(new, *known[key]))
            continue
        problem = purses.refusal(new)
        if problem is not None:
            answers.append(problem)
            continue
        purses.hold(new)
        if key is not None:
            known[key] = (new.body_hash, new.id)
        accepted.append((first + number, new))
        answers.append(new.id)
    _insert(transaction, accepted)
    return _submitted(transaction, answers, accepted)


def _with_default_visibility(transaction: Transaction, new_jobs: list[NewJob]) -> list[NewJob]:
    """Those that name no visibility with what their team has chosen."""
    teams = sorted({new.team for new in new_jobs if new.visibility is None})
    if not teams:
        return new_jobs
    defaults = default_visibilities(transaction, teams)
    return [new if new.visibility else replace(new, visibility=defaults[new.team]) for new in new_jobs]


def default_visibilities(transaction: Transaction, teams: list[str]) -> dict[str, Visibility]:
    """What these teams have chosen for what names none."""
    found = transaction.run("default_visibilities", teams=teams)
    return dict.fromkeys(teams, Visibility.PRIVATE) | {
        row["id"]: Visibility(row["default_visibility"]) for row in found
    }


def _visibility(new: NewJob) -> Visibility:
    assert new.visibility is not None, "filled in when the group began"
    return new.visibility


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


def earlier(store: Store, key: Key, body_hash: str) -> Job | None:
    """The job that this idempotency key made. Raises Conflict as a submit would."""
    word, person, team = key
    found = store.read("known_keys", keys=[word], persons=[person], teams=[team], since=utcnow() - KEY_LIFE)
    if not found:
        return None
    if found[0]["body_hash"] != body_hash:
        raise Conflict(OTHER_BODY, field="Idempotency-Key")
    known = store.read("jobs_by_id", jobs=[found[0]["job"]])
    if not known:
        raise Conflict(DELETED)
    return rows.job(known[0])


def _key(new: NewJob) -> Key | None:
    return (new.idempotency_key, new.submitter, new.team) if new.idempotency_key else None


def _same_body(new: NewJob, body_hash: str, job: str) -> str | Conflict:
    if new.body_hash == body_hash:
        return job
    return Conflict(OTHER_BODY, field="Idempotency-Key")


def _insert(transaction: Transaction, accepted: list[tuple[int, NewJob]]) -> None:
    """New jobs with the numbers that they get: rows, history, and what they hold."""
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
        visibilities=[_visibility(new).value for new in new_jobs],
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
    history(transaction, [(seq, None, Status.PENDING, 1, "submitted") for seq, new in accepted])
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
    note_origins(transaction, accepted)
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


def note_origins(transaction: Transaction, accepted: list[tuple[int, NewJob]]) -> None:
    """What new jobs were made from, and which files of the library they were given."""
    relatives = [(seq, ancestor, kind) for seq, new in accepted for ancestor, kind in new.made_from]
    if relatives:
        transaction.run(
            "insert_lineage",
            seqs=[seq for seq, _, _ in relatives],
            ancestors=[ancestor for _, ancestor, _ in relatives],
            kinds=[kind for _, _, kind in relatives],
        )
    uses = [(seq, file) for seq, new in accepted for file in new.uses]
    if uses:
        transaction.run("add_file_uses", seqs=[seq for seq, _ in uses], files=[file for _, file in uses])


def _submitted(
    transaction: Transaction, answers: list[str | Exception], accepted: list[tuple[int, NewJob]]
) -> list[Submitted | Exception]:
    """The records of what was written; the first answer for a new job is its creation."""
    called = names(transaction, [new.submitter for _, new in accepted])
    created = {
        new.id: _job(seq, new, called.get(new.submitter, ""), transaction.now) for seq, new in accepted
    }
    for job in created.values():
        tell(transaction, job)
    earlier = [answer for answer in answers if isinstance(answer, str) and answer not in created]
    found = created | by_id(transaction, earlier)
    results: list[Submitted | Exception] = []
    for answer in answers:
        if isinstance(answer, Exception):
            results.append(answer)
        elif answer not in found:
            results.append(Conflict(DELETED))
        else:
            results.append(Submitted(found[answer], created=created.pop(answer, None) is not None))
    return results


def _job(seq: int, new: NewJob, submitter_name: str, now: datetime) -> Job:
    return Job(
        seq=seq,
        id=new.id,
        team=new.team,
        submitter=new.submitter,
        submitter_name=submitter_name,
        tool=new.tool,
        name=new.name,
        status=Status.PENDING,
        visibility=_visibility(new),
        credits=new.credits,
        attempt=1,
        retries=0,
        run_id=None,
        worker=None,
        progress=None,
        step=None,
        note=None,
        cancel_requested=False,
        error=None,
        cpus_min=new.cpus_min,
        cpus_max=new.cpus_max,
        memory_mb=new.memory_mb,
        gpus=new.gpus,
        timeout_s=new.timeout_s,
        created_at=now,
        started_at=None,
        ended_at=None,
        batch=None,
        well=None,
    )
