"""Who else may see a job, or a batch with its children: the visibility, and the invitations by e-mail address."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace

from data import notices, rows
from data.notices import NewNotice
from data.records import Batch, Invitation, Job, Visibility, new_id, valid_id
from data.store import Rank, Store, Transaction, ranked
from data.transitions import batches_by_id, by_id, children_of, tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    #: Id of a job or of a batch.
    subject: str
    by: str
    by_name: str
    #: None leaves it as it is.
    visibility: Visibility | None
    #: All who are to be invited; who is not among them is invited no more. None leaves them as they are.
    emails: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    subject: Job | Batch
    #: Those that stand.
    invitations: list[Invitation]
    #: Those of them that are new.
    new: list[Invitation]
    #: The people whose invitation was withdrawn.
    left: frozenset[str]


def share(store: Store, share: Share) -> Future[Shared | None]:
    """What stands afterwards; None when there is no such job or batch, or it is somebody else's by now."""
    return store.write(shares, share)


def announce(store: Store, subject: str) -> Future[None]:
    """Listeners look again at who may see the job or batch."""
    return store.write(announcements, subject)


def invitations(store: Store, subject: str) -> list[Invitation]:
    """Those to a job or batch that stand, in the order in which people were invited."""
    known = valid_id(subject)
    return [rows.invitation(row) for row in store.read("invitations_to", subjects=[known])] if known else []


@ranked(Rank.OTHER)
def shares(transaction: Transaction, arguments: list[Share]) -> list[Shared | None]:
    """One after the other: the last of two who share a job at the same moment decides."""
    return [_share(transaction, argument) for argument in arguments]


@ranked(Rank.OTHER)
def announcements(transaction: Transaction, ids: list[str]) -> list[None]:
    for subject in ids:
        if (found := _subject(transaction, subject)) is not None:
            _tell(transaction, found)
    return [None] * len(ids)


def _share(transaction: Transaction, share: Share) -> Shared | None:
    subject = _subject(transaction, share.subject)
    if subject is None or subject.submitter != share.by:
        return None
    after = _show(transaction, subject, share)
    before = _standing(transaction, subject)
    if share.emails is not None:
        _invite(transaction, subject, share, before, share.emails)
    standing = _standing(transaction, subject)
    # Also when only an invitation was withdrawn: pages that are open learn that they may not be any more.
    _tell(transaction, after)
    known, kept = {one.id for one in before}, {one.id for one in standing}
    return Shared(
        subject=after,
        invitations=standing,
        new=[one for one in standing if one.id not in known],
        left=frozenset(one.person for one in before if one.person and one.id not in kept),
    )


def _subject(transaction: Transaction, subject: str) -> Job | Batch | None:
    job = by_id(transaction, [subject]).get(subject)
    return job or next(iter(batches_by_id(transaction, [subject])), None)


def _tell(transaction: Transaction, subject: Job | Batch) -> None:
    """Of a batch all its children: each may be open on a page of its own."""
    jobs = [subject] if isinstance(subject, Job) else children_of(transaction, subject)
    for job in jobs:
        tell(transaction, job)


def _show(transaction: Transaction, subject: Job | Batch, share: Share) -> Job | Batch:
    wanted = share.visibility
    if wanted is None or wanted is subject.visibility:
        return subject
    if isinstance(subject, Job):
        transaction.run("set_visibilities", seqs=[subject.seq], visibilities=[wanted.value])
    else:
        transaction.run("show_batch", batch=subject.id, visibility=wanted.value)
        transaction.run("show_children", batch=subject.id, visibility=wanted.value)
    _note(transaction, share, f"shown to {wanted.value}")
    return replace(subject, visibility=wanted)


def _invite(
    transaction: Transaction,
    subject: Job | Batch,
    share: Share,
    before: list[Invitation],
    emails: tuple[str, ...],
) -> None:
    gone = [one for one in before if one.email not in emails]
    if gone:
        transaction.run("withdraw_invitations", ids=[one.id for one in gone], now=transaction.now)
        _note(transaction, share, "invitation withdrawn")
    known = {one.email for one in before}
    added = [email for email in emails if email not in known]
    if added:
        _add(transaction, subject, share, added)


def _add(transaction: Transaction, subject: Job | Batch, share: Share, emails: list[str]) -> None:
    job = subject.id if isinstance(subject, Job) else None
    batch = subject.id if isinstance(subject, Batch) else None
    made = transaction.run(
        "invite",
        ids=[new_id() for _ in emails],
        emails=emails,
        jobs=[job] * len(emails),
        batches=[batch] * len(emails),
        inviters=[share.by] * len(emails),
        now=transaction.now,
    )
    _note(transaction, share, "invited")
    what = "the batch " if batch else ""
    told = f"{share.by_name} shared {what}“{subject.name}” with you."
    known = [row["person"] for row in made if row["person"]]
    new = [NewNotice(person=person, kind="shared", text=told, job=job, batch=batch) for person in known]
    notices.insert(transaction, new)


def _standing(transaction: Transaction, subject: Job | Batch) -> list[Invitation]:
    return [rows.invitation(row) for row in transaction.run("invitations_to", subjects=[subject.id])]


def _note(transaction: Transaction, share: Share, action: str) -> None:
    transaction.run("add_audit", now=transaction.now, person=share.by, action=action, subject=share.subject)
