"""Sessions: opened by whichever way somebody signed in, ended one by one, all at once, or by what took a right away."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from compute.notices.outbox import Outbox
from compute.people.directory import Directory, digest, home_of
from compute.people.passwords import Passwords
from compute.people.signing import Signer
from compute.people.throttle import Throttle
from compute.settings import Settings
from data import invitations, people, teams
from data.errors import Forbidden, NotFound, NotSignedIn
from data.people import Ended, Session
from data.records import Person, new_id, utcnow
from data.store import Store

#: Also where a site keeps its key: compute/people/signing.py.
KEY_FILE = "secret.key"
SWITCHED_OFF = "This account is switched off. Ask the person who runs this server."


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    #: The value of the session's cookie: shown to the browser once, never kept.
    cookie: str
    person: Person
    expires_at: datetime


class Sessions(Directory):
    def __init__(
        self, store: Store, settings: Settings, outbox: Outbox, *, passwords: Passwords | None = None
    ) -> None:
        super().__init__(store, settings)
        self.outbox = outbox
        self.signer = Signer(settings.home / KEY_FILE)
        self.passwords = passwords or Passwords()
        self.throttle = Throttle(settings.sign_in.attempts_per_minute)
        self._lock = threading.Lock()
        self._listeners: list[Callable[[frozenset[str]], None]] = []

    def open_session(self, person: str, agent: str, *, team: str | None = None) -> SignedIn:
        """Sign somebody in who has proven who they are; in `team`, or where they act first."""
        self.take_up_by_address(person)
        with self._changing:  # a removal of this moment comes before or after, and ends it then
            account = self._accounts.get(person)
            if account is None or not account.active:
                raise Forbidden(SWITCHED_OFF)
            own = self._memberships.get(person, {})
            home = own.get(team or "") or home_of(own)
            if home is None:
                raise Forbidden("You are in no team any more. Ask your team's owner.")
            return self._insert_session(person, home.team, agent)

    def _insert_session(self, person: str, team: str, agent: str) -> SignedIn:
        cookie = secrets.token_urlsafe(32)
        now = utcnow()
        session = Session(
            hash=digest(cookie),
            person=person,
            team=team,
            created_at=now,
            expires_at=now + timedelta(days=self.settings.sign_in.session_days),
            agent=agent[:200],
        )
        self._store.write(people.add_session, session).result()
        self._sessions[session.hash] = session
        who = self._person(person, team, session.hash)
        assert who is not None
        return SignedIn(cookie=cookie, person=who, expires_at=session.expires_at)

    def need_still(self, person: Person) -> None:
        """Only within `changing`: refuse somebody whose session or token ended since they were looked up."""
        if self.still(person) is None:
            raise NotSignedIn("Your session has ended. Sign in again.")

    def is_session(self, person: Person) -> bool:
        """Whether a browser's session authorises this person, rather than a token or the command line."""
        return person.credential in self._sessions

    def move_session(self, person: Person, team: str) -> Person:
        """The session acts in another team of this person from now on. A token stays in its own."""
        with self._changing:
            session = self._sessions.get(person.credential or "")
            if team not in self._memberships.get(person.id, {}):
                raise NotFound("You are in no such team.", field="team")
            if session is None:
                raise Forbidden(f"This token acts in the team {person.team_name} only.", field="team")
            self._store.write(teams.move_session, (session.hash, team)).result()
            self._sessions[session.hash] = replace(session, team=team)
            moved = self._session_person(session.hash)
            if moved is None:
                raise NotSignedIn("Your session has ended. Sign in again.")
            return moved

    def take_up_by_address(self, person: str) -> None:
        """What this person was invited to is theirs, where their address was proven."""
        account = self._accounts.get(person)
        if account is None or not account.verified:
            return
        if invitations.any_pending(self._store, account.email):
            with self.changing():
                self._store.write(invitations.take_up_by_address, person).result()

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
        self.forget(Ended(sessions=frozenset(hashes), tokens=frozenset()))

    def forget(self, ended: Ended) -> None:
        """These sessions and tokens were ended on disk: they authorise nothing, and their live sockets close."""
        for hash in ended.sessions:
            self._sessions.pop(hash, None)
        for hash in ended.tokens:
            self._tokens.pop(hash, None)
        if ended.sessions or ended.tokens:
            self._tell_revoked(ended.sessions | ended.tokens)

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

    def audit(self, person: Person | None, action: str, subject: str) -> None:
        """Remember that somebody did something that others may want to know of."""
        self._audit(person.id if person else None, action, subject)

    def _audit(self, person: str | None, action: str, subject: str) -> None:
        entry = people.AuditEntry(person=person, action=action, subject=subject)
        self._store.write(people.note_audit, entry).result()


def own_team(name: str) -> tuple[str, str]:
    """Id and name of the team that a person gets who comes without an invitation."""
    return new_id(), f"{name[:80]}'s lab"
