"""Batches: many jobs that are submitted, cancelled, retried, shared and deleted as one, each in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from data import actions, marks, new_children, notices, plates, rows, submits
from data.database import Condition
from data.errors import Conflict, NotFound, WellplateError
from data.ledger import post
from data.purses import Purses
from data.records import (
    Batch,
    BatchFilter,
    Job,
    NewBatch,
    NewJob,
    Person,
    Status,
    Visibility,
    Well,
    utcnow,
    valid_id,
)
from data.store import Rank, Store, Transaction, ranked
from data.transitions import batches_by_id, children_of, give_back, history, named, tell

#: What is asked for again by a retry.
RETRIED = frozenset({Status.FAILED, Status.TIMEOUT, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Submitted:
    batch: Batch
    #: False when an earlier submit with the same idempotency key made it.
    created: bool


@dataclass(frozen=True, slots=True)
class Retry:
    batch: str
    #: New children, each with the well that it is to have, and the seq of the job that is in it.
    children: list[NewJob]
    replaced: list[int]
    #: Credits that the caller has seen; None: whatever it costs.
    expected_credits: int | None = None


@dataclass(frozen=True, slots=True)
class Retried:
    batch: Batch
    #: Ids of the new children that were taken; of others the old job was retried or deleted meanwhile.
    taken: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rename:
    batch: str
    name: str


@dataclass(frozen=True, slots=True)
class Marking:
    batch: str
    #: Whose star it is.
    person: str
    #: None leaves it as it is.
    starred: bool | None
    #: All that it is to have afterwards; None leaves them.
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    #: Those that have ended and may have been handed out, and those that run and are asked to stop.
    handed_out: list[Job]
    asked: list[Job]


# Writes ---------------------------------------------------------------------------------------------------


def submit(store: Store, new: NewBatch) -> Future[Submitted]:
    """Raises NotEnoughCredits for all of it, or Conflict for an idempotency key that was used with another body."""
    return store.write(batch_submits, new)


def retry(store: Store, retry: Retry) -> Future[Retried]:
    """Raises NotFound, or NotEnoughCredits for all of it."""
    return store.write(retries, retry)


def cancel(store: Store, batch: str) -> Future[Cancelled]:
    """Every child that is alive: those that wait end at once, those that run are marked."""
    return store.write(cancels, valid_id(batch) or "")


def rename(store: Store, batch: str, name: str) -> Future[Batch | None]:
    """None: there is no such batch."""
    return store.write(renames, Rename(valid_id(batch) or "", name))


def mark(store: Store, marking: Marking) -> Future[None]:
    """Nothing happens when there is no such batch."""
    return store.write(markings, marking)


def delete(store: Store, batch: str) -> Future[list[Job] | None]:
    """Its children as they were, all of them gone; None when one is alive, or there is no such batch."""
    return store.write(deletes, valid_id(batch) or "")


# Reads ----------------------------------------------------------------------------------------------------


def earlier(store: Store, key: str, person: str, team: str, body_hash: str) -> Batch | None:
    """The batch that this idempotency key made. Raises Conflict as a submit would."""
    found = store.read(
        "known_keys", keys=[key], persons=[person], teams=[team], since=utcnow() - submits.KEY_LIFE
    )
    if not found:
        return None
    if found[0]["body_hash"] != body_hash:
        raise Conflict(submits.OTHER_BODY, field="Idempotency-Key")
    batch = get(store, found[0]["job"])
    if batch is None:
        raise Conflict(submits.DELETED)
    return batch


def get(store: Store, batch: str, person: str | None = None) -> Batch | None:
    """With counts, money, and the marks of the person who looks."""
    known = valid_id(batch)
    found = [rows.batch(row) for row in store.read("batches_by_id", batches=[known])] if known else []
    return next(iter(_told(store, found, person)), None)


def row(store: Store, batch: str) -> Batch | None:
    """Without counts, money and marks."""
    known = valid_id(batch)
    found = store.read("batches_by_id", batches=[known]) if known else []
    return rows.batch(found[0]) if found else None


def page(store: Store, filter: BatchFilter, limit: int, before: int | None, *, viewer: Person) -> list[Batch]:
    """Newest first, those with a smaller number than `before`."""
    asked = _conditions(filter, viewer)
    if asked is None:
        return []
    if before is not None:
        asked.append(("batches_before", {"seq": before}))
    found = [rows.batch(row) for row in store.read_where("page_batches", asked, limit=limit)]
    return _told(store, found, viewer.id)


def wells(store: Store, batch: Batch) -> list[Well]:
    return [rows.well(row) for row in store.tuples("wells", batch=batch.id, first=batch.seq)]


def children(store: Store, batch: Batch) -> list[Job]:
    """All jobs that it ever had, the oldest first."""
    return [rows.job(row) for row in store.read("children", batches=[batch.id], first=batch.seq)]


def inputs(store: Store, jobs: list[Job]) -> list[dict[str, Any]]:
    """What each was given, in the API's form."""
    found = store.read("inputs_of", seqs=[job.seq for job in jobs])
    known = {row["seq"]: json.loads(row["inputs"]) for row in found}
    return [known[job.seq] for job in jobs]


def requests(store: Store, jobs: list[Job]) -> dict[str, dict[str, Any]]:
    """The `job.json` of children that have no input files, and so no folder before they run, by job."""
    found = store.read("requests", seqs=[job.seq for job in jobs])
    return {
        row["id"]: json.loads(row["request"])
        | {
            "id": row["id"],
            "name": row["name"],
            "credits": row["credits"],
            "inputs": json.loads(row["inputs"]),
            "files": {},
        }
        for row in found
    }


def asked(store: Store, batch: Batch) -> dict[str, Any] | None:
    """What the form for many was given, in the API's form; None: it was submitted job by job."""
    found = store.read("batches_by_id", batches=[batch.id])
    return json.loads(found[0]["inputs"]) if found and found[0]["inputs"] else None


def _told(store: Store, found: Sequence[Batch], person: str | None) -> list[Batch]:
    if not found:
        return []
    asked = {"batches": [batch.id for batch in found], "first": min(batch.seq for batch in found)}
    counts: dict[str, dict[Status, int]] = {batch.id: {} for batch in found}
    for row in store.read("count_wells", **asked):
        counts[row["batch"]][Status(row["status"])] = row["jobs"]
    money = {row["batch"]: row for row in store.read("money_of_batches", **asked)}
    return [
        replace(
            batch,
            counts=counts[batch.id],
            credits=money.get(batch.id, {}).get("credits", 0),
            refunded=money.get(batch.id, {}).get("refunded", 0),
            tags=mark.tags,
            starred=mark.starred,
        )
        for batch, mark in zip(found, marks.of(store, [batch.seq for batch in found], person), strict=True)
    ]


def _conditions(filter: BatchFilter, viewer: Person) -> list[Condition] | None:
    """None when nothing can match."""
    if filter.shared and not viewer.invited:
        return None
    invited = {
        "person": viewer.id,
        "invited": sorted(viewer.invited),
        "teams": sorted({viewer.team, *viewer.roles}),
    }
    scope: Condition = (
        ("batches_shared_with", invited) if filter.shared else ("batches_in_team", {"team": viewer.team})
    )
    found = [scope]
    if filter.tool:
        found.append(("batches_of_tools", {"tools": list(filter.tool)}))
    found += [("batches_say", {"word": word}) for word in (filter.q or "").split()[:12]]
    if filter.starred:
        found.append(("batches_starred_by", {"person": viewer.id}))
    if filter.live:
        found.append(("batches_alive", {}))
    return found


# Verbs ----------------------------------------------------------------------------------------------------


@ranked(Rank.SUBMIT)
def batch_submits(transaction: Transaction, arguments: list[NewBatch]) -> list[Submitted | WellplateError]:
    """One after the other, each against what the earlier ones hold."""
    return [_submit(transaction, new) for new in arguments]


def _submit(transaction: Transaction, new: NewBatch) -> Submitted | WellplateError:
    if (known := _made_earlier(transaction, new)) is not None:
        return known
    if refusal := _refusal(transaction, new.children):
        return refusal
    visibility = new.visibility or submits.default_visibilities(transaction, [new.team])[new.team]
    transaction.run(
        "insert_batches",
        seqs=[transaction.next_seq()],
        ids=[new.id],
        teams=[new.team],
        submitters=[new.submitter],
        tools=[new.tool],
        names=[new.name],
        visibilities=[visibility.value],
        settings=[rows.dump(new.settings)],
        inputs=[None if new.inputs is None else rows.dump(new.inputs)],
        wells=[len(new.children)],
        requests=[rows.dump(new.request)],
        left_outs=[rows.dump(new.left_out)],
        concurrencies=[new.concurrency],
        now=transaction.now,
    )
    if new.idempotency_key:
        transaction.run(
            "insert_keys",
            keys=[new.idempotency_key],
            persons=[new.submitter],
            teams=[new.team],
            hashes=[new.body_hash],
            jobs=[new.id],
            now=transaction.now,
        )
    _insert(transaction, new.children, visibility)
    return Submitted(batches_by_id(transaction, [new.id])[0], created=True)


def _made_earlier(transaction: Transaction, new: NewBatch) -> Submitted | WellplateError | None:
    if not new.idempotency_key:
        return None
    since = transaction.now - submits.KEY_LIFE
    found = transaction.run(
        "known_keys", keys=[new.idempotency_key], persons=[new.submitter], teams=[new.team], since=since
    )
    if not found:
        return None
    if found[0]["body_hash"] != new.body_hash:
        return Conflict(submits.OTHER_BODY, field="Idempotency-Key")
    before = batches_by_id(transaction, [found[0]["job"]])
    return Submitted(before[0], created=False) if before else Conflict(submits.DELETED)


def _refusal(transaction: Transaction, children: list[NewJob]) -> WellplateError | None:
    """Why they cannot be paid together."""
    if not children:
        return None
    whole = replace(children[0], credits=sum(child.credits for child in children))
    return Purses(transaction, [whole]).refusal(whole, subject="batch")


def _insert(transaction: Transaction, new: list[NewJob], visibility: Visibility) -> None:
    """Queued, with their holds; as many as the team may have wait for a slot at once."""
    new_children.insert(transaction, new, visibility)
    plates.opened(transaction, [new[0].team])


@ranked(Rank.SUBMIT)
def retries(transaction: Transaction, arguments: list[Retry]) -> list[Retried | WellplateError]:
    return [_retry(transaction, argument) for argument in arguments]


def _retry(transaction: Transaction, retry: Retry) -> Retried | WellplateError:
    found = batches_by_id(transaction, [retry.batch])
    if not found:
        return NotFound("This batch was deleted.")
    (batch,) = found
    kept = {
        job.seq: job
        for job in children_of(transaction, batch)
        if job.well is not None and job.status in RETRIED
    }
    pairs = [pair for pair in zip(retry.children, retry.replaced, strict=True) if pair[1] in kept]
    taken = [child for child, _ in pairs]
    credits = sum(child.credits for child in taken)
    if retry.expected_credits not in (None, credits):
        return Conflict(f"Retrying costs {credits} credits now, not {retry.expected_credits}; look again.")
    if refusal := _refusal(transaction, taken):
        return refusal
    if taken:
        left = transaction.run("leave_wells", seqs=[seq for _, seq in pairs])
        transaction.run("reopen_batches", batches=[batch.id])
        _insert(transaction, taken, batch.visibility)
        for job in map(rows.job, left):
            tell(transaction, job)
    return Retried(batches_by_id(transaction, [batch.id])[0], frozenset(child.id for child in taken))


@ranked(Rank.CANCEL)
def cancels(transaction: Transaction, batches: list[str]) -> list[Cancelled]:
    ids = [batch for batch in dict.fromkeys(batches) if batch]
    alive = transaction.run("children_alive", batches=ids)
    before = {row["seq"]: Status(row["status"]) for row in alive}
    ended = named(transaction, transaction.run("cancel_waiting", seqs=list(before), now=transaction.now))
    asked = named(transaction, transaction.run("request_cancel", seqs=list(before)))
    history(
        transaction, [(job.seq, before[job.seq], job.status, job.attempt, "batch cancelled") for job in ended]
    )
    post(transaction, [posting for job in ended for posting in give_back(job)])
    plates.moved(transaction, ended)
    for job in ended + asked:
        tell(transaction, job)
    done = {
        batch: Cancelled(
            [job for job in ended if job.batch == batch], [job for job in asked if job.batch == batch]
        )
        for batch in ids
    }
    # A second caller for the same batch comes too late.
    return [done.pop(batch, Cancelled([], [])) for batch in batches]


@ranked(Rank.RENAME)
def renames(transaction: Transaction, arguments: list[Rename]) -> list[Batch | None]:
    return [_rename(transaction, argument) for argument in arguments]


def _rename(transaction: Transaction, rename: Rename) -> Batch | None:
    found = batches_by_id(transaction, [rename.batch])
    if not found:
        return None
    batch = replace(found[0], name=rename.name)
    transaction.run("rename_batches", seqs=[batch.seq], names=[rename.name])
    tell_one(transaction, batch)
    return batch


@ranked(Rank.RENAME)
def markings(transaction: Transaction, arguments: list[Marking]) -> list[None]:
    for marking in arguments:
        for batch in batches_by_id(transaction, [marking.batch]):
            _mark(transaction, batch, marking)
    return [None] * len(arguments)


def _mark(transaction: Transaction, batch: Batch, marking: Marking) -> None:
    if marking.starred is not None:
        query = "add_stars" if marking.starred else "remove_stars"
        transaction.run(query, persons=[marking.person], seqs=[batch.seq])
    if marking.tags is not None:
        transaction.run("remove_tags", seqs=[batch.seq])
        if marking.tags:
            tags = list(marking.tags)
            transaction.run("add_tags", seqs=[batch.seq] * len(tags), tags=tags)
    tell_one(transaction, batch)


@ranked(Rank.DELETE)
def deletes(transaction: Transaction, batches: list[str]) -> list[list[Job] | None]:
    """With all that is theirs but the ledger."""
    return [_delete(transaction, batch) for batch in batches]


def _delete(transaction: Transaction, batch: str) -> list[Job] | None:
    found = batches_by_id(transaction, [batch])
    if not found or not transaction.run("delete_batches", batches=[batch]):
        return None
    (known,) = found
    children = children_of(transaction, known)
    actions.remove(transaction, children)
    for query in ("remove_tags", "delete_stars"):
        transaction.run(query, seqs=[known.seq])
    transaction.run("delete_shares_of_batches", batches=[batch])
    notices.forget(transaction, jobs=[], batches=[batch])
    return children


def tell_one(transaction: Transaction, batch: Batch) -> None:
    """Who shows the batch hears that something of it changed: told by one of its children."""
    for row in transaction.run("first_child", batch=batch.id, first=batch.seq):
        tell(transaction, rows.job(row))
