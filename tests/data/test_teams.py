"""What the verbs of teams hold inside the transaction, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data import jobs, library, notices, people, teams
from data.errors import BadInput, NotFound, WellplateError, WrongState
from data.people import ApiToken, NewLink, NewMember, NewTeam, Session
from data.records import Change, Role, Status, StoredFile, new_id, utcnow
from data.store import Store
from data.teams import Activation, Deactivation, Removal, RoleChange

from .conftest import make_job, outcome_of, started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "teams.duckdb")
    yield store
    store.close()


class Team:
    """A team whose people are called by their first names."""

    def __init__(self, store: Store, *, site_admin: bool = False) -> None:
        self.store, self.id = store, new_id()
        self.ids: dict[str, str] = {}
        owner = self._new("olga", Role.OWNER, site_admin=site_admin)
        new = NewTeam(name="Lab", member=owner, only_first=False, grant=100)
        store.write(people.add_team, new).result()

    def _new(self, name: str, role: Role, *, site_admin: bool = False) -> NewMember:
        self.ids[name] = new_id()
        return NewMember(
            person=self.ids[name],
            email=f"{name}-{self.id[:8]}@lab",
            name=name.title(),
            password_hash=None,
            team=self.id,
            role=role,
            site_admin=site_admin,
        )

    def join(self, name: str, role: Role = Role.MEMBER) -> str:
        self.store.write(people.add_member, self._new(name, role)).result()
        return self.ids[name]

    def remove(self, name: str, *, by: str = "olga", heir: str | None = None) -> Any:
        chosen = self.ids.get(heir, heir) if heir else None
        removal = Removal(team=self.id, by=self.ids[by], person=self.ids[name], heir=chosen)
        return self.store.write(teams.remove, removal).result()

    def set_role(self, name: str, role: Role, *, by: str = "olga") -> Any:
        change = RoleChange(team=self.id, by=self.ids[by], person=self.ids[name], role=role)
        return self.store.write(teams.set_role, change).result()

    def deactivate(self, name: str, *, heir: str | None = None) -> Any:
        chosen = self.ids[heir] if heir else None
        wanted = Deactivation(person=self.ids[name], by=self.ids["olga"], heir=chosen)
        return self.store.write(teams.deactivate, wanted).result()

    def roles(self) -> dict[str, Role]:
        names = {person: name for name, person in self.ids.items()}
        return {names[member.person]: member.role for member in teams.members(self.store, self.id)}

    def session(self, name: str, team: str | None = None) -> str:
        now = utcnow()
        session = Session(
            hash=new_id(),
            person=self.ids[name],
            team=team or self.id,
            created_at=now,
            expires_at=now + timedelta(days=1),
            agent="",
        )
        self.store.write(people.add_session, session).result()
        return session.hash

    def token(self, name: str, team: str | None = None) -> str:
        token = ApiToken(
            id=new_id(),
            hash=new_id(),
            person=self.ids[name],
            team=team or self.id,
            name="t",
            scopes=frozenset({"jobs:read"}),
            created_at=utcnow(),
        )
        self.store.write(people.add_token, token).result()
        return token.hash

    def upload(self, name: str) -> str:
        stored = StoredFile(
            id=new_id(),
            team=self.id,
            owner=self.ids[name],
            name="a.fasta",
            size=1,
            sha256="0" * 64,
            format="fasta",
            created_at=utcnow(),
        )
        library.add(self.store, stored).result()
        return stored.id

    def audited(self) -> list[str]:
        return [row["action"] for row in people.audit(self.store)]


@pytest.fixture
def lab(store: Store) -> Team:
    return Team(store)


def test_a_removed_members_jobs_and_uploads_go_to_the_heir_and_running_ones_go_on(
    store: Store, lab: Team
) -> None:
    mel, bob = lab.join("mel"), lab.join("bob")
    running = started(store, make_job(team=lab.id, submitter=mel, credits=10))
    upload = lab.upload("mel")
    heard: list[Change] = []
    store.listen(heard.extend)
    lab.remove("mel", heir="bob")
    after = jobs.get(store, running.id)
    assert after is not None
    assert (after.submitter, after.submitter_name, after.status) == (bob, "Bob", Status.PROCESSING)
    stored = library.get(store, upload)
    assert stored is not None
    assert stored.owner == bob
    assert [(change.job, change.submitter) for change in heard] == [(running.id, bob)]
    assert jobs.finish(store, outcome_of(after)).result() is not None
    assert {"removed", "handed over"} <= set(lab.audited())
    # The heir hears of both: what they got, and that it ended.
    assert [notice.kind for notice in notices.page(store, bob, 5)] == ["job_ended", "handed_over"]
    assert [notice.kind for notice in notices.page(store, mel, 5)] == ["removed"]


def test_jobs_in_other_teams_stay_whose_they_are(store: Store, lab: Team) -> None:
    mel, other = lab.join("mel"), Team(store)
    elsewhere = jobs.submit(store, make_job(team=other.id, submitter=mel)).result().job
    lab.remove("mel")
    found = jobs.get(store, elsewhere.id)
    assert found is not None
    assert found.submitter == mel


def test_without_a_chosen_heir_it_is_who_removes_else_the_oldest_owner(store: Store, lab: Team) -> None:
    ann, mel, bob = lab.join("ann", Role.ADMIN), lab.join("mel"), lab.join("bob")
    first, second = (
        jobs.submit(store, make_job(team=lab.id, submitter=person)).result().job for person in (mel, bob)
    )
    lab.remove("mel", by="ann")
    lab.remove("bob", by="bob")
    submitters = [job.submitter for each in (first, second) if (job := jobs.get(store, each.id))]
    assert submitters == [ann, lab.ids["olga"]]
    assert "left" in lab.audited()


@pytest.mark.parametrize("heir", ["vic", "mel", "gone", "stranger"])
def test_an_heir_who_could_not_run_the_jobs_is_refused_and_nothing_changes(
    store: Store, lab: Team, heir: str
) -> None:
    lab.join("vic", Role.VIEWER)
    lab.join("mel")
    lab.join("gone")
    lab.deactivate("gone")
    before, audited = lab.roles(), lab.audited()
    with pytest.raises(BadInput) as refusal:
        lab.remove("mel", heir=heir if heir in lab.ids else new_id())
    assert refusal.value.field == "heir"
    assert (lab.roles(), lab.audited()) == (before, audited)


def test_sessions_and_tokens_of_that_team_end_and_others_stay(store: Store, lab: Team) -> None:
    lab.join("mel")
    other = Team(store)
    here, there = lab.session("mel"), lab.session("mel", other.id)
    token, foreign = lab.token("mel"), lab.token("mel", other.id)
    bystander = lab.session("olga")
    ended = lab.remove("mel")
    assert (ended.sessions, ended.tokens) == ({here}, {token})
    assert {session.hash for session in people.sessions(store, utcnow())} == {there, bystander}
    assert {live.hash for live in people.tokens(store)} == {foreign}


def test_the_last_owner_who_can_act_stays_owner(store: Store, lab: Team) -> None:
    lab.join("ann", Role.ADMIN)
    for refused in (lambda: lab.remove("olga"), lambda: lab.set_role("olga", Role.ADMIN)):
        with pytest.raises(WrongState, match="no owner left"):
            refused()
    lab.join("otto", Role.OWNER)
    lab.deactivate("otto")  # an owner who cannot sign in is none
    with pytest.raises(WrongState, match="no owner left"):
        lab.remove("olga")
    lab.set_role("ann", Role.OWNER)
    lab.remove("olga", by="ann")
    assert lab.roles() == {"ann": Role.OWNER, "otto": Role.OWNER}


def test_two_owners_who_leave_in_one_commit_leave_one(store: Store, lab: Team) -> None:
    lab.join("otto", Role.OWNER)
    futures = [
        store.write(teams.remove, Removal(team=lab.id, by=person, person=person, heir=None))
        for person in (lab.ids["olga"], lab.ids["otto"])
    ]
    refusals = [future.exception() for future in futures]
    assert sum(isinstance(refusal, WrongState) for refusal in refusals) == 1
    assert list(lab.roles().values()) == [Role.OWNER]


def test_who_is_in_no_team_any_more_looks_on_from_one_of_their_own(store: Store, lab: Team) -> None:
    mel = lab.join("mel")
    lab.remove("mel")
    (left,) = [membership for membership in people.memberships(store) if membership.person == mel]
    assert (left.role, left.team_name) == (Role.VIEWER, "Mel")
    team = teams.get(store, left.team)
    assert team is not None
    assert (team.balance, team.held) == (0, 0)


def test_strangers_are_no_members(store: Store, lab: Team) -> None:
    stranger = RoleChange(team=lab.id, by=lab.ids["olga"], person=new_id(), role=Role.VIEWER)
    with pytest.raises(NotFound):
        store.write(teams.set_role, stranger).result()
    with pytest.raises(NotFound):
        store.write(teams.remove, Removal(team=lab.id, by=new_id(), person=new_id(), heir=None)).result()


def test_a_changed_role_is_told_and_audited_and_the_same_role_is_not(store: Store, lab: Team) -> None:
    mel = lab.join("mel")
    assert lab.set_role("mel", Role.VIEWER).role is Role.VIEWER
    assert lab.set_role("mel", Role.VIEWER).role is Role.VIEWER
    assert lab.audited().count("role changed") == 1
    assert [notice.text for notice in notices.page(store, mel, 5)] == ["You are now a viewer of Lab."]


# Switching off --------------------------------------------------------------------------------------------------


def test_who_is_switched_off_has_nothing_that_authorises_and_colleagues_have_the_jobs(store: Store) -> None:
    lab, other = Team(store, site_admin=True), Team(store)
    mel, bob = lab.join("mel"), lab.join("bob")
    other.ids["mel"] = mel
    membership = {"team": other.id, "person": mel, "role": "owner", "now": utcnow()}
    store.between(lambda db: db.writer().execute(store.queries["add_membership"], membership)).result()
    mine, there = (
        jobs.submit(store, make_job(team=team, submitter=mel)).result().job for team in (lab.id, other.id)
    )
    session, token = lab.session("mel"), lab.token("mel", other.id)
    link = NewLink(hash=new_id(), person=mel, expires_at=utcnow() + timedelta(hours=1))
    store.write(people.add_link, link).result()
    ended = lab.deactivate("mel", heir="bob")
    assert (ended.sessions, ended.tokens) == ({session}, {token})
    assert people.link_owner(store, link.hash, utcnow()) is None
    found = [job.submitter for each in (mine, there) if (job := jobs.get(store, each.id))]
    assert found == [bob, other.ids["olga"]]  # the heir is not in the other team: its oldest other owner
    assert lab.roles()["mel"] is Role.MEMBER
    store.write(teams.activate, Activation(person=mel, by=lab.ids["olga"])).result()
    assert [account.active for account in people.accounts(store) if account.id == mel] == [True]
    assert people.tokens(store) == []


def test_where_nobody_could_take_over_the_jobs_stay(store: Store) -> None:
    site, lab = Team(store, site_admin=True), Team(store)
    job = jobs.submit(store, make_job(team=lab.id, submitter=lab.ids["olga"])).result().job
    wanted = Deactivation(person=lab.ids["olga"], by=site.ids["olga"], heir=None)
    store.write(teams.deactivate, wanted).result()
    found = jobs.get(store, job.id)
    assert found is not None
    assert found.submitter == lab.ids["olga"]


def test_the_last_admin_of_the_site_and_those_switched_off_already_are_refused(store: Store) -> None:
    lab = Team(store, site_admin=True)
    lab.join("mel")
    with pytest.raises(WrongState, match="last admin"):
        lab.deactivate("olga")
    lab.deactivate("mel")
    with pytest.raises(WrongState, match="already"):
        lab.deactivate("mel")
    for person in (lab.ids["olga"], new_id()):
        with pytest.raises(WellplateError):
            store.write(teams.activate, Activation(person=person, by=lab.ids["olga"])).result()
