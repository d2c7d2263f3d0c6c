"""Who may do what with teams and people, and that it holds at once: in memory, for sessions, tokens and open pages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from compute.access import may_give, may_manage
from compute.people.teams import MAX_TEAMS
from compute.submitting import Submission
from data.errors import (
    BadInput,
    Conflict,
    Forbidden,
    NotFound,
    NotSignedIn,
    Unavailable,
    WellplateError,
    WrongState,
)
from data.records import Job, Person, Role, Status, Visibility, new_id
from tests.laboratory import BODY, PASSWORD, Laboratory

OWNER, ADMIN, MEMBER, VIEWER = Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER


def session(lab: Laboratory, person: Person) -> Person:
    return lab.sign_in(person).person


def submit(lab: Laboratory, person: Person) -> Job:
    submission = Submission(tool=BODY["tool"], inputs=BODY["inputs"], settings=BODY["settings"])
    return lab.workbench.submit(person, submission)


def role_of(lab: Laboratory, person: Person) -> Role | None:
    return next((m.role for m in lab.workbench.teams.members(lab.admin) if m.person == person.id), None)


# Roles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("acting", list(Role))
def test_who_gives_which_role(lab: Laboratory, acting: Role) -> None:
    """Owners all; admins make members viewers and the other way round; others nobody."""
    who = session(lab, lab.join("acting", acting))
    for before, after in product(Role, Role):
        target = lab.join(f"{before}-{after}", before)
        allowed = acting is OWNER or (acting is ADMIN and {before, after} <= {MEMBER, VIEWER})
        assert may_give(who, who.team, before, after) is allowed
        if allowed:
            lab.workbench.teams.set_role(who, target.id, after)
        else:
            with pytest.raises(Forbidden):
                lab.workbench.teams.set_role(who, target.id, after)
        expected = after if allowed else before
        assert (role_of(lab, target), lab.accounts.teams(target)[0].role) == (expected, expected)


@pytest.mark.parametrize("acting", list(Role))
def test_who_removes_whom(lab: Laboratory, acting: Role) -> None:
    who = session(lab, lab.join("acting", acting))
    for role in Role:
        member = lab.join(f"target-{role}", role)
        if acting is OWNER or (acting is ADMIN and role in (MEMBER, VIEWER)):
            lab.workbench.teams.remove(who, member.id)
            assert role_of(lab, member) is None
        else:
            with pytest.raises(Forbidden):
                lab.workbench.teams.remove(who, member.id)
            assert role_of(lab, member) is role


@pytest.mark.parametrize("role", list(Role))
def test_everybody_may_leave(lab: Laboratory, role: Role) -> None:
    who = lab.join("leaver", role)
    lab.workbench.teams.remove(session(lab, who), who.id)
    assert role_of(lab, who) is None


@pytest.mark.parametrize("role", list(Role))
def test_owners_and_admins_change_the_team(lab: Laboratory, role: Role) -> None:
    who = session(lab, lab.join("who", role))
    if role in (OWNER, ADMIN):
        assert lab.workbench.teams.change(who, name=" Wet  lab ").name == "Wet lab"
        now = lab.accounts.still(who)
        assert now is not None
        assert now.team_name == "Wet lab"
        return
    with pytest.raises(Forbidden):
        lab.workbench.teams.change(who, name="Mine")
    assert lab.workbench.teams.team(who).name == "Lab"


def test_a_token_manages_no_team_unless_it_has_admin(lab: Laboratory) -> None:
    scopes = ["jobs:read", "jobs:write", "files:read", "files:write"]
    mel = lab.join("mel")
    teams = lab.workbench.teams
    for owner in (session(lab, lab.join("own", OWNER)), lab.admin):
        _, secret = lab.accounts.create_token(owner, "script", scopes)
        token = lab.accounts.token_person(secret)
        assert token is not None
        assert (may_manage(token, token.team), may_give(token, token.team, VIEWER)) == (False, False)
        acts: list[Callable[[], Any]] = [
            lambda t=token: teams.change(t, name="Mine"),
            lambda t=token: teams.set_role(t, mel.id, VIEWER),
            lambda t=token: teams.remove(t, mel.id),
            lambda t=token: teams.remove(t, t.id),
            lambda t=token: teams.create(t, "More"),
            lambda t=token: teams.switch(t, t.team),
            lambda t=token: teams.people(t),
            lambda t=token: teams.audit(t),
            lambda t=token: teams.every(t),
            lambda t=token: lab.accounts.change_profile(t, name="Thief"),
            lambda t=token: lab.workbench.invitations.to_team(t, "x@y", VIEWER),
        ]
        for act in acts:
            with pytest.raises(Forbidden):
                act()
    assert role_of(lab, mel) is MEMBER


def test_what_is_no_setting_is_refused_and_changes_nothing(lab: Laboratory) -> None:
    before = lab.workbench.teams.team(lab.admin)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"person_credits": -1}, "person_credits"),
        ({"person_credits": 10**12}, "person_credits"),
        ({"concurrency": 0}, "concurrency"),
    ]
    for change, field in bad:
        with pytest.raises(BadInput) as refusal:
            lab.workbench.teams.change(lab.admin, **change)
        assert refusal.value.field == field
    assert lab.workbench.teams.team(lab.admin) == before


def test_caps_come_and_go(lab: Laboratory) -> None:
    teams = lab.workbench.teams
    given = teams.change(lab.admin, person_credits=5, concurrency=2, default_visibility=Visibility.TEAM)
    assert (given.person_credits, given.concurrency, given.default_visibility) == (5, 2, "team")
    assert teams.change(lab.admin, name="Other").person_credits == 5
    assert teams.change(lab.admin, person_credits=None, concurrency=None).person_credits is None


def test_a_foreign_team_does_not_exist_in_the_same_words(lab: Laboratory) -> None:
    eve, teams = session(lab, lab.found("eve")), lab.workbench.teams
    said = set()
    for team in (lab.admin.team, new_id(), "nonsense"):
        acts: list[Callable[[], Any]] = [
            lambda t=team: teams.team(eve, t),
            lambda t=team: teams.members(eve, t),
            lambda t=team: teams.change(eve, name="Mine", team_id=t),
            lambda t=team: teams.set_role(eve, lab.admin.id, VIEWER, team_id=t),
            lambda t=team: teams.remove(eve, lab.admin.id, team_id=t),
        ]
        for act in acts:
            with pytest.raises(NotFound) as refusal:
                act()
            said.add(refusal.value.message)
    assert len(said) == 1


# Making teams, and acting in them -------------------------------------------------------------------------------


def test_who_makes_teams(lab: Laboratory, posting: Laboratory) -> None:
    with pytest.raises(Forbidden):
        lab.workbench.teams.create(session(lab, lab.join("mel")), "Mine")
    assert lab.workbench.teams.create(lab.admin, "Second").balance == 0
    eve = session(posting, posting.join("eve"))
    made = posting.workbench.teams.create(eve, "Mine")
    assert [m.role for m in posting.workbench.teams.mine(eve) if m.team == made.id] == [OWNER]


def test_nobody_makes_teams_without_end(posting: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compute.people.teams.MAX_TEAMS", 2)
    assert MAX_TEAMS > 2
    eve = session(posting, posting.join("eve"))
    posting.workbench.teams.create(eve, "Second")
    with pytest.raises(Conflict):
        posting.workbench.teams.create(eve, "Third")


def test_a_session_acts_in_the_chosen_team_also_after_a_restart(lab: Laboratory) -> None:
    second = lab.workbench.teams.create(lab.admin, "Second")
    signed_in = lab.accounts.use_link(lab.link.partition("token=")[2] if lab.link else "", client="test")
    moved = lab.workbench.teams.switch(signed_in.person, second.id)
    assert (moved.team, moved.role) == (second.id, OWNER)
    lab.accounts._load()
    again = lab.accounts.person(signed_in.cookie)
    assert again is not None
    assert again.team == second.id
    for team in (new_id(), "nonsense"):
        with pytest.raises(NotFound):
            lab.workbench.teams.switch(moved, team)


# Removing -------------------------------------------------------------------------------------------------------


def test_a_removed_members_sessions_and_tokens_end_at_once_and_a_running_job_goes_on(lab: Laboratory) -> None:
    mel = lab.join("mel")
    signed_in = lab.sign_in(mel)
    _, secret = lab.accounts.create_token(signed_in.person, "script", ["jobs:read"])
    job = submit(lab, signed_in.person)
    lab.start(job.id)
    heard: list[frozenset[str]] = []
    lab.accounts.on_revoked(heard.append)
    lab.workbench.teams.remove(lab.admin, mel.id)
    assert lab.accounts.person(signed_in.cookie) is None
    assert lab.accounts.token_person(secret) is None
    assert [len(credentials) for credentials in heard] == [2]
    lab.complete(job.id, {"a.tab": b"a\n"})
    after = lab.job(job.id)
    assert (after.status, after.submitter) == (Status.COMPLETED, lab.admin.id)


@pytest.mark.parametrize("way", ["removed", "switched off", "made a viewer"])
def test_rights_are_gone_before_the_write_whose_commit_tells_the_open_pages(
    lab: Laboratory, way: str
) -> None:
    mel, teams = lab.join("mel"), lab.workbench.teams
    cookie = lab.sign_in(mel).cookie
    act: dict[str, Callable[[], Any]] = {
        "removed": lambda: teams.remove(lab.admin, mel.id),
        "switched off": lambda: teams.deactivate(lab.admin, mel.id),
        "made a viewer": lambda: teams.set_role(lab.admin, mel.id, VIEWER),
    }
    with lab.store.together():
        changing = threading.Thread(target=act[way])
        changing.start()
        with lab.store._wake:
            assert lab.store._wake.wait_for(lambda: lab.store._queue, timeout=10)
        now = lab.accounts.person(cookie)
        assert (now and now.role) is (VIEWER if way == "made a viewer" else None)
    changing.join()


def test_a_write_that_fails_gives_everything_back(lab: Laboratory) -> None:
    mel = lab.join("mel")
    signed_in = lab.sign_in(mel)
    teams = lab.workbench.teams
    with pytest.raises(BadInput):
        teams.remove(lab.admin, mel.id, heir_id=new_id())
    with pytest.raises(BadInput):
        teams.remove(lab.admin, mel.id, heir_id="nonsense")
    with pytest.raises(WrongState):
        teams.remove(lab.admin, lab.admin.id)
    now = lab.accounts.person(signed_in.cookie)
    assert now is not None
    assert now.role is MEMBER
    lab.store.close()
    with pytest.raises(Unavailable):
        lab.workbench.teams.set_role(lab.admin, mel.id, VIEWER)


def test_a_session_that_ended_changes_nothing(lab: Laboratory) -> None:
    owner, mel = session(lab, lab.join("own", OWNER)), lab.join("mel")
    lab.accounts.revoke({owner.credential})
    with pytest.raises(NotSignedIn):
        lab.workbench.teams.remove(owner, mel.id)
    assert role_of(lab, mel) is MEMBER


def test_who_left_their_only_team_signs_in_and_runs_nothing(lab: Laboratory) -> None:
    mel = lab.join("mel")
    lab.workbench.teams.remove(lab.admin, mel.id)
    again = session(lab, mel)
    assert (again.team == mel.team, again.role) == (False, VIEWER)
    with pytest.raises(Forbidden):
        submit(lab, again)


# The site's admin -----------------------------------------------------------------------------------------------


def test_only_the_sites_admin_manages_people(lab: Laboratory) -> None:
    owner, mel, teams = session(lab, lab.join("own", OWNER)), lab.join("mel"), lab.workbench.teams
    for target in (mel.id, new_id(), "nonsense"):
        acts: list[Callable[[], Any]] = [
            lambda t=target: teams.deactivate(owner, t),
            lambda t=target: teams.activate(owner, t),
            lambda t=target: teams.verify(owner, t),
            lambda t=target: teams.sign_in_link(owner, t),
        ]
        for act in acts:
            with pytest.raises(Forbidden):
                act()
    for unknown in (new_id(), "nonsense"):
        with pytest.raises(NotFound):
            teams.sign_in_link(lab.admin, unknown)


def test_switching_off_and_on(lab: Laboratory) -> None:
    mel, teams = lab.join("mel"), lab.workbench.teams
    signed_in = lab.sign_in(mel)
    _, secret = lab.accounts.create_token(signed_in.person, "script", ["jobs:read"])
    link = teams.sign_in_link(lab.admin, mel.id).partition("token=")[2]
    job = submit(lab, signed_in.person)
    teams.deactivate(lab.admin, mel.id)
    assert lab.accounts.person(signed_in.cookie) is None
    assert lab.accounts.token_person(secret) is None
    assert lab.accounts.link_person(link) is None
    assert lab.job(job.id).submitter == lab.admin.id
    for refused in (lambda: lab.sign_in(mel), lambda: teams.sign_in_link(lab.admin, mel.id)):
        with pytest.raises(WellplateError):
            refused()
    teams.activate(lab.admin, mel.id)
    assert lab.accounts.person(signed_in.cookie) is None
    assert lab.accounts.token_person(secret) is None
    assert session(lab, mel).id == mel.id


def test_the_sites_admin_switches_everybody_off_but_themselves(lab: Laboratory) -> None:
    with pytest.raises(Forbidden):
        lab.workbench.teams.deactivate(lab.admin, lab.admin.id)
    assert lab.accounts.admin() is not None


def test_the_sites_admin_gives_a_team_without_an_owner_another(lab: Laboratory) -> None:
    eve, teams = lab.found("eve"), lab.workbench.teams
    fay = lab.accounts.add_member(eve.team, "fay@other.example", "Fay", MEMBER, PASSWORD)
    teams.deactivate(lab.admin, eve.id)
    with pytest.raises(Forbidden):
        teams.set_role(session(lab, fay), fay.id, OWNER)
    teams.set_role(lab.admin, fay.id, OWNER, team_id=eve.team)
    assert session(lab, fay).role is OWNER


def test_people_and_audit_name_everything(lab: Laboratory) -> None:
    mel, teams = lab.join("mel", VIEWER), lab.workbench.teams
    teams.verify(lab.admin, mel.id)
    teams.set_role(lab.admin, mel.id, MEMBER)
    (view,) = [each for each in teams.people(lab.admin) if each.id == mel.id]
    assert (view.name, view.email, view.verified, view.active) == ("Mel", mel.email, True, True)
    assert view.teams == [(mel.team, "Lab", MEMBER)]
    rows = [(row.person_name, row.action, row.subject) for row in teams.audit(lab.admin)]
    assert ("Admin", "role changed", f"{mel.email} in Lab: viewer to member") in rows
    assert ("Admin", "address verified", f"Mel <{mel.email}>") in rows


def test_a_removed_admins_link_no_longer_lets_them_back(lab: Laboratory) -> None:
    ann = session(lab, lab.join("ann", ADMIN))
    made = lab.workbench.invitations.to_team(ann, "ann.private@x.example", MEMBER)
    token = lab.workbench.invitations.link(made).partition("token=")[2]
    lab.workbench.teams.remove(lab.admin, ann.id)
    assert lab.workbench.invitations.look(token) is None
    with pytest.raises(BadInput):
        lab.workbench.invitations.accept(session(lab, ann), token)


@pytest.mark.parametrize("way", ["removed", "switched off", "made a viewer"])
def test_who_may_share_no_more_comes_back_to_no_job_by_a_link_of_their_own(lab: Laboratory, way: str) -> None:
    teams, mel = lab.workbench.teams, lab.join("mel")
    signed_in = session(lab, mel)
    ida = session(lab, lab.join("ida"))

    def links(person: Person, job: Job) -> list[str]:
        shared = lab.workbench.sharing.change(person, job.id, Visibility.INVITED, ["second@x.example"])
        return [link.partition("token=")[2] for link in shared.links.values()]

    (own,), (other,) = links(signed_in, submit(lab, signed_in)), links(ida, submit(lab, ida))
    ways = {
        "removed": lambda: teams.remove(lab.admin, mel.id),
        "switched off": lambda: teams.deactivate(lab.admin, mel.id),
        "made a viewer": lambda: teams.set_role(lab.admin, mel.id, VIEWER),
    }
    ways[way]()
    assert lab.workbench.invitations.look(own) is None
    assert lab.workbench.invitations.look(other) is not None
