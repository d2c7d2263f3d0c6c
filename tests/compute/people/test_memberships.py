"""Whatever happens to memberships in whatever order: a team keeps an owner, and memory says what the disk says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from data import people, teams
from data.errors import WellplateError
from data.records import Person, Role, utcnow
from tests.laboratory import PASSWORD, Laboratory

NAMES = ["ada", "bob", "cyd", "dan"]
SOMEBODY = st.integers(0, len(NAMES))
TEAM = st.integers(0, 1)


class Memberships(RuleBasedStateMachine):
    """Four people and the site's admin do to each other, in two teams, whatever the rules allow."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.lab = Laboratory(Path(self.home.name))
        lab = self.lab
        other = lab.found("eve")
        self.teams = [lab.admin.team, other.team]
        self.people: list[Person] = [lab.admin, *(lab.join(name) for name in NAMES)]
        self.cookies: dict[str, str] = {}

    def teardown(self) -> None:
        self.lab.close()
        self.home.cleanup()

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except WellplateError:
            return

    def _now(self, person: int) -> Person:
        who = self.people[person]
        return self.lab.accounts._person(who.id, None, None) or who

    @rule(by=SOMEBODY, whom=SOMEBODY, role=st.sampled_from(Role), team=TEAM)
    def give(self, by: int, whom: int, role: Role, team: int) -> None:
        verbs = self.lab.workbench.teams
        self._try(lambda: verbs.set_role(self._now(by), self.people[whom].id, role, self.teams[team]))

    @rule(by=SOMEBODY, whom=SOMEBODY, heir=st.none() | SOMEBODY, team=TEAM)
    def remove(self, by: int, whom: int, heir: int | None, team: int) -> None:
        verbs, chosen = self.lab.workbench.teams, None if heir is None else self.people[heir].id
        self._try(lambda: verbs.remove(self._now(by), self.people[whom].id, chosen, self.teams[team]))

    @rule(whom=SOMEBODY, role=st.sampled_from(Role), team=TEAM)
    def invite(self, whom: int, role: Role, team: int) -> None:
        bench, person = self.lab.workbench, self._now(whom)
        by = (
            self.lab.admin if team == 0 else self.lab.accounts._person(self._owner(team), self.teams[1], None)
        )
        if by is None:
            return

        def take_up() -> None:
            made = bench.invitations.to_team(by, f"x-{person.email}", role)
            bench.invitations.accept(person, bench.invitations.link(made).partition("token=")[2])

        self._try(take_up)

    @rule(whom=SOMEBODY, on=st.booleans())
    def switch(self, whom: int, on: bool) -> None:
        verb = self.lab.workbench.teams.activate if on else self.lab.workbench.teams.deactivate
        self._try(lambda: verb(self.lab.admin, self.people[whom].id))

    @rule(whom=SOMEBODY.filter(bool))
    def sign_in(self, whom: int) -> None:
        person = self.people[whom]

        def enter() -> None:
            self.cookies[person.id] = self.lab.accounts.sign_in(person.email, PASSWORD, client="t").cookie

        self._try(enter)

    def _owner(self, team: int) -> str:
        members = teams.members(self.lab.store, self.teams[team])
        return next(member.person for member in members if member.role is Role.OWNER)

    @invariant()
    def every_team_has_an_owner(self) -> None:
        for team in self.teams:
            assert Role.OWNER in {member.role for member in teams.members(self.lab.store, team)}

    @invariant()
    def everybody_is_in_a_team_once(self) -> None:
        pairs = [(m.person, m.team) for m in people.memberships(self.lab.store)]
        assert len(pairs) == len(set(pairs))
        assert {person for person, _ in pairs} >= {person.id for person in self.people}

    @invariant()
    def memory_says_what_the_disk_says(self) -> None:
        accounts, store = self.lab.accounts, self.lab.store
        on_disk: dict[str, dict[str, people.Membership]] = {}
        for membership in people.memberships(store):
            on_disk.setdefault(membership.person, {})[membership.team] = membership
        assert {person: own for person, own in accounts._memberships.items() if own} == on_disk
        assert accounts._accounts == {account.id: account for account in people.accounts(store)}
        assert accounts._sessions == {session.hash: session for session in people.sessions(store, utcnow())}

    @invariant()
    def a_session_stands_for_an_active_member_only(self) -> None:
        active = {account.id for account in people.accounts(self.lab.store) if account.active}
        member = {(m.person, m.team) for m in people.memberships(self.lab.store)}
        for person, cookie in self.cookies.items():
            who = self.lab.accounts.person(cookie)
            assert who is None or (person in active and (person, who.team) in member)


def test_no_order_of_changes_breaks_a_team() -> None:
    run_state_machine_as_test(
        Memberships,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
