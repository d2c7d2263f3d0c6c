"""Who somebody is at an OpenID provider: an issuer and its subject stand for one person here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from data.errors import Conflict, NotFound
from data.invitations import add_person
from data.people import Account, account_of, each, note, proven

if TYPE_CHECKING:
    from data.store import Store, Transaction

TAKEN = "This identity is linked to another account here. Sign out there, or unlink it first."


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    issuer: str
    subject: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Linking:
    issuer: str
    subject: str
    person: str
    #: The address that the provider has proven; None for none.
    proven: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A new person who comes by an identity."""

    issuer: str
    subject: str
    person: str
    email: str
    verified: bool
    name: str
    #: (id, name) of the team that they own; None where only invitations let them in.
    own_team: tuple[str, str] | None


def owner(store: Store, issuer: str, subject: str) -> str | None:
    """The person of an identity."""
    found = store.read("identity", issuer=issuer, subject=subject)
    return found[0]["person"] if found else None


def of_person(store: Store, person: str) -> list[Identity]:
    return [Identity(**row) for row in store.read("identities_of", person=person)]


@each
def link(tx: Transaction, wanted: Linking) -> Account:
    """The person may sign in with it from now on; doing it twice changes nothing."""
    found = tx.run("identity", issuer=wanted.issuer, subject=wanted.subject)
    if found and found[0]["person"] != wanted.person:
        raise Conflict(TAKEN)
    if not found:
        _add(tx, wanted.issuer, wanted.subject, wanted.person)
    if wanted.proven is not None:
        return proven(tx, wanted.person, wanted.proven, by=wanted.person)
    return account_of(tx.run("person_by_id", id=wanted.person)[0])


@each
def unlink(tx: Transaction, wanted: tuple[str, str]) -> None:
    """(person, issuer): the provider signs this person in no more."""
    person, issuer = wanted
    if not tx.run("remove_identities", person=person, issuer=issuer):
        raise NotFound("No such sign-on is linked to your account.")
    note(tx, person, "identity unlinked", issuer)


@each
def register(tx: Transaction, new: Registration) -> Account:
    if tx.run("identity", issuer=new.issuer, subject=new.subject):
        raise Conflict(TAKEN)
    account = add_person(tx, new.person, new.email, new.name, verified=new.verified, own_team=new.own_team)
    _add(tx, new.issuer, new.subject, new.person)
    return account


def _add(tx: Transaction, issuer: str, subject: str, person: str) -> None:
    tx.run("add_identity", issuer=issuer, subject=subject, person=person, now=tx.now)
    note(tx, person, "identity linked", issuer)
