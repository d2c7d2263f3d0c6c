"""People, teams, sessions and tokens: the verbs that write them, and what is read at the start.

Every verb runs inside the writer's transaction. It checks first and writes afterwards, so that a refused one
has written nothing. Secrets come in as hashes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from data import ledger
from data.errors import BadInput, Conflict, NotFound, WellplateError, WrongState
from data.records import Role, Visibility

if TYPE_CHECKING:
    from data.store import Store, Transaction

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A person as the store keeps one, with the password's hash."""

    id: str
    email: str
    name: str
    password_hash: str | None
    site_admin: bool
    verified: bool
    active: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    person: str
    team: str
    team_name: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    hash: str
    person: str
    #: The team in which the person acts.
    team: str
    created_at: datetime
    expires_at: datetime
    agent: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiToken:
    id: str
    hash: str
    person: str
    team: str
    name: str
    scopes: frozenset[str]
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMember:
    """A person, and the team that they join."""

    person: str
    email: str
    name: str
    password_hash: str | None
    team: str
    role: Role
    site_admin: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTeam:
    """A team with its first member."""

    name: str
    member: NewMember
    #: Only when the site has nobody yet: the first start happens once.
    only_first: bool
    #: Credits of the first grant; 0 for none.
    grant: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NewLink:
    hash: str
    person: str
    expires_at: datetime
    #: Who made it; None: the site itself.
    by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkUse:
    """A one-time link, and what the person wants to set on the way in. None leaves a value as it is."""

    hash: str
    email: str | None
    name: str | None
    password_hash: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordChange:
    person: str
    #: Hash of the password that was checked, None for none: another one by now refuses the change.
    before: str | None
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """Hashes of the sessions and tokens that a change ended."""

    sessions: frozenset[str]
    tokens: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    """What is shown of the audit log."""

    happened_at: datetime
    #: Who did it; empty for the site itself, or nobody known.
    person_name: str
    action: str
    subject: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    person: str | None
    action: str
    subject: str


def each(verb: Callable[[Transaction, A], R]) -> Callable[[Transaction, list[A]], list[R | WellplateError]]:
    """A verb for the writer from a verb for one: a refusal goes to its own caller only."""

    @wraps(verb)
    def run(tx: Transaction, arguments: list[A]) -> list[R | WellplateError]:
        results: list[R | WellplateError] = []
        for argument in arguments:
            try:
                results.append(verb(tx, argument))
            except WellplateError as refusal:
                results.append(refusal)
        return results

    return run


# Reads ------------------------------------------------------------------------------------------------------


def accounts(store: Store) -> list[Account]:
    return [account_of(row) for row in store.read("all_persons")]


def memberships(store: Store) -> list[Membership]:
    return [
        Membership(
            person=str(row["person"]),
            team=str(row["team"]),
            team_name=row["team_name"],
            role=Role(row["role"]),
        )
        for row in store.read("all_memberships")
    ]


def sessions(store: Store, now: datetime) -> list[Session]:
    return [
        Session(
            hash=row["hash"],
            person=str(row["person"]),
            team=str(row["team"]),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            agent=row["agent"],
        )
        for row in store.read("live_sessions", now=now)
    ]


def tokens(store: Store) -> list[ApiToken]:
    return [
        ApiToken(
            id=str(row["id"]),
            hash=row["hash"],
            person=str(row["person"]),
            team=str(row["team"]),
            name=row["name"],
            scopes=frozenset(row["scopes"]),
            created_at=row["created_at"],
        )
        for row in store.read("live_tokens")
    ]


def invited(store: Store) -> dict[str, set[str]]:
    """By person the ids of jobs and batches to which they have taken up an invitation that still stands."""
    found: dict[str, set[str]] = {}
    for row in store.read("accepted_invitations"):
        found.setdefault(str(row["person"]), set()).add(str(row["job"] or row["batch"]))
    return found


def link_owner(store: Store, hash: str, now: datetime) -> str | None:
    """Whom a sign-in link would sign in."""
    live = store.read("live_sign_in_link", hash=hash, now=now)
    return str(live[0]["person"]) if live else None


def audit(store: Store, limit: int = 100) -> list[dict[str, Any]]:
    """The newest entries of the audit log: happened_at, person, action, subject."""
    return store.read("newest_audit", limit=limit)


def audit_told(store: Store, limit: int) -> list[AuditRow]:
    """The newest entries of the audit log, with names for ids."""
    return [
        AuditRow(
            happened_at=row["happened_at"],
            person_name=row["person_name"],
            action=row["action"],
            subject=row["subject"],
        )
        for row in store.read("told_audit", limit=limit)
    ]


def account_of(row: dict[str, Any]) -> Account:
    return Account(
        id=str(row["id"]),
        email=row["email"],
        name=row["name"],
        password_hash=row["password_hash"],
        site_admin=row["site_admin"],
        verified=row["verified"],
        active=row["active"],
        created_at=row["created_at"],
    )


# Verbs ------------------------------------------------------------------------------------------------------


@each
def add_team(tx: Transaction, new: NewTeam) -> bool:
    """Add a team with its first member. False when `only_first` and there are people already."""
    if new.only_first and tx.run("all_persons"):
        return False
    refuse_taken(tx, new.member.email, person=None)
    insert_team(tx, new.member.team, new.name)
    insert_member(tx, new.member)
    if new.grant:
        first = ledger.Grant(
            team=new.member.team,
            credits=new.grant,
            note="first start",
            person=new.member.person,
            key=f"first:{new.member.team}",
        )
        ledger.grants(tx, [first])
    return True


@each
def add_member(tx: Transaction, new: NewMember) -> None:
    """Add a person to a team that exists."""
    refuse_taken(tx, new.email, person=None)
    if not tx.run("team_name", id=new.team):
        raise NotFound("There is no such team.", field="team")
    insert_member(tx, new)


@each
def add_session(tx: Transaction, session: Session) -> None:
    tx.run(
        "add_session",
        hash=session.hash,
        person=session.person,
        team=session.team,
        now=session.created_at,
        expires_at=session.expires_at,
        agent=session.agent,
    )
    note(tx, session.person, "signed in", session.hash[:12])


@each
def revoke_sessions(tx: Transaction, hashes: list[str]) -> None:
    for row in tx.run("revoke_sessions", hashes=hashes, now=tx.now):
        note(tx, str(row["person"]), "signed out", row["hash"][:12])


@each
def add_token(tx: Transaction, token: ApiToken) -> None:
    tx.run(
        "add_token",
        id=token.id,
        hash=token.hash,
        person=token.person,
        team=token.team,
        name=token.name,
        scopes=sorted(token.scopes),
        now=tx.now,
    )
    note(tx, token.person, "token made", token.id)


@each
def revoke_token(tx: Transaction, token: ApiToken) -> None:
    if not tx.run("revoke_token", id=token.id, now=tx.now):
        raise NotFound("This token was revoked already.")
    note(tx, token.person, "token revoked", token.id)


@each
def add_link(tx: Transaction, link: NewLink) -> None:
    """A new one-time link; earlier ones of the same person end."""
    tx.run("end_sign_in_links", person=link.person, now=tx.now)
    insert_link(tx, link.hash, link.person, link.expires_at, mailed_to=None)
    if link.by is not None:
        note(tx, link.by, "sign-in link made", link.person)


@each
def use_link(tx: Transaction, use: LinkUse) -> Account:
    """Use up a one-time link, which ends the person's others, and answer whose it was.

    Raises when it is unknown, used or too old.
    """
    live = tx.run("live_sign_in_link", hash=use.hash, now=tx.now)
    if not live:
        raise BadInput("This sign-in link was used or is too old. Ask for a new one.", field="token")
    person = str(live[0]["person"])
    if use.email is not None:
        refuse_taken(tx, use.email, person=person)
    tx.run("use_sign_in_link", hash=use.hash, now=tx.now)
    tx.run("end_sign_in_links", person=person, now=tx.now)
    changed = tx.run(
        "set_profile", id=person, email=use.email, name=use.name, password_hash=use.password_hash
    )
    note(tx, person, "sign-in link used", use.hash[:12])
    if live[0]["mailed_to"] == changed[0]["email"]:
        return proven(tx, person, changed[0]["email"], by=person)
    return account_of(changed[0])


@each
def set_password(tx: Transaction, change: PasswordChange) -> None:
    """Another password, which ends the one-time links that were made before."""
    if not _replace_hash(tx, change):
        raise WrongState("The password was changed elsewhere in the meantime. Nothing was done here.")
    tx.run("end_sign_in_links", person=change.person, now=tx.now)
    note(tx, change.person, "password changed", change.person)


@each
def renew_password(tx: Transaction, change: PasswordChange) -> None:
    """The same password, hashed anew; nothing is done when there is another one by now."""
    _replace_hash(tx, change)


def _replace_hash(tx: Transaction, change: PasswordChange) -> bool:
    found = tx.run("person_by_id", id=change.person)
    if not found or found[0]["password_hash"] != change.before:
        return False
    tx.run("set_profile", id=change.person, email=None, name=None, password_hash=change.after)
    return True


@each
def note_audit(tx: Transaction, entry: AuditEntry) -> None:
    note(tx, entry.person, entry.action, entry.subject)


def insert_link(
    tx: Transaction, hash: str, person: str, expires_at: datetime, *, mailed_to: str | None
) -> None:
    tx.run(
        "add_sign_in_link",
        hash=hash,
        person=person,
        now=tx.now,
        expires_at=expires_at,
        mailed_to=mailed_to,
    )


def proven(tx: Transaction, person: str, email: str, *, by: str) -> Account:
    if tx.run("prove_address", id=person, email=email):
        note(tx, by, "address verified", person)
    return account_of(tx.run("person_by_id", id=person)[0])


def insert_team(tx: Transaction, id: str, name: str) -> None:
    tx.run("add_team", id=id, name=name, visibility=Visibility.PRIVATE.value, now=tx.now)


def insert_member(tx: Transaction, new: NewMember) -> None:
    insert_person(tx, new.person, new.email, new.name, new.password_hash, site_admin=new.site_admin)
    tx.run("add_membership", team=new.team, person=new.person, role=new.role.value, now=tx.now)
    note(tx, new.person, "person added", new.team)


def insert_person(
    tx: Transaction,
    id: str,
    email: str,
    name: str,
    password_hash: str | None,
    *,
    site_admin: bool = False,
    verified: bool = False,
) -> None:
    tx.run(
        "add_person",
        id=id,
        email=email,
        name=name,
        password_hash=password_hash,
        site_admin=site_admin,
        verified=verified,
        now=tx.now,
    )


def refuse_taken(tx: Transaction, email: str, *, person: str | None) -> None:
    if tx.run("person_with_email", email=email, other_than=person):
        raise Conflict("Somebody else uses this e-mail address.", field="email")


def note(tx: Transaction, person: str | None, action: str, subject: str) -> None:
    tx.run("add_audit", now=tx.now, person=person, action=action, subject=subject)
