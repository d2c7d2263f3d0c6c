"""People: who joins, who signs in with a password, and all that hangs on an account.

What one account has is in a file of its own by noun: sessions, tokens, one-time links, the address, identities. A
session or a token is a random secret, shown once; only its SHA-256 is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compute.people.addresses import Addresses
from compute.people.identities import Identities
from compute.people.links import Links
from compute.people.names import clean_email, clean_name
from compute.people.sessions import SignedIn, own_team
from compute.people.tokens import Tokens
from data import people
from data.errors import BadInput, Forbidden
from data.people import Account
from data.records import Person, Role, new_id

NO_FIT = "This e-mail address and password do not fit together."

__all__ = ["Accounts", "SignedIn", "clean_email", "clean_name"]


class Accounts(Tokens, Links, Addresses, Identities):
    def sign_in(self, email: str, password: str, *, client: str, agent: str = "") -> SignedIn:
        """A new session. An unknown address takes as long to refuse as a wrong password."""
        address = clean_email(email)
        keys = f"email {address}", f"client {client}"
        self.throttle.count(*keys)
        account = next((a for a in list(self._accounts.values()) if a.email == address and a.active), None)
        if not self.passwords.fits(account.password_hash if account else None, password) or account is None:
            self._audit(account.id if account else None, "sign-in refused", client)
            raise BadInput(NO_FIT, field="password")
        self.throttle.excuse(*keys)
        signed_in = self._open_by_password(account, agent)
        if renewed := self.passwords.renewed(account.password_hash, password):
            self._write_password(people.renew_password, account, renewed)
        return signed_in

    def _open_by_password(self, account: Account, agent: str) -> SignedIn:
        """Comparing takes its time: a password that was changed meanwhile, since it leaked say, opens nothing."""
        with self._changing:
            if self._accounts[account.id].password_hash != account.password_hash:
                raise BadInput(NO_FIT, field="password")
            return self.open_session(account.id, agent)

    def register(self, email: str, name: str, password: str, *, client: str, agent: str = "") -> SignedIn:
        """A new person with a team of their own, signed in. Only where registration is open."""
        if self.settings.sign_in.registration != "open":
            raise Forbidden("Registration is by invitation here. Ask the person who runs this server.")
        # Never excused: it also limits how fast one client makes accounts.
        self.throttle.count(f"client {client}")
        label = clean_name(name)
        if not password:
            raise BadInput("Choose a password.", field="password")
        person = self.add_team(own_team(label)[1], email, label, password)
        self.mail_proof(person.id)
        return self.open_session(person.id, agent)

    def has_password(self, person: Person) -> bool:
        return self._accounts[person.id].password_hash is not None

    def change_password(self, person: Person, old: str, new: str, *, client: str) -> None:
        """Set another password; every other session of this person ends."""
        keys = f"email {person.email}", f"client {client}"
        self.throttle.count(*keys)
        account = self._accounts[person.id]
        if account.password_hash is not None and not self.passwords.fits(account.password_hash, old):
            raise BadInput("The present password is another one.", field="old")
        self.throttle.excuse(*keys)
        hashed = self.passwords.hash(new, field="new")
        with self.changing():
            self.need_still(person)
            self._write_password(people.set_password, account, hashed)
        self.sign_out_everywhere(person, but=person.credential)

    def _write_password(self, verb: Callable[..., Any], account: Account, hashed: str) -> None:
        change = people.PasswordChange(person=account.id, before=account.password_hash, after=hashed)
        with self.changing():
            self._store.write(verb, change).result()

    def add_team(self, team_name: str, email: str, name: str, password: str | None = None) -> Person:
        """A new team, and the person who owns it."""
        owner = self._new_member(new_id(), email, name, Role.OWNER, password)
        new = people.NewTeam(name=clean_name(team_name), member=owner, only_first=False, grant=0)
        with self.changing():
            self._store.write(people.add_team, new).result()
        return self._added(owner)

    def add_member(self, team: str, email: str, name: str, role: Role, password: str | None = None) -> Person:
        """A new person in a team that exists."""
        new = self._new_member(team, email, name, role, password)
        with self.changing():
            self._store.write(people.add_member, new).result()
        return self._added(new)

    def _new_member(
        self, team: str, email: str, name: str, role: Role, password: str | None
    ) -> people.NewMember:
        return people.NewMember(
            person=new_id(),
            email=clean_email(email),
            name=clean_name(name),
            password_hash=self.passwords.hash(password, field="password") if password else None,
            team=team,
            role=role,
        )

    def _added(self, new: people.NewMember) -> Person:
        person = self._person(new.person, new.team, None)
        assert person is not None
        return person
