"""The proof of an address, the profile, and the password that was forgotten."""

from __future__ import annotations

import pytest

from data.errors import BadInput, Conflict, Forbidden, TooMany
from data.records import Person, utcnow
from tests.compute.people.mails import mailed_links
from tests.laboratory import PASSWORD, Laboratory


def session(lab: Laboratory, person: Person) -> Person:
    return lab.sign_in(person).person


def now(lab: Laboratory, person: Person) -> Person:
    found = lab.accounts.still(person)
    assert found is not None
    return found


def last_token(lab: Laboratory, to: str) -> str:
    return mailed_links(lab, to)[-1].partition("token=")[2]


def test_another_address_is_unproven_and_the_old_one_is_told(posting: Laboratory) -> None:
    eve = session(posting, posting.join("eve"))
    posting.workbench.teams.verify(posting.admin, eve.id)
    posting.accounts.change_profile(eve, name=" Eve  L. ", email="Eve.L@Lab.example")
    changed = now(posting, eve)
    assert (changed.name, changed.email, changed.verified) == ("Eve L.", "eve.l@lab.example", False)
    told = posting.store.read("due_deliveries", channel="mail", now=utcnow(), limit=10)
    assert sorted(row["target"] for row in told) == ["eve.l@lab.example", eve.email]
    assert posting.accounts.verify_address(changed, last_token(posting, changed.email))
    assert now(posting, eve).verified


def test_the_same_address_in_other_letters_stays_proven(lab: Laboratory) -> None:
    eve = session(lab, lab.join("eve"))
    lab.workbench.teams.verify(lab.admin, eve.id)
    lab.accounts.change_profile(eve, email=eve.email.upper())
    assert now(lab, eve).verified


def test_a_taken_address_changes_nothing(lab: Laboratory) -> None:
    eve, mel = session(lab, lab.join("eve")), lab.join("mel")
    with pytest.raises(Conflict) as refusal:
        lab.accounts.change_profile(eve, name="Other", email=mel.email)
    assert refusal.value.field == "email"
    assert now(lab, eve).name == "Eve"


def test_a_proof_is_the_persons_own_for_the_present_address_and_not_older_than_three_days(
    posting: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = posting.accounts
    signed_in = accounts.register("eve@x.example", "Eve", PASSWORD, client="test").person
    proof = last_token(posting, "eve@x.example")
    assert not accounts.verify_address(session(posting, posting.join("mel")), proof)
    for other in ("", "nonsense", accounts.signer.sign("invitation", f"{signed_in.id} eve@x.example")):
        assert not accounts.verify_address(signed_in, other)
    with monkeypatch.context() as later:
        later.setattr("itsdangerous.timed.time.time", lambda: utcnow().timestamp() + 4 * 86400)
        assert not accounts.verify_address(signed_in, proof)
    assert not now(posting, signed_in).verified
    assert accounts.verify_address(signed_in, proof)
    assert now(posting, signed_in).verified


# Forgotten ------------------------------------------------------------------------------------------------------


def reset(lab: Laboratory, email: str, password: str | None = "a whole new one") -> Person:
    lab.accounts.forgot(email, client="test")
    link = last_token(lab, email)
    return lab.accounts.use_link(link, client="test", password=password).person


def test_a_mailed_link_proves_the_address_and_ends_every_other_session(posting: Laboratory) -> None:
    mel = posting.join("mel")
    before = posting.sign_in(mel)
    after = reset(posting, mel.email)
    assert after.verified
    assert posting.accounts.person(before.cookie) is None
    assert posting.accounts.still(after) == after
    with pytest.raises(BadInput):
        posting.sign_in(mel)
    assert posting.accounts.sign_in(mel.email, "a whole new one", client="test").person.id == mel.id


def test_who_registered_with_a_foreign_address_has_no_way_left_once_its_owner_came(
    posting: Laboratory,
) -> None:
    accounts = posting.accounts
    squatter = accounts.register("owner@x.example", "Mallory", PASSWORD, client="test")
    _, secret = accounts.create_token(squatter.person, "kept", ["jobs:read"])
    accounts.identity_sign_in("https://idp", "mallory", "m@idp.example", True, "M", signed_in=squatter.person)
    owner = reset(posting, "owner@x.example")
    assert owner.id == squatter.person.id
    assert accounts.person(squatter.cookie) is None
    assert accounts.token_person(secret) is None
    assert accounts.identities(owner) == []


def test_a_reset_keeps_the_tokens_of_whom_the_address_was_proven(posting: Laboratory) -> None:
    mel = session(posting, posting.join("mel"))
    posting.workbench.teams.verify(posting.admin, mel.id)
    _, secret = posting.accounts.create_token(mel, "nightly", ["jobs:read"])
    reset(posting, mel.email)
    assert posting.accounts.token_person(secret) is not None


def test_an_admins_link_proves_nothing(lab: Laboratory) -> None:
    mel = lab.join("mel")
    link = lab.workbench.teams.sign_in_link(lab.admin, mel.id).partition("token=")[2]
    assert lab.accounts.use_link(link, client="test").person.verified is False


def test_a_link_mailed_to_an_address_that_was_left_since_is_dead(posting: Laboratory) -> None:
    mel = session(posting, posting.join("mel"))
    posting.accounts.forgot(mel.email, client="test")
    link = last_token(posting, mel.email)
    posting.accounts.change_profile(mel, email="mel@new.example")
    with pytest.raises(BadInput):
        posting.accounts.use_link(link, client="test")


def test_asking_for_unknown_or_switched_off_people_answers_the_same(posting: Laboratory) -> None:
    mel = posting.join("mel")
    posting.workbench.teams.deactivate(posting.admin, mel.id)
    for email in (mel.email, "nobody@x.example"):
        posting.accounts.forgot(email, client="test")
    assert posting.store.read("due_deliveries", channel="mail", now=utcnow(), limit=10) == []


def test_one_address_is_not_flooded_from_many_clients(posting: Laboratory) -> None:
    allowed = posting.settings.sign_in.attempts_per_minute
    for number in range(allowed):
        posting.accounts.forgot("mel@lab.example", client=f"client {number}")
    with pytest.raises(TooMany):
        posting.accounts.forgot("mel@lab.example", client="another")


def test_without_mail_it_says_whom_to_ask(lab: Laboratory) -> None:
    with pytest.raises(Forbidden, match="who runs this server"):
        lab.accounts.forgot("mel@lab.example", client="test")
