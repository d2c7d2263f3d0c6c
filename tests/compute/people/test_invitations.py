"""Inviting and taking up, below the forms: who needs an invitation, who does not, and what it never does."""

from __future__ import annotations

import re

import pytest

from compute.people.accounts import SignedIn
from data import notices
from data.errors import BadInput, Conflict, Forbidden, NotFound, WrongState
from data.records import Invitation, Person, Role, Visibility, utcnow
from tests.compute.people.mails import mailed_links
from tests.laboratory import BODY, PASSWORD, Laboratory


def token(lab: Laboratory, made: Invitation) -> str:
    return lab.workbench.invitations.link(made).partition("token=")[2]


def invite(lab: Laboratory, email: str, role: Role = Role.MEMBER) -> Invitation:
    return lab.workbench.invitations.to_team(lab.admin, email, role)


def session(lab: Laboratory, person: Person) -> Person:
    return lab.sign_in(person).person


def register(lab: Laboratory, made: Invitation, name: str = "Iris") -> SignedIn:
    return lab.workbench.invitations.register(token(lab, made), name, PASSWORD, client="test")


def test_who_is_in_the_team_leaves_the_invitation_to_others(lab: Laboratory) -> None:
    made = invite(lab, "iris@other.example")
    mel = session(lab, lab.join("mel"))
    assert lab.workbench.invitations.accept(mel, token(lab, made)) == "/app/team"
    assert [one.status for one in lab.workbench.invitations.of_team(lab.admin)] == ["pending"]


def test_who_shares_a_job_tries_the_link_and_leaves_it_to_others(lab: Laboratory) -> None:
    ada = session(lab, lab.join("ada"))
    job = lab.browser(ada).post("/api/v1/jobs", json=BODY).json()["id"]
    shared = lab.workbench.sharing.change(ada, job, Visibility.INVITED, ["guest@other.example"])
    link = next(iter(shared.links.values())).partition("token=")[2]
    assert lab.workbench.invitations.accept(ada, link) == f"/app/jobs?jobId={job}"
    assert lab.workbench.invitations.look(link) is not None
    eve = session(lab, lab.found("eve"))
    for _ in range(2):  # a second click finds it theirs
        assert lab.workbench.invitations.accept(eve, link) == f"/app/jobs?jobId={job}"
    now = lab.accounts.still(eve)
    assert now is not None
    assert now.invited == {job}
    assert [one.kind for one in notices.page(lab.store, ada.id, 5)] == ["invitation_accepted"]


def test_an_invitation_to_a_job_is_withdrawn_where_it_is_shared(lab: Laboratory) -> None:
    ada = session(lab, lab.join("ada"))
    job = lab.browser(ada).post("/api/v1/jobs", json=BODY).json()["id"]
    shared = lab.workbench.sharing.change(ada, job, Visibility.INVITED, ["guest@other.example"])
    with pytest.raises(NotFound, match="no such invitation"):
        lab.workbench.invitations.withdraw(lab.admin, shared.invited[0].id)


def test_the_session_goes_on_in_the_team_that_was_joined(lab: Laboratory) -> None:
    eve = session(lab, lab.found("eve"))
    lab.workbench.invitations.accept(eve, token(lab, invite(lab, "x@other.example", Role.VIEWER)))
    now = lab.accounts.still(eve)
    assert now is not None
    assert (now.team, now.role) == (lab.admin.team, Role.VIEWER)


def test_a_token_accepts_nothing(lab: Laboratory) -> None:
    eve = session(lab, lab.found("eve"))
    _, secret = lab.accounts.create_token(eve, "script", ["jobs:read"])
    script = lab.accounts.token_person(secret)
    assert script is not None
    with pytest.raises(Forbidden):
        lab.workbench.invitations.accept(script, token(lab, invite(lab, "x@other.example")))


def test_an_accepted_invitation_is_not_withdrawn(lab: Laboratory) -> None:
    made = invite(lab, "iris@other.example")
    register(lab, made)
    with pytest.raises(WrongState):
        lab.workbench.invitations.withdraw(lab.admin, made.id)


@pytest.mark.parametrize(("name", "password", "field"), [(" ", PASSWORD, "name"), ("Iris", "", "password")])
def test_a_refused_registration_leaves_the_invitation_pending(
    lab: Laboratory, name: str, password: str, field: str
) -> None:
    link = token(lab, invite(lab, "iris@other.example"))
    with pytest.raises(BadInput) as refusal:
        lab.workbench.invitations.register(link, name, password, client="test")
    assert refusal.value.field == field
    assert lab.workbench.invitations.look(link) is not None


def test_an_address_is_one_and_a_member_is_not_invited(lab: Laboratory) -> None:
    mel = lab.join("mel")
    with pytest.raises(BadInput):
        invite(lab, "no address")
    with pytest.raises(Conflict):
        invite(lab, mel.email.upper())


def test_a_proven_address_is_in_at_once_also_where_it_acts_already(lab: Laboratory) -> None:
    eve = session(lab, lab.found("eve"))
    lab.workbench.teams.verify(lab.admin, eve.id)
    assert invite(lab, eve.email).person == eve.id
    now = lab.accounts.still(eve)
    assert now is not None
    assert now.role_in(lab.admin.team) is Role.MEMBER


def test_signing_in_takes_up_what_came_meanwhile(lab: Laboratory) -> None:
    eve = lab.found("eve")
    invite(lab, eve.email)
    assert session(lab, eve).role_in(lab.admin.team) is None
    lab.workbench.teams.verify(lab.admin, eve.id)
    assert session(lab, eve).role_in(lab.admin.team) is Role.MEMBER


def test_the_mail_has_the_link_that_is_shown_and_no_address_is_proven_by_it(posting: Laboratory) -> None:
    made = invite(posting, "iris@other.example")
    (path,) = mailed_links(posting, "iris@other.example")
    assert posting.workbench.invitations.link(made).endswith(path)
    signed_in = register(posting, made)
    assert signed_in.person.verified is False
    proof = mailed_links(posting, "iris@other.example")[-1]
    assert re.fullmatch(r"/auth/verify\?token=\S+", proof)
    assert posting.accounts.verify_address(signed_in.person, proof.partition("token=")[2])


def test_names_cannot_write_into_the_head_of_a_mail(posting: Laboratory) -> None:
    with pytest.raises(BadInput):
        invite(posting, "iris@other.example\r\nBcc: all@other.example")
    with pytest.raises(BadInput):
        invite(posting, "iris\x00@other.example")
    assert posting.store.read("due_deliveries", channel="mail", now=utcnow(), limit=10) == []
