"""Teams and their members, and what the site's admin does with people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compute import access
from compute.gate import refuse_unless
from compute.people.accounts import Accounts
from compute.people.names import clean_name
from data import addresses, people, teams
from data.errors import BadInput, Conflict, Forbidden, NotFound, NotSignedIn
from data.people import AuditRow, Ended, Membership
from data.records import Member, Person, Role, Team, Visibility, new_id, valid_id
from data.store import Store
from data.teams import NO_SUCH_MEMBER, NO_SUCH_TEAM

#: What `Teams.change` leaves as it is; None is a value of its own there.
UNCHANGED: Any = object()
#: Of one person.
MAX_TEAMS = 100
MOST_CREDITS = 1_000_000_000
MOST_AT_ONCE = 1_000_000
ADMIN_ONLY = "Only the site's admin does this."
NO_SUCH_PERSON = "There is no such person."


@dataclass(frozen=True, kw_only=True, slots=True)
class AdminView:
    """A person, as the site's admin sees them."""

    id: str
    name: str
    email: str
    verified: bool
    active: bool
    site_admin: bool
    created_at: datetime
    #: (id, name, role)
    teams: list[tuple[str, str, Role]]


class Teams:
    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    # Looking ------------------------------------------------------------------------------------------------

    def team(self, person: Person, team_id: str | None = None) -> Team:
        """A team that this person is in, or any for the site's admin; default: the one in which they act."""
        found = teams.get(self._store, self._known(person, team_id))
        if found is None:
            raise NotFound(NO_SUCH_TEAM)
        return found

    def every(self, person: Person) -> list[Team]:
        refuse_unless(access.may_administer(person), ADMIN_ONLY)
        return teams.every(self._store)

    def mine(self, person: Person) -> list[Membership]:
        return self._accounts.teams(person)

    def members(self, person: Person, team_id: str | None = None) -> list[Member]:
        """The longest there first."""
        return teams.members(self._store, self.team(person, team_id).id)

    # Changing -----------------------------------------------------------------------------------------------

    def create(self, person: Person, name: str) -> Team:
        """A new team without credits, owned by who makes it."""
        anybody = self._accounts.settings.sign_in.registration == "open" and access.holds(
            person, access.Scope.ADMIN
        )
        refuse_unless(
            access.may_administer(person) or anybody,
            "Only the site's admin makes teams here. Ask the person who runs this server.",
        )
        if len(self.mine(person)) >= MAX_TEAMS:
            raise Conflict(f"You are in {MAX_TEAMS} teams. Leave one first.")
        new = teams.OwnTeam(id=new_id(), name=clean_name(name), person=person.id)
        with self._accounts.changing():
            made: Team = self._store.write(teams.found, new).result()
        return made

    def switch(self, person: Person, team_id: str) -> Person:
        """This session acts in another of this person's teams from now on."""
        return self._accounts.move_session(person, valid_id(team_id) or "")

    def change(
        self,
        person: Person,
        *,
        name: str | None = None,
        default_visibility: Visibility | None = None,
        person_credits: int | None = UNCHANGED,
        concurrency: int | None = UNCHANGED,
        team_id: str | None = None,
    ) -> Team:
        """Name and settings, by owners and admins."""
        with self._acting(person) as person:
            before = self.team(person, team_id)
            refuse_unless(
                access.may_manage(person, before.id), "Only the team's owners and admins change its settings."
            )
            credits = before.person_credits if person_credits is UNCHANGED else person_credits
            at_once = before.concurrency if concurrency is UNCHANGED else concurrency
            _within("person_credits", credits, 0, MOST_CREDITS, "The cap per person")
            _within("concurrency", at_once, 1, MOST_AT_ONCE, "How many jobs of a batch run at once")
            label = None if name is None else clean_name(name)
            given = {
                "name": label,
                "default visibility": default_visibility,
                "cap per person": None
                if credits == before.person_credits
                else f"{before.person_credits} to {credits}",
                "at once": None if at_once == before.concurrency else f"{before.concurrency} to {at_once}",
            }
            wanted = teams.TeamChange(
                team=before.id,
                by=person.id,
                name=label,
                default_visibility=default_visibility,
                person_credits=credits,
                concurrency=at_once,
                words=", ".join(f"{what} {value}" for what, value in given.items() if value is not None),
            )
            changed: Team = self._store.write(teams.change, wanted).result()
        return changed

    def set_role(self, person: Person, member_id: str, role: Role, team_id: str | None = None) -> Member:
        """Owners give any role, admins make members viewers and the other way round. One owner stays."""
        with self._acting(person) as person:
            member = self._member(person, member_id, team_id)
            team = self._known(person, team_id)
            refuse_unless(
                access.may_give(person, team, member.role, role),
                "Owners give any role; admins decide who is member or viewer.",
            )
            if role is not member.role:
                self._accounts.narrow(member.person, team, role)
            wanted = teams.RoleChange(team=team, by=person.id, person=member.person, role=role)
            changed: Member = self._store.write(teams.set_role, wanted).result()
        return changed

    def remove(
        self, person: Person, member_id: str, heir_id: str | None = None, team_id: str | None = None
    ) -> None:
        """End a membership, also one's own. Jobs, running ones too, and uploads go to the heir."""
        with self._acting(person) as person:
            member = self._member(person, member_id, team_id)
            team = self._known(person, team_id)
            leaves = member.person == person.id and access.holds(person, access.Scope.ADMIN)
            refuse_unless(
                leaves or access.may_give(person, team, member.role),
                "Owners remove anybody; admins remove members and viewers.",
            )
            wanted = teams.Removal(team=team, by=person.id, person=member.person, heir=_heir(heir_id))
            self._accounts.narrow(member.person, team, None)
            ended: Ended = self._store.write(teams.remove, wanted).result()
            self._accounts.forget(ended)

    # The site's admin ---------------------------------------------------------------------------------------

    def people(self, person: Person) -> list[AdminView]:
        """Everybody, the longest here first."""
        refuse_unless(access.may_administer(person), ADMIN_ONLY)
        own: dict[str, list[tuple[str, str, Role]]] = {}
        for each in people.memberships(self._store):
            own.setdefault(each.person, []).append((each.team, each.team_name, each.role))
        return [
            AdminView(
                id=account.id,
                name=account.name,
                email=account.email,
                verified=account.verified,
                active=account.active,
                site_admin=account.site_admin,
                created_at=account.created_at,
                teams=own.get(account.id, []),
            )
            for account in people.accounts(self._store)
        ]

    def deactivate(self, person: Person, person_id: str, heir_id: str | None = None) -> None:
        """Switch somebody off: sessions, tokens and links end, and colleagues get jobs and uploads."""
        with self._administering(person, person_id) as (person, known):
            if known == person.id:
                raise Forbidden("You cannot switch yourself off. Ask another admin of the site.")
            self._accounts.narrow_person(known)
            wanted = teams.Deactivation(person=known, by=person.id, heir=_heir(heir_id))
            ended: Ended = self._store.write(teams.deactivate, wanted).result()
            self._accounts.forget(ended)

    def activate(self, person: Person, person_id: str) -> None:
        """Who was switched off may sign in again; what was handed over stays where it is."""
        with self._administering(person, person_id) as (person, known):
            self._store.write(teams.activate, teams.Activation(person=known, by=person.id)).result()

    def verify(self, person: Person, person_id: str) -> None:
        """The admin knows that the address is this person's; what it was invited to becomes theirs."""
        with self._administering(person, person_id) as (person, known):
            email = self._accounts.account(known).email
            proof = addresses.Proof(person=known, email=email, by=person.id)
            self._store.write(addresses.prove_address, proof).result()
        self._accounts.take_up_by_address(known)

    def sign_in_link(self, person: Person, person_id: str) -> str:
        """A link that signs this person in once within 24 hours, for the admin to hand over."""
        with self._administering(person, person_id) as (person, known):
            refuse_unless(
                self._accounts.account(known).active, "This person is switched off. Switch them on first."
            )
            return self._accounts.new_link(known, by=person)

    def audit(self, person: Person, limit: int = 200) -> list[AuditRow]:
        """What people and the site did that others may want to know of, newest first."""
        refuse_unless(access.may_administer(person), ADMIN_ONLY)
        return people.audit_told(self._store, limit)

    # How it is done -----------------------------------------------------------------------------------------

    @contextmanager
    def _acting(self, person: Person) -> Iterator[Person]:
        """One change after the other, each judged by what the person may do at its turn."""
        with self._accounts.changing():
            now = self._accounts.still(person)
            if now is None:
                raise NotSignedIn("Your session has ended. Sign in again.")
            yield self._accounts.in_team(now, person.team) if now.team != person.team else now

    @contextmanager
    def _administering(self, person: Person, person_id: str) -> Iterator[tuple[Person, str]]:
        with self._acting(person) as person:
            refuse_unless(access.may_administer(person), ADMIN_ONLY)
            known = valid_id(person_id)
            if known is None or not self._accounts.knows(known):
                raise NotFound(NO_SUCH_PERSON)
            yield person, known

    def _known(self, person: Person, team_id: str | None) -> str:
        """The id of a team that this person may know of. A token that reads nothing knows of none."""
        refuse_unless(
            access.holds(person, access.Scope.JOBS_READ) or access.holds(person, access.Scope.ADMIN),
            f"This token lacks the scope {access.Scope.JOBS_READ}.",
        )
        team = person.team if team_id is None else valid_id(team_id)
        if team is None or (person.role_in(team) is None and not access.may_administer(person)):
            raise NotFound(NO_SUCH_TEAM)
        return team

    def _member(self, person: Person, member_id: str, team_id: str | None) -> Member:
        wanted = valid_id(member_id)
        for member in self.members(person, team_id):
            if member.person == wanted:
                return member
        raise NotFound(NO_SUCH_MEMBER)


def _within(field: str, value: int | None, least: int, most: int, what: str) -> None:
    if value is not None and not least <= value <= most:
        raise BadInput(f"{what} is a whole number from {least} to {most:,}, or empty.", field=field)


def _heir(heir_id: str | None) -> str | None:
    if heir_id is None:
        return None
    known = valid_id(heir_id)
    if known is None:
        raise BadInput("There is no such heir.", field="heir")
    return known
