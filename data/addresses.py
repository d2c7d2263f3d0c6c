"""A person's name and address, the proof that the address is theirs, and the link that is mailed to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from data import deliveries
from data.deliveries import NewDelivery
from data.errors import NotFound
from data.people import Account, Ended, account_of, each, insert_link, note, proven, refuse_taken

if TYPE_CHECKING:
    from data.store import Transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Reset:
    """A one-time link that is mailed to an address, whose use proves that it is the person's."""

    hash: str
    person: str
    expires_at: datetime
    mail: NewDelivery


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What a person changes of themselves; None leaves it as it is."""

    person: str
    name: str | None
    email: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    person: str
    email: str
    #: Who says so; None: the person, by a mailed link or by the provider of their identity.
    by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Squatted:
    """An account whose address was proven just now, by somebody who may not be who made it."""

    person: str
    #: Whether they have set a password.
    new_password: bool


@each
def change_profile(tx: Transaction, change: Profile) -> Account:
    """Another address is unproven, and links that were mailed to the old one end."""
    if change.email is not None:
        refuse_taken(tx, change.email, person=change.person)
        tx.run("end_sign_in_links", person=change.person, now=tx.now)
    changed = tx.run(
        "set_profile", id=change.person, email=change.email, name=change.name, password_hash=None
    )
    if not changed:
        raise NotFound("There is no such person.")
    note(tx, change.person, "address changed" if change.email else "name changed", change.person)
    return account_of(changed[0])


@each
def prove_address(tx: Transaction, proof: Proof) -> bool:
    """False when the person has another address by now."""
    found = tx.run("person_by_id", id=proof.person)
    if not found or found[0]["email"] != proof.email or not found[0]["active"]:
        return False
    proven(tx, proof.person, proof.email, by=proof.by or proof.person)
    return True


@each
def ask_reset(tx: Transaction, reset: Reset) -> None:
    """Mail a one-time link. Earlier ones stay: whoever knows an address must not be able to end them."""
    insert_link(tx, reset.hash, reset.person, reset.expires_at, mailed_to=reset.mail.target)
    deliveries.insert(tx, [reset.mail])
    note(tx, reset.person, "password reset asked", reset.person)


@each
def end_ways_in(tx: Transaction, squatted: Squatted) -> Ended:
    """End the sessions and tokens of a person, the identities by which they sign in, an old password, and what sends
    their notices elsewhere."""
    person = squatted.person
    if not squatted.new_password:
        tx.run("forget_password", id=person)
    tx.run("drop_preferences", persons=[person])
    sessions = tx.run("end_sessions_of_person", person=person, now=tx.now)
    ended = tx.run("end_tokens_of_person", person=person, now=tx.now)
    for row in tx.run("remove_all_identities", person=person):
        note(tx, person, "identity unlinked", row["issuer"])
    if ended:
        note(tx, person, "tokens revoked", person)
    return Ended(
        sessions=frozenset(row["hash"] for row in sessions), tokens=frozenset(row["hash"] for row in ended)
    )
