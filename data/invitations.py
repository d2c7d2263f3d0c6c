"""Invitations to a team, and taking any invitation up: by its link, or by an address that was proven.

Invitations to a job are made and withdrawn where it is shared. Taking up is a conditional update, so that one link
lets one person in, whoever else holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data import notices, rows
from data.errors import Conflict, Forbidden, NotFound, WrongState
from data.notices import NewNotice
from data.people import Account, account_of, each, insert_person, insert_team, note, refuse_taken
from data.records import Invitation, Role, new_id
from data.teams import add_guest_team, role_words

if TYPE_CHECKING:
    from data.store import Store, Transaction

NOT_VALID = "This invitation was withdrawn or taken up already. Ask for a new one."
MAX_PENDING = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class NewInvitation:
    email: str
    team: str
    role: Role
    by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Invited:
    """An invitation, as its form shows it."""

    invitation: Invitation
    #: The team's or job's name.
    what: str
    #: The name of who sent it.
    by: str
    #: Of the job, where it is to one.
    submitter: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Taking:
    invitation: str
    person: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Joining:
    """A new person, who comes by an invitation to their address."""

    invitation: str
    person: str
    name: str
    password_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    invitation: str
    by: str


# Reads ------------------------------------------------------------------------------------------------------


def get(store: Store, invitation: str) -> Invited | None:
    """An invitation that was not withdrawn."""
    found = store.read("invitation_by_id", id=invitation)
    return _invited(found[0]) if found else None


def of_team(store: Store, team: str) -> list[Invitation]:
    """Those not withdrawn: pending ones first, then the newest."""
    return [rows.invitation(row) for row in store.read("invitations_of_team", team=team)]


def any_pending(store: Store, email: str) -> bool:
    """Whether an address was invited to something that nobody has taken up."""
    return bool(store.read("pending_for_address", email=email))


def _invited(row: dict[str, Any]) -> Invited:
    what = row["team_name"] or row["subject_name"] or ""
    return Invited(
        invitation=rows.invitation(row), what=what, by=row["inviter"] or "", submitter=row["submitter"]
    )


# Verbs ------------------------------------------------------------------------------------------------------


@each
def invite(tx: Transaction, new: NewInvitation) -> Invitation:
    """Invite an address to a team, in place of an earlier pending one. Whose proven address it is joins."""
    if any(row["email"] == new.email for row in tx.run("members", team=new.team)):
        raise Conflict("Somebody with this address is in the team already.", field="email")
    pending = [row for row in tx.run("invitations_of_team", team=new.team) if row["person"] is None]
    if len(pending) >= MAX_PENDING:
        raise WrongState(f"{MAX_PENDING} invitations to this team are pending. Withdraw some first.")
    same = next((row for row in pending if row["email"] == new.email and row["role"] == new.role), None)
    if same is not None:
        return rows.invitation(same)
    tx.run("withdraw_older_invitations", team=new.team, email=new.email, now=tx.now)
    invitation = new_id()
    tx.run(
        "add_invitation",
        id=invitation,
        email=new.email,
        team=new.team,
        role=new.role.value,
        invited_by=new.by,
        now=tx.now,
    )
    note(tx, new.by, "invited", f"{new.email} to {_found(tx, invitation).what} as {new.role}")
    for owner in tx.run("active_person_with_proven_address", email=new.email):
        _take(tx, _found(tx, invitation), account_of(owner))
        _tell_invited(tx, _found(tx, invitation), owner["id"])
    return _found(tx, invitation).invitation


@each
def withdraw(tx: Transaction, wanted: Withdrawal) -> None:
    ended = tx.run("withdraw_invitation", id=wanted.invitation, now=tx.now)
    if not ended:
        raise WrongState("This invitation was taken up or withdrawn already.")
    note(tx, wanted.by, "invitation withdrawn", ended[0]["email"])


@each
def take_up(tx: Transaction, taking: Taking) -> Invitation:
    """The invitation is this person's. Taking one's own up again changes nothing."""
    invited = _found(tx, taking.invitation)
    if invited.invitation.person == taking.person:
        return invited.invitation
    _need_pending(invited)
    _take(tx, invited, _account(tx, taking.person))
    return _found(tx, taking.invitation).invitation


@each
def take_up_by_address(tx: Transaction, person: str) -> list[Invitation]:
    """What this person's proven address was invited to is theirs."""
    account = _account(tx, person)
    if not account.verified or not account.active:
        return []
    pending = [_invited(row) for row in tx.run("pending_for_address", email=account.email)]
    for invited in pending:
        _take(tx, invited, account)
        _tell_invited(tx, invited, account.id)
    return [invited.invitation for invited in pending]


@each
def join(tx: Transaction, joining: Joining) -> Account:
    """A new person with the invited address. Whoever is invited to a job only gets a team to look on from."""
    invited = _found(tx, joining.invitation)
    _need_pending(invited)
    invitation = invited.invitation
    if tx.run("person_with_email", email=invitation.email, other_than=None):
        raise Conflict(
            "There is an account with this address. Sign in, then open the link again.", field="email"
        )
    insert_person(tx, joining.person, invitation.email, joining.name, joining.password_hash)
    note(tx, joining.person, "person added", joining.person)
    if invitation.team is None:
        add_guest_team(tx, joining.person, joining.name)
    account = _account(tx, joining.person)
    _take(tx, invited, account)
    return account


# How it is done ---------------------------------------------------------------------------------------------


def add_person(
    tx: Transaction, person: str, email: str, name: str, *, verified: bool, own_team: tuple[str, str] | None
) -> Account:
    """A new person without a password; a proven address brings what it was invited to.

    `own_team` (id, name) is what they own besides; None where only invitations let them in.
    """
    refuse_taken(tx, email, person=None)
    pending = [_invited(row) for row in tx.run("pending_for_address", email=email)] if verified else []
    if own_team is None and not pending:
        raise Forbidden("There is no invitation for this address any more. Ask for a new one.")
    insert_person(tx, person, email, name, None, verified=verified)
    note(tx, person, "person added", person)
    if own_team is not None:
        insert_team(tx, *own_team)
        tx.run("add_membership", team=own_team[0], person=person, role=Role.OWNER.value, now=tx.now)
    elif all(invited.invitation.team is None for invited in pending):
        add_guest_team(tx, person, name)
    account = _account(tx, person)
    for invited in pending:
        _take(tx, invited, account)
    return account


def _found(tx: Transaction, invitation: str) -> Invited:
    found = tx.run("invitation_by_id", id=invitation)
    if not found:
        raise NotFound(NOT_VALID)
    return _invited(found[0])


def _need_pending(invited: Invited) -> None:
    if invited.invitation.person is not None:
        raise NotFound(NOT_VALID)


def _account(tx: Transaction, person: str) -> Account:
    found = tx.run("person_by_id", id=person)
    if not found:
        raise NotFound("There is no such person.")
    return account_of(found[0])


def _take(tx: Transaction, invited: Invited, account: Account) -> None:
    invitation = invited.invitation
    tx.run("take_up_invitation", id=invitation.id, person=account.id, now=tx.now)
    if invitation.team is not None and invitation.role is not None:
        _enter(tx, invitation.team, account.id, invitation.role)
        note(tx, account.id, "joined", f"{account.email} in {invited.what} as {invitation.role}")
    else:
        note(tx, account.id, "invitation taken up", str(invitation.job or invitation.batch))
    text = f"{account.name} took up your invitation to “{invited.what}”."
    told = NewNotice(person=invitation.invited_by, kind="invitation_accepted", text=text, job=invitation.job)
    notices.insert(tx, [told])


def _enter(tx: Transaction, team: str, person: str, role: Role) -> None:
    """Whoever is in the team already keeps their role."""
    if not any(row["team"] == team for row in tx.run("teams_of_person", person=person)):
        tx.run("add_membership", team=team, person=person, role=role.value, now=tx.now)


def _tell_invited(tx: Transaction, invited: Invited, person: str) -> None:
    invitation = invited.invitation
    if invitation.role is not None:
        text = f"{invited.by} made you {role_words(invitation.role)} of {invited.what}."
        told = NewNotice(person=person, kind="joined", text=text)
    else:
        text = f"{invited.by} shared “{invited.what}” with you."
        told = NewNotice(person=person, kind="shared", text=text, job=invitation.job)
    notices.insert(tx, [told])
