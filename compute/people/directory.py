"""Who is who, in memory: what every request must know to tell who asks.

It is loaded at the start and written through by `accounts.py`, so a look-up costs microseconds, and a revocation
holds from the next look-up on. Of a session's cookie or a token only the SHA-256 is known.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from compute.settings import Settings
from data import people
from data.errors import Forbidden, NotFound
from data.people import Account, Membership
from data.records import Person, Role, utcnow
from data.store import Store

#: Each may do less than the one before it.
NARROWER = [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER]


class Directory:
    def __init__(self, store: Store, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        #: Two that read the people at the same moment must not end with the older of the two answers.
        self._changing = threading.RLock()
        #: (person, job) of invitations that are being withdrawn at this moment.
        self._uninvited: Counter[tuple[str, str]] = Counter()
        self._load()

    def _load(self) -> None:
        self._load_people()
        self._sessions = {session.hash: session for session in people.sessions(self._store, utcnow())}
        self._tokens = {token.hash: token for token in people.tokens(self._store)}
        #: Tokens of the site's admin that live as long as this process.
        self._admin_tokens: set[str] = {digest(self.settings.token)} if self.settings.token else set()

    def _load_people(self) -> None:
        with self._changing:
            self._read_people()

    def _read_people(self) -> None:
        memberships: dict[str, dict[str, Membership]] = {}
        for membership in people.memberships(self._store):
            memberships.setdefault(membership.person, {})[membership.team] = membership
        self._memberships = memberships
        self._accounts = {account.id: account for account in people.accounts(self._store)}
        #: What each person was invited to see, as far as they have taken it up: ids of jobs and batches.
        self._invited = people.invited(self._store)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around a write that changes people or memberships: one after the other, then memory is what the store says.

        What such a write takes away goes from memory before it (`narrow`): its commit tells the open pages, and
        those are judged by what is in memory then. A write that fails gives it back.
        """
        with self._changing:
            try:
                yield
            finally:
                self._read_people()

    @contextmanager
    def role_held(self, person: str, team: str) -> Iterator[Role | None]:
        """Somebody's role in a team, which nobody takes from them meanwhile; None when they cannot act there.

        What is given to the store inside (without waiting for it: others wait here) is there before a removal
        that hands over what the person leaves.
        """
        with self._changing:
            account = self._accounts.get(person)
            membership = self._memberships.get(person, {}).get(team)
            yield membership.role if account and account.active and membership else None

    def narrow(self, person: str, team: str, left: Role | None) -> None:
        """Only within `changing`: the membership counts as no more than this role, or not at all (None)."""
        own = dict(self._memberships.get(person, {}))
        before = own.pop(team, None)
        if before is not None and left is not None:
            own[team] = replace(before, role=max(before.role, left, key=NARROWER.index))
        self._memberships[person] = own

    def narrow_person(self, person: str) -> None:
        """Only within `changing`: nothing authorises this person."""
        account = self._accounts.get(person)
        if account is not None:
            self._accounts[person] = replace(account, active=False)

    @contextmanager
    def uninviting(self, job: str, persons: Iterable[str]) -> Iterator[None]:
        """While their invitations to a job are withdrawn they count no more; afterwards what the store says."""
        held_back = Counter({(person, job) for person in persons})
        with self._changing:
            self._uninvited = self._uninvited + held_back
        try:
            yield
        finally:
            self._load_people()
            with self._changing:
                self._uninvited = self._uninvited - held_back

    def person(self, cookie: str | None) -> Person | None:
        """Who the session's cookie stands for, or None. Cheap: for every request and every run of a page."""
        return self._session_person(digest(cookie)) if cookie else None

    def token_person(self, bearer: str | None) -> Person | None:
        """Who an API token stands for, or None."""
        return self._token_person(digest(bearer)) if bearer else None

    def still(self, person: Person | None) -> Person | None:
        """The person as they are now: None once the session or token ended. For what outlives a request."""
        if person is None or person.credential is None:
            return person
        return self._session_person(person.credential) or self._token_person(person.credential)

    def _session_person(self, credential: str) -> Person | None:
        session = self._sessions.get(credential)
        if session is None or session.expires_at <= utcnow():
            return None
        return self._person(session.person, session.team, credential)

    def _token_person(self, credential: str) -> Person | None:
        if token := self._tokens.get(credential):
            return self._person(token.person, token.team, credential, token.scopes)
        return self.admin(credential) if credential in self._admin_tokens else None

    def admin(self, credential: str | None = None) -> Person | None:
        """The site's admin: the person of the first start."""
        for account in list(self._accounts.values()):
            if account.site_admin and account.active:
                return self._person(account.id, None, credential)
        return None

    def in_team(self, person: Person, team: str) -> Person:
        """The same person acting in another of their teams. A token stays in its own."""
        if team == person.team:
            return person
        membership = self._memberships.get(person.id, {}).get(team)
        if membership is None:
            raise NotFound("You are in no such team.", field="team")
        if person.credential in self._tokens:
            raise Forbidden(f"This token acts in the team {person.team_name} only.", field="team")
        return replace(person, team=membership.team, team_name=membership.team_name, role=membership.role)

    def team_name(self, team: str) -> str:
        """What a team is called, also one that the person who asks is not in."""
        found = self._store.read("team_name", id=team)
        return str(found[0]["name"]) if found else "a team"

    def knows(self, person: str) -> bool:
        return person in self._accounts

    def account(self, person: str) -> Account:
        return self._accounts[person]

    def teams(self, person: Person) -> list[Membership]:
        """In which this person is; a token knows of its own only."""
        own = self._memberships.get(person.id, {}).values()
        return [each for each in own if person.scopes is None or each.team == person.team]

    def _person(
        self, person: str, team: str | None, credential: str | None, scopes: frozenset[str] | None = None
    ) -> Person | None:
        account = self._accounts.get(person)
        own = self._memberships.get(person, {})
        membership = own.get(team) if team else home_of(own)
        if account is None or not account.active or membership is None:
            return None
        return Person(
            id=account.id,
            email=account.email,
            name=account.name,
            site_admin=account.site_admin,
            team=membership.team,
            team_name=membership.team_name,
            role=membership.role,
            credential=credential,
            scopes=scopes,
            roles={membership.team: membership.role} if scopes is not None else roles_of(own),
            invited=self._invited_to(person),
            verified=account.verified,
        )

    def _invited_to(self, person: str) -> frozenset[str]:
        uninvited = self._uninvited
        return frozenset(job for job in self._invited.get(person, ()) if (person, job) not in uninvited)


def home_of(memberships: Mapping[str, Membership]) -> Membership | None:
    """Where somebody acts who chose no team: the first in which they may run something."""
    return min(memberships.values(), key=lambda each: each.role is Role.VIEWER, default=None)


def roles_of(memberships: Mapping[str, Membership]) -> dict[str, Role]:
    return {team: membership.role for team, membership in memberships.items()}


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
