"""Who else may see a job: its visibility, and the invitations by e-mail address."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from data import notices, rows
from data.notices import NewNotice
from data.records import Invitation, Job, Visibility, new_id, valid_id
from data.store import Rank, Store, Transaction, ranked
from data.transitions import by_id, named, tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    job: str
    by: str
    by_name: str
    #: None leaves it as it is.
    visibility: Visibility | None
    #: All who are to be invited; who is not among them is invited no more. None leaves them as they are.
    emails: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    job: Job
    #: Those that stand.
    invitations: list[Invitation]
    #: Those of them that are new.
    new: list[Invitation]
    #: The people whose invitation was withdrawn.
    left: frozenset[str]


def share(store: Store, share: Share) -> Future[Shared | None]:
    """What stands afterwards; None when there is no such job, or it is somebody else's by now."""
    return store.write(shares, share)


def announce(store: Store, job_id: str) -> Future[None]:
    """Listeners look again at who may see the job."""
    return store.write(announcements, job_id)


def invitations(store: Store, job_id: str) -> list[Invitation]:
    """Those to a job that stand, in the order in which people were invited."""
    known = valid_id(job_id)
    return [rows.invitation(row) for row in store.read("invitations_to_jobs", jobs=[known])] if known else []


@ranked(Rank.OTHER)
def shares(transaction: Transaction, arguments: list[Share]) -> list[Shared | None]:
    """One after the other: the last of two who share a job at the same moment decides."""
    return [_share(transaction, argument) for argument in arguments]


@ranked(Rank.OTHER)
def announcements(transaction: Transaction, ids: list[str]) -> list[None]:
    for job in by_id(transaction, ids).values():
        tell(transaction, job)
    return [None] * len(ids)


def _share(transaction: Transaction, share: Share) -> Shared | None:
    job = by_id(transaction, [share.job]).get(share.job)
    if job is None or job.submitter != share.by:
        return None
    after = _show(transaction, job, share)
    before = _standing(transaction, job)
    if share.emails is not None:
        _invite(transaction, job, share, before, share.emails)
    standing = _standing(transaction, job)
    # Also when only an invitation was withdrawn: pages that are open learn that they may not be any more.
    tell(transaction, after)
    known, kept = {one.id for one in before}, {one.id for one in standing}
    return Shared(
        job=after,
        invitations=standing,
        new=[one for one in standing if one.id not in known],
        left=frozenset(one.person for one in before if one.person and one.id not in kept),
    )


def _show(transaction: Transaction, job: Job, share: Share) -> Job:
    if share.visibility is None or share.visibility is job.visibility:
        return job
    changed = transaction.run("set_visibilities", seqs=[job.seq], visibilities=[share.visibility.value])
    _note(transaction, share, f"shown to {share.visibility.value}")
    return named(transaction, changed)[0]


def _invite(
    transaction: Transaction, job: Job, share: Share, before: list[Invitation], emails: tuple[str, ...]
) -> None:
    gone = [one for one in before if one.email not in emails]
    if gone:
        transaction.run("withdraw_invitations", ids=[one.id for one in gone], now=transaction.now)
        _note(transaction, share, "invitation withdrawn")
    known = {one.email for one in before}
    added = [email for email in emails if email not in known]
    if added:
        _add(transaction, job, share, added)


def _add(transaction: Transaction, job: Job, share: Share, emails: list[str]) -> None:
    made = transaction.run(
        "invite_to_jobs",
        ids=[new_id() for _ in emails],
        emails=emails,
        jobs=[job.id] * len(emails),
        inviters=[share.by] * len(emails),
        now=transaction.now,
    )
    _note(transaction, share, "invited")
    told = f"{share.by_name} shared “{job.name}” with you."
    known = [row["person"] for row in made if row["person"]]
    notices.insert(
        transaction, [NewNotice(person=person, kind="shared", text=told, job=job.id) for person in known]
    )


def _standing(transaction: Transaction, job: Job) -> list[Invitation]:
    return [rows.invitation(row) for row in transaction.run("invitations_to_jobs", jobs=[job.id])]


def _note(transaction: Transaction, share: Share, action: str) -> None:
    transaction.run("add_audit", now=transaction.now, person=share.by, action=action, subject=share.job)
