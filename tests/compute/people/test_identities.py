"""Whom a provider's word signs in: below the protocol, which tests/api/test_oidc.py speaks with a real provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.people.accounts import SignedIn
from data.errors import BadInput, Conflict, Forbidden, NotFound, WellplateError
from data.records import Role
from tests.laboratory import Laboratory

ISSUER = "https://login.example"


@pytest.fixture
def welcoming(tmp_path: Path) -> Iterator[Laboratory]:
    """Whoever the issuer lets in may register."""
    home = tmp_path / "welcoming"
    home.mkdir()
    (home / "settings.toml").write_text("[oidc]\nregister_new = true\n")
    lab = Laboratory(home)
    yield lab
    lab.close()


def enter(lab: Laboratory, subject: str, email: str, *, verified: bool = True, name: str = "Eve") -> SignedIn:
    return lab.accounts.identity_sign_in(ISSUER, subject, email, verified, name)


def test_one_subject_of_two_issuers_is_two_people(welcoming: Laboratory) -> None:
    first = enter(welcoming, "1", "eve@x.example").person
    other = welcoming.accounts.identity_sign_in("https://elsewhere", "1", "fay@x.example", True, "Fay").person
    assert first.id != other.id
    assert (first.role, first.team != other.team) == (Role.OWNER, True)
    assert enter(welcoming, "1", "moved@x.example").person.id == first.id


def test_without_an_address_or_with_a_strange_name(welcoming: Laboratory) -> None:
    with pytest.raises(BadInput):
        enter(welcoming, "1", "")
    assert enter(welcoming, "1", "eve@x.example", name="\x00").person.name == "eve"


def test_an_invitation_brings_its_role_and_no_team_of_ones_own(lab: Laboratory) -> None:
    lab.workbench.invitations.to_team(lab.admin, "iris@x.example", Role.VIEWER)
    with pytest.raises(Forbidden):
        enter(lab, "iris", "iris@x.example", verified=False)
    iris = enter(lab, "iris", "iris@x.example").person
    assert (iris.roles, iris.verified) == ({lab.admin.team: Role.VIEWER}, True)


def test_who_is_switched_off_stays_out(lab: Laboratory) -> None:
    mel = lab.sign_in(lab.join("mel")).person
    lab.workbench.teams.verify(lab.admin, mel.id)
    enter(lab, "mel", mel.email)
    lab.workbench.teams.deactivate(lab.admin, mel.id)
    for subject in ("mel", "another"):
        with pytest.raises(WellplateError):
            enter(lab, subject, mel.email)
    assert [one.subject for one in lab.accounts.identities(mel)] == ["mel"]


def test_a_linked_address_that_the_provider_proves_is_proven(lab: Laboratory) -> None:
    mel = lab.sign_in(lab.join("mel")).person
    linked = lab.accounts.identity_sign_in(ISSUER, "mel", mel.email, True, "Mel", signed_in=mel)
    assert (linked.person.id, linked.person.verified) == (mel.id, True)
    other = lab.sign_in(lab.join("bob")).person
    with pytest.raises(Conflict):
        lab.accounts.identity_sign_in(ISSUER, "mel", other.email, True, "Bob", signed_in=other)


def test_the_last_way_in_stays(lab: Laboratory) -> None:
    mel = lab.sign_in(lab.join("mel")).person
    lab.accounts.identity_sign_in(ISSUER, "mel", mel.email, True, "Mel", signed_in=mel)
    with pytest.raises(NotFound):
        lab.accounts.unlink_identity(mel, "https://elsewhere")
    lab.accounts.unlink_identity(mel, ISSUER)
    assert lab.accounts.identities(mel) == []
    lab.workbench.invitations.to_team(lab.admin, "iris@x.example", Role.MEMBER)
    iris = enter(lab, "iris", "iris@x.example").person
    with pytest.raises(Forbidden, match="password"):
        lab.accounts.unlink_identity(iris, ISSUER)
