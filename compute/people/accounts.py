"""Signing in and out, sessions, tokens, and the first start.

A session or a token is a random secret, shown once; only its SHA-256 is kept.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from compute.access import Scope, holds, may_administer
from compute.notices.outbox import Outbox
from compute.people.directory import Directory, digest
from compute.people.passwords import Passwords
from compute.people.throttle import Throttle
from compute.settings import Settings
from data import people
from data.errors import BadInput, Forbidden, NotFound
from data.people import Account, ApiToken, Session
from data.records import Person, Role, new_id, utcnow
from data.store import Store

LINK_HOURS = 24
MAX_TOKENS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    #: The value of the session's cookie: shown to the browser once, never kept.
    cookie: str
    person: Person
    expires_at: datetime


class Accounts(Directory):
    def __init__(
        self, store: Store, settings: Settings, outbox: Outbox, *, passwords: Passwords | None = None
    ) -> None:
        super().__init__(store, settings)
        self._outbox = outbox
        self._passwords = passwords or Passwords()
        self._throttle = Throttle(settings.sign_in.attempts_per_minute)
        self._lock = threading.Lock()
        self._listeners: list[Callable[[frozenset[str]], None]] = []

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    # Sessions -----------------------------------------------------------------------------------------------

    def sign_in(self, email: str, password: str, *, client: str, agent: str = "") -> SignedIn:
        """A new session. An unknown address takes as long to refuse as a wrong password."""
        address = clean_email(email)
        keys = f"email {address}", f"client {client}"
        self._throttle.count(*keys)
        account = next((a for a in list(self._accounts.values()) if a.email == address and a.active), None)
        if not self._passwords.fits(account.password_hash if account else None, password) or account is None:
            self._audit(account.id if account else None, "sign-in refused", client)
            raise BadInput("This e-mail address and password do not fit together.", field="password")
        self._throttle.excuse(*keys)
        if renewed := self._passwords.renewed(account.password_hash, password):
            self._remember(self._store.write(people.set_password, (account.id, renewed)).result())
        return self._open_session(account, agent)

    def register(self, email: str, name: str, password: str, *, client: str, agent: str = "") -> SignedIn:
        """A new person with a team of their own, signed in. Only where registration is open."""
        if self.settings.sign_in.registration != "open":
            raise Forbidden("Registration is by invitation here. Ask the person who runs this server.")
        # Never excused: it also limits how fast one client makes accounts.
        self._throttle.count(f"client {client}")
        label = clean_name(name)
        if not password:
            raise BadInput("Choose a password.", field="password")
        person = self.add_team(f"{label[:80]}'s lab", email, label, password)
        return self._open_session(self._accounts[person.id], agent)

    def sign_out(self, cookie: str) -> None:
        self.revoke({digest(cookie)})

    def sessions(self, person: Person) -> list[Session]:
        return [session for session in list(self._sessions.values()) if session.person == person.id]

    def sign_out_everywhere(self, person: Person, *, but: str | None = None) -> None:
        """End all sessions of this person, apart from the one with the credential `but`."""
        self.revoke({session.hash for session in self.sessions(person)} - {but})

    def revoke(self, credentials: Iterable[str | None]) -> None:
        """End these sessions. Their live sockets close at once."""
        hashes = sorted(hash for hash in credentials if hash in self._sessions)
        if not hashes:
            return
        self._store.write(people.revoke_sessions, hashes).result()
        for hash in hashes:
            self._sessions.pop(hash, None)
        self._tell_revoked(frozenset(hashes))

    def on_revoked(self, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Hear the credentials of sessions and tokens that ended. Returns what stops it."""
        with self._lock:
            self._listeners.append(callback)

        def stop() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def _tell_revoked(self, credentials: frozenset[str]) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(credentials)

    def _open_session(self, account: Account, agent: str) -> SignedIn:
        team = next(iter(self._memberships.get(account.id, {})), None)
        if team is None:
            raise Forbidden("You are in no team any more. Ask your team's owner.")
        cookie = secrets.token_urlsafe(32)
        now = utcnow()
        session = Session(
            hash=digest(cookie),
            person=account.id,
            team=team,
            created_at=now,
            expires_at=now + timedelta(days=self.settings.sign_in.session_days),
            agent=agent[:200],
        )
        self._store.write(people.add_session, session).result()
        self._sessions[session.hash] = session
        person = self._person(account.id, team, session.hash)
        if person is None:
            raise Forbidden("This account is switched off.")
        return SignedIn(cookie=cookie, person=person, expires_at=session.expires_at)

    # Passwords ----------------------------------------------------------------------------------------------

    def has_password(self, person: Person) -> bool:
        return self._accounts[person.id].password_hash is not None

    def change_password(self, person: Person, old: str, new: str, *, client: str) -> None:
        """Set another password; every other session of this person ends."""
        keys = f"email {person.email}", f"client {client}"
        self._throttle.count(*keys)
        if self.has_password(person) and not self._passwords.fits(
            self._accounts[person.id].password_hash, old
        ):
            raise BadInput("The present password is another one.", field="old")
        self._throttle.excuse(*keys)
        hashed = self._passwords.hash(new, field="new")
        self._remember(self._store.write(people.set_password, (person.id, hashed)).result())
        self.sign_out_everywhere(person, but=person.credential)

    # Tokens -------------------------------------------------------------------------------------------------

    def create_token(self, person: Person, name: str, scopes: Iterable[str]) -> tuple[ApiToken, str]:
        """A token of this person in the team in which they act, and its secret, which is shown this once."""
        self._need_session(person)
        wanted = frozenset(scopes)
        label = name.strip()
        if not label or len(label) > 100:
            raise BadInput("Give the token a name of 1 to 100 characters.", field="name")
        if unknown := wanted - set(Scope):
            allowed = ", ".join(Scope)
            raise BadInput(
                f"There is no scope {sorted(unknown)[0]!r}. Choose from {allowed}.", field="scopes"
            )
        if not wanted:
            raise BadInput("Name at least one scope.", field="scopes")
        if Scope.ADMIN in wanted and not may_administer(person):
            raise Forbidden("Only the site's admin makes tokens with the scope admin.", field="scopes")
        if person.scopes is not None and not wanted <= person.scopes:
            raise Forbidden("A token makes no token that may do more than itself.", field="scopes")
        if len(self.tokens(person)) >= MAX_TOKENS:
            raise BadInput(f"You have {MAX_TOKENS} tokens. Revoke one first.")
        secret = "wp_" + secrets.token_urlsafe(32)
        token = ApiToken(
            id=new_id(),
            hash=digest(secret),
            person=person.id,
            team=person.team,
            name=label,
            scopes=wanted,
            created_at=utcnow(),
        )
        self._store.write(people.add_token, token).result()
        self._tokens[token.hash] = token
        return token, secret

    def tokens(self, person: Person) -> list[ApiToken]:
        self._need_session(person)
        own = [token for token in list(self._tokens.values()) if token.person == person.id]
        return sorted(own, key=lambda token: token.created_at)

    def revoke_token(self, person: Person, token_id: str) -> None:
        token = next((token for token in self.tokens(person) if token.id == token_id), None)
        if token is None:
            raise NotFound("There is no such token.")
        self._store.write(people.revoke_token, token).result()
        self._tokens.pop(token.hash, None)
        self._tell_revoked(frozenset({token.hash}))

    def _need_session(self, person: Person) -> None:
        """A token that leaked must not make itself successors, nor end those of its owner."""
        if not holds(person, Scope.ADMIN):
            raise Forbidden(
                "Tokens are listed, made and revoked by a signed-in person, or by a token with admin."
            )

    def server_token(self) -> str:
        """A token of the site's admin for the command line, in memory only: it ends with this process."""
        secret = "wp_" + secrets.token_urlsafe(32)
        self._admin_tokens.add(digest(secret))
        return secret

    # One-time links and the first start ---------------------------------------------------------------------

    def first_start(self) -> str | None:
        """Make the first team and its admin, and a link with which the admin signs in once.

        Later starts make a link only while the admin has neither a password nor a live session.
        """
        self._make_first_team()
        admin = self.admin()
        if admin is None:
            return None
        if self._accounts[admin.id].password_hash is not None or self.sessions(admin):
            self._link_file.unlink(missing_ok=True)
            return None
        return self._write_link(self.new_link(admin))

    def new_link(self, person: Person) -> str:
        """A link that signs this person in once within 24 hours; earlier ones end."""
        secret = secrets.token_urlsafe(32)
        expires_at = utcnow() + timedelta(hours=LINK_HOURS)
        link = people.NewLink(hash=digest(secret), person=person.id, expires_at=expires_at)
        self._store.write(people.add_link, link).result()
        return f"{self.settings.public_url}/auth/link?token={quote(secret)}"

    def admin_link(self, person: Person) -> str:
        """A new link for the site's admin who asks, on the command line say."""
        if not may_administer(person):
            raise Forbidden("Only the site's admin makes sign-in links.")
        return self._write_link(self.new_link(person))

    def link_person(self, secret: str) -> Person | None:
        """Whom this one-time link would sign in; None once it was used or is too old."""
        found = people.link_owner(self._store, digest(secret), utcnow())
        return self._person(found, None, None) if found else None

    def use_link(
        self,
        secret: str,
        *,
        client: str,
        agent: str = "",
        email: str | None = None,
        name: str | None = None,
        password: str | None = None,
    ) -> SignedIn:
        """Sign in with a one-time link and use it up; on the way, set address, name and password if given."""
        self._throttle.count(f"client {client}")
        use = people.LinkUse(
            hash=digest(secret),
            email=clean_email(email) if email else None,
            name=clean_name(name) if name else None,
            password_hash=self._passwords.hash(password, field="password") if password else None,
        )
        account = self._remember(self._store.write(people.use_link, use).result())
        self._throttle.excuse(f"client {client}")
        self._link_file.unlink(missing_ok=True)
        return self._open_session(account, agent)

    def add_team(self, team_name: str, email: str, name: str, password: str | None = None) -> Person:
        """A new team, and the person who owns it."""
        owner = self._new_member(new_id(), email, name, Role.OWNER, password)
        new = people.NewTeam(name=clean_name(team_name), member=owner, only_first=False, grant=0)
        self._store.write(people.add_team, new).result()
        return self._added(owner)

    def add_member(self, team: str, email: str, name: str, role: Role, password: str | None = None) -> Person:
        """A new person in a team that exists."""
        new = self._new_member(team, email, name, role, password)
        self._store.write(people.add_member, new).result()
        return self._added(new)

    def _new_member(
        self, team: str, email: str, name: str, role: Role, password: str | None
    ) -> people.NewMember:
        return people.NewMember(
            person=new_id(),
            email=clean_email(email),
            name=clean_name(name),
            password_hash=self._passwords.hash(password, field="password") if password else None,
            team=team,
            role=role,
        )

    def _added(self, new: people.NewMember) -> Person:
        self._load_people()
        person = self._person(new.person, new.team, None)
        assert person is not None
        return person

    def audit(self, person: Person | None, action: str, subject: str) -> None:
        """Remember that somebody did something that others may want to know of."""
        self._audit(person.id if person else None, action, subject)

    def _make_first_team(self) -> None:
        if self._accounts:
            return
        admin = people.NewMember(
            person=new_id(),
            email="admin@localhost",
            name="Admin",
            password_hash=None,
            team=new_id(),
            role=Role.OWNER,
            site_admin=True,
        )
        new = people.NewTeam(name="Lab", member=admin, only_first=True, grant=self.settings.jobs.first_grant)
        self._store.write(people.add_team, new).result()
        self._load_people()

    def _write_link(self, link: str) -> str:
        """Put the link where only the person who runs the server reads it."""
        self._link_file.parent.mkdir(parents=True, exist_ok=True)
        self._link_file.unlink(missing_ok=True)
        with os.fdopen(os.open(self._link_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(link + "\n")
        return link

    @property
    def _link_file(self) -> Path:
        return self.settings.run_folder / "sign-in-link"

    def _remember(self, account: Account) -> Account:
        self._accounts[account.id] = account
        return account

    def _audit(self, person: str | None, action: str, subject: str) -> None:
        entry = people.AuditEntry(person=person, action=action, subject=subject)
        self._store.write(people.note_audit, entry).result()


def clean_email(text: str) -> str:
    """An address in the form in which it is kept and compared."""
    address = text.strip().casefold()
    local, at, domain = address.partition("@")
    if (
        not (local and at and domain)
        or "@" in domain
        or len(address) > 254
        or any(c.isspace() for c in address)
    ):
        raise BadInput("Give an e-mail address such as ada@example.org.", field="email")
    return address


def clean_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadInput("Give a name of 1 to 100 characters.", field="name")
    return name
