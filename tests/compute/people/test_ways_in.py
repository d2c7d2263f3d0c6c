"""What must not let anybody in any more: old links, old passwords, ended sessions, look-alike addresses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from itsdangerous import URLSafeTimedSerializer

from compute.people.names import clean_email
from compute.people.passwords import Passwords
from compute.people.signing import Signer
from data.errors import BadInput, NotSignedIn, TooMany, WellplateError
from data.records import Person, Preferences, Role, When, utcnow
from tests.compute.people.mails import mailed_links
from tests.laboratory import PASSWORD, Laboratory

NEW = "a whole new one"


def session(lab: Laboratory, person: Person) -> Person:
    return lab.sign_in(person).person


def token_of(link: str) -> str:
    return link.partition("token=")[2]


def mailed(lab: Laboratory, to: str) -> list[str]:
    return [token_of(link) for link in mailed_links(lab, to)]


# Links ----------------------------------------------------------------------------------------------------------


def test_a_new_password_ends_the_links_that_were_made_before(lab: Laboratory) -> None:
    mel = session(lab, lab.join("mel"))
    link = token_of(lab.workbench.teams.sign_in_link(lab.admin, mel.id))
    lab.accounts.change_password(mel, PASSWORD, NEW, client="test")
    with pytest.raises(BadInput):
        lab.accounts.use_link(link, client="test")


def test_a_used_link_ends_the_others(posting: Laboratory) -> None:
    mel = posting.join("mel")
    posting.accounts.forgot(mel.email, client="test")
    posting.accounts.forgot(mel.email, client="test")
    first, second = mailed(posting, mel.email)
    posting.accounts.use_link(second, client="test", password=NEW)
    with pytest.raises(BadInput):
        posting.accounts.use_link(first, client="test")


def test_who_registered_with_a_foreign_address_is_out_also_when_its_owner_sets_no_password(
    posting: Laboratory,
) -> None:
    accounts = posting.accounts
    squatter = accounts.register("owner@x.example", "Mallory", PASSWORD, client="test")
    accounts.forgot("owner@x.example", client="test")
    owner = accounts.use_link(mailed(posting, "owner@x.example")[-1], client="test").person
    assert owner.verified
    assert accounts.person(squatter.cookie) is None
    assert accounts.still(owner) == owner
    with pytest.raises(BadInput):
        accounts.sign_in("owner@x.example", PASSWORD, client="test")


def test_a_squatters_webhook_hears_nothing_of_the_owner(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[mail]\nhost = "127.0.0.1"\nsender = "lab@lab.example"\n[notices]\nwebhook_hosts = ["hooks.example.org"]\n'
    )
    lab = Laboratory(tmp_path, WELLPLATE_REGISTRATION="open")
    try:
        squatter = lab.accounts.register("owner@x.example", "Mallory", PASSWORD, client="test").person
        theirs = Preferences(webhook=When.ALWAYS, webhook_url="https://hooks.example.org/mallory")
        lab.workbench.notices.prefer(squatter, theirs)
        lab.accounts.forgot("owner@x.example", client="test")
        link = mailed(lab, "owner@x.example")[-1]
        owner = lab.accounts.use_link(link, client="test", password=NEW).person
        assert lab.workbench.notices.preferences(owner) == Preferences()
    finally:
        lab.close()


def test_an_address_changed_on_the_way_in_is_told_to_the_old_one_and_to_be_proven(
    posting: Laboratory,
) -> None:
    mel = posting.join("mel")
    posting.workbench.teams.verify(posting.admin, mel.id)
    posting.accounts.forgot(mel.email, client="test")
    link = mailed(posting, mel.email)[-1]
    moved = posting.accounts.use_link(link, client="test", email="mel@new.example").person
    assert (moved.email, moved.verified) == ("mel@new.example", False)
    waiting = posting.store.read("due_deliveries", channel="mail", now=utcnow(), limit=10)
    assert any(row["target"] == mel.email and "was changed" in row["subject"] for row in waiting)
    assert posting.accounts.verify_address(moved, mailed(posting, moved.email)[-1])


# Passwords ------------------------------------------------------------------------------------------------------


class Interrupted(Passwords):
    """Somebody else acts while a password is being compared, which takes its time."""

    meanwhile: Callable[[], None] | None = None

    def fits(self, hashed: str | None, password: str) -> bool:
        found = super().fits(hashed, password)
        if act := self.meanwhile:
            self.meanwhile = None
            act()
        return found


@pytest.mark.parametrize("outdated", [False, True])
def test_an_old_password_opens_nothing_once_there_is_a_new_one(lab: Laboratory, outdated: bool) -> None:
    accounts, mel = lab.accounts, session(lab, lab.join("mel"))
    passwords = Interrupted(PasswordHasher(time_cost=2 if outdated else 1, memory_cost=8, parallelism=1))
    accounts.passwords = passwords
    passwords.meanwhile = lambda: accounts.change_password(mel, PASSWORD, NEW, client="mel")
    with pytest.raises(BadInput):
        accounts.sign_in(mel.email, PASSWORD, client="thief")
    assert [each.hash for each in accounts.sessions(mel)] == [mel.credential]
    assert accounts.sign_in(mel.email, NEW, client="mel").person.id == mel.id
    with pytest.raises(BadInput):
        accounts.sign_in(mel.email, PASSWORD, client="thief")


def test_a_session_that_ended_meanwhile_sets_no_password(lab: Laboratory) -> None:
    accounts, mel = lab.accounts, lab.join("mel")
    own, stolen = session(lab, mel), session(lab, mel)
    passwords = Interrupted(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts.passwords = passwords
    passwords.meanwhile = lambda: accounts.change_password(own, PASSWORD, NEW, client="mel")
    with pytest.raises(WellplateError):
        accounts.change_password(stolen, PASSWORD, "one of the thief", client="thief")
    assert accounts.sign_in(mel.email, NEW, client="mel").person.id == mel.id


def test_a_renewed_hash_is_no_new_password(lab: Laboratory) -> None:
    mel = lab.join("mel")
    link = token_of(lab.workbench.teams.sign_in_link(lab.admin, mel.id))
    lab.accounts.passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    before = lab.accounts.account(mel.id).password_hash
    assert lab.sign_in(mel).person.id == mel.id
    assert lab.accounts.account(mel.id).password_hash != before
    assert lab.accounts.link_person(link) is not None


# Sessions that ended --------------------------------------------------------------------------------------------


def test_a_session_that_ended_makes_no_token_and_changes_nobody(lab: Laboratory) -> None:
    mel = session(lab, lab.join("mel"))
    lab.workbench.teams.deactivate(lab.admin, mel.id)
    with pytest.raises(NotSignedIn):
        lab.accounts.create_token(mel, "kept", ["jobs:read"])
    with pytest.raises(NotSignedIn):
        lab.accounts.change_profile(mel, email="mel@elsewhere.example")
    lab.workbench.teams.activate(lab.admin, mel.id)
    assert lab.accounts.tokens(session(lab, mel)) == []


def test_a_session_that_ended_takes_no_invitation_up(lab: Laboratory) -> None:
    mel = session(lab, lab.join("mel"))
    fay = session(lab, lab.found("fay"))
    made = lab.workbench.invitations.to_team(fay, "someone@x.example", Role.MEMBER)
    link = token_of(lab.workbench.invitations.link(made))
    lab.workbench.teams.deactivate(lab.admin, mel.id)
    with pytest.raises(NotSignedIn):
        lab.workbench.invitations.accept(mel, link)
    assert lab.workbench.invitations.look(link) is not None


def test_a_session_that_ended_while_the_provider_was_asked_links_no_identity(lab: Laboratory) -> None:
    mel = lab.join("mel")
    own, stolen = session(lab, mel), session(lab, mel)
    lab.accounts.change_password(own, PASSWORD, NEW, client="mel")
    with pytest.raises(NotSignedIn):
        lab.accounts.identity_sign_in(
            "https://idp.example", "thief", "t@x.example", True, "T", signed_in=stolen
        )
    assert lab.accounts.identities(own) == []


def test_a_session_that_ended_unlinks_no_identity(lab: Laboratory) -> None:
    mel = lab.join("mel")
    own, stolen = session(lab, mel), session(lab, mel)
    lab.accounts.identity_sign_in("https://idp.example", "mel", mel.email, True, "Mel", signed_in=own)
    lab.accounts.sign_out_everywhere(own, but=own.credential)
    with pytest.raises(NotSignedIn):
        lab.accounts.unlink_identity(stolen, "https://idp.example")
    assert len(lab.accounts.identities(own)) == 1


# Addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["\u212aim@lab.example", "kim@\u017fea.example", "stra\u00dfe@x.example"])
def test_letters_that_only_look_alike_are_another_address(other: str) -> None:
    assert not clean_email(other).isascii()


def test_a_provider_that_proves_a_look_alike_signs_in_nobody_else(lab: Laboratory) -> None:
    kim = lab.join("kim")
    lab.workbench.teams.verify(lab.admin, kim.id)
    with pytest.raises(WellplateError):
        lab.accounts.identity_sign_in("https://idp.example", "7", "\u212aIM@lab.example", True, "Kim")
    assert lab.accounts.identities(kim) == []


def test_nobody_floods_addresses_with_proofs(posting: Laboratory) -> None:
    mel = session(posting, posting.join("mel"))
    allowed = posting.settings.sign_in.attempts_per_minute
    for number in range(allowed):
        posting.accounts.change_profile(mel, email=f"victim{number}@x.example")
    with pytest.raises(TooMany):
        posting.accounts.change_profile(mel, email="victim@x.example")


# The site's key -------------------------------------------------------------------------------------------------


def test_a_key_that_a_crash_left_empty_signs_nothing(tmp_path: Path) -> None:
    forged = URLSafeTimedSerializer("", salt="verify").dumps("somebody else")
    file = tmp_path / "secret.key"
    file.touch(mode=0o600)
    assert Signer(file).read("verify", forged) is None
    kept = file.read_text()
    assert len(kept) > 40
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert Signer(file).read("verify", URLSafeTimedSerializer(kept, salt="verify").dumps("me")) == "me"
