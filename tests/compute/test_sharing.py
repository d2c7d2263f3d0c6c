from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute import access
from compute.access import Action
from compute.people.signing import Signer
from compute.sharing import Shared
from data import people, sharing
from data.errors import BadInput, Forbidden, NotFound
from data.records import Change, Person, Role, Visibility
from data.sharing import Share
from tests.compute.submitting import submit, verify
from tests.laboratory import Laboratory


def now(lab: Laboratory, person: Person) -> Person:
    """The person as the directory knows them at this moment."""
    found = lab.accounts._person(person.id, person.team, None)
    assert found is not None
    return found


def rows(lab: Laboratory, sql: str) -> list[Any]:
    with lab.store.database.cursor() as cursor:
        return cursor.execute(sql).fetchall()


def test_an_invitation_waits_until_its_address_is_known_to_be_somebodys(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    eve, zoe = lab.found("eve"), lab.found("zoe")
    verify(lab, zoe)
    shared = lab.workbench.sharing.change(
        ada, job.id, Visibility.INVITED, [eve.email, f" {zoe.email.upper()}", "new@else.example"]
    )
    assert {one.email: one.status for one in shared.invited} == {
        eve.email: "pending",
        zoe.email: "accepted",
        "new@else.example": "pending",
    }
    pending = {one.id for one in shared.invited if one.status == "pending"}
    assert shared.links.keys() == pending
    assert all("/auth/invitation?token=" in link for link in shared.links.values())
    assert shared.words == "You and 3 invited people (2 pending)"
    assert lab.workbench.job(now(lab, zoe), job.id).inputs
    for nobody in (eve, None):
        with pytest.raises(NotFound):
            lab.workbench.job(nobody and now(lab, nobody), job.id)
    told = rows(lab, "select person, kind, text, job from notices")
    assert [(str(person), kind, str(about)) for person, kind, _, about in told] == [
        (zoe.id, "shared", job.id)
    ]
    assert told[0][2] == f"Ada shared “{job.name}” with you."
    assert same(lab.workbench.sharing.show(ada, job.id), shared)


def same(one: Shared, other: Shared) -> bool:
    """A link holds when it was signed, so two for one invitation differ."""
    return replace(one, links={}) == replace(other, links={}) and one.links.keys() == other.links.keys()


def stands_for(lab: Laboratory, link: str) -> str | None:
    """The invitation that a link takes up."""
    return Signer(lab.settings.home / "secret.key").read("invitation", link.partition("?token=")[2])


def test_who_is_no_more_named_is_withdrawn_and_who_stays_keeps_the_link(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    first = lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, ["a@x.example", "b@x.example"])
    second = lab.workbench.sharing.change(ada, job.id, None, ["b@x.example", "c@x.example"])
    assert [one.email for one in second.invited] == ["b@x.example", "c@x.example"]
    kept = next(one for one in first.invited if one.email == "b@x.example")
    assert stands_for(lab, first.links[kept.id]) == stands_for(lab, second.links[kept.id]) == kept.id
    assert second.visibility is Visibility.INVITED
    private = lab.workbench.sharing.change(ada, job.id, Visibility.PRIVATE, None)
    assert private.invited == second.invited and private.words == "Only you"
    again = lab.workbench.sharing.change(ada, job.id, None, ["a@x.example"])
    assert again.invited[0].id not in {one.id for one in first.invited}


def test_withdrawing_holds_from_the_moment_that_listeners_hear_of_it(lab: Laboratory, ada: Person) -> None:
    job, zoe = submit(lab, ada), lab.found("zoe")
    verify(lab, zoe)
    lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, [zoe.email])
    heard: list[bool] = []

    def listen(changes: list[Change]) -> None:
        heard.extend(access.may(now(lab, zoe), Action.EVENTS, change) for change in changes)

    assert access.may(now(lab, zoe), Action.SEE, lab.job(job.id))
    stop = lab.workbench.listen(listen)
    lab.workbench.sharing.change(ada, job.id, None, [])
    stop()
    assert heard == [False]
    assert now(lab, zoe).invited == frozenset()


def test_a_reload_in_between_does_not_bring_the_invitation_back(lab: Laboratory, ada: Person) -> None:
    job, zoe = submit(lab, ada), lab.found("zoe")
    verify(lab, zoe)
    lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, [zoe.email])
    with lab.accounts.uninviting(job.id, [zoe.id]):
        other = threading.Thread(target=lab.accounts._load_people)
        other.start()
        other.join()
        assert now(lab, zoe).invited == frozenset()
    # Nothing was withdrawn after all.
    assert now(lab, zoe).invited == {job.id}


def test_an_invitation_taken_up_at_the_last_moment_ends_too(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, eve = submit(lab, ada), lab.found("eve")
    shared = lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, [eve.email])
    (link,) = shared.links.values()
    usual, heard = lab.accounts.uninviting, []

    def after_it_was_taken_up(job_id: str, persons: Iterable[str]) -> AbstractContextManager[None]:
        lab.workbench.invitations.accept(eve, link.partition("?token=")[2])
        return usual(job_id, persons)

    def listen(changes: list[Change]) -> None:
        heard.extend(access.may(now(lab, eve), Action.EVENTS, change) for change in changes)

    monkeypatch.setattr(lab.accounts, "uninviting", after_it_was_taken_up)
    stop = lab.workbench.listen(listen)
    lab.workbench.sharing.change(ada, job.id, None, [])
    stop()
    assert heard == [True, False]


def test_a_refused_change_changes_nothing(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    sharing = lab.workbench.sharing
    before = sharing.change(ada, job.id, Visibility.INVITED, ["a@x.example"])
    with pytest.raises(BadInput, match=r"'nobody' is no e-mail address") as bad:
        sharing.change(ada, job.id, Visibility.PUBLIC, ["b@x.example", "nobody"])
    assert bad.value.field == "invited"
    with pytest.raises(BadInput, match="101 addresses; at most 100"):
        sharing.change(ada, job.id, None, [f"p{number}@x.example" for number in range(101)])
    assert same(sharing.show(ada, job.id), before)


def test_an_address_counts_once_and_the_own_one_not(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    shared = lab.workbench.sharing.change(
        ada, job.id, Visibility.INVITED, [ada.email, "a@x.example", "A@X.example "]
    )
    assert [one.email for one in shared.invited] == ["a@x.example"]


def test_only_who_may_share_sees_and_changes_it(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada, visibility=Visibility.TEAM)
    for person in (lab.join("bob", Role.ADMIN), lab.join("vera", Role.VIEWER)):
        for call in (
            lambda who: lab.workbench.sharing.show(who, job.id),
            lambda who: lab.workbench.sharing.change(who, job.id, Visibility.PUBLIC, None),
        ):
            with pytest.raises(Forbidden, match="You may not share this job; it is Ada's"):
                call(person)
    with pytest.raises(NotFound):
        lab.workbench.sharing.show(lab.found("eve"), job.id)
    assert lab.job(job.id).visibility is Visibility.TEAM


@pytest.mark.parametrize(
    ("visibility", "own", "others"),
    [
        (Visibility.PRIVATE, "Only you", None),
        (Visibility.TEAM, "Everybody in Lab", "Everybody in Lab"),
        (Visibility.USERS, "Everybody who is signed in", "Everybody who is signed in"),
        (Visibility.PUBLIC, "Anyone with the link", "Anyone with the link"),
        (Visibility.INVITED, "Only you", None),
    ],
)
def test_who_can_see_it_in_words(
    lab: Laboratory, ada: Person, visibility: Visibility, own: str, others: str | None
) -> None:
    job = submit(lab, ada, visibility=visibility)
    assert lab.workbench.sharing.words(ada, job) == own
    hidden = "You see its row in the list; what is in it is not shared with you."
    assert lab.workbench.sharing.words(lab.join("bob"), job) == (others or hidden)


def test_sharing_is_noted_for_the_audit(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, ["a@x.example"])
    lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, [])
    noted = [row for row in people.audit(lab.store) if str(row["subject"]) == job.id]
    assert {row["action"] for row in noted} == {"shown to invited", "invited", "invitation withdrawn"}
    assert {str(row["person"]) for row in noted} == {ada.id}


def test_a_deleted_job_takes_its_invitations_with_it(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, ["a@x.example"])
    lab.workbench.cancel(ada, job.id)
    lab.workbench.delete(ada, job.id)
    assert rows(lab, "select * from invitations") == []


def test_new_people_get_a_mail_and_nobody_twice(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[mail]\nhost = "mail.lab.example"\n')
    lab = Laboratory(tmp_path)
    ada, zoe = lab.join("ada"), lab.found("zoe")
    verify(lab, zoe)
    job = submit(lab, ada)
    lab.workbench.sharing.change(ada, job.id, Visibility.INVITED, [zoe.email, "new@else.example"])
    shared = lab.workbench.sharing.change(ada, job.id, None, [zoe.email, "new@else.example"])
    mails = {target: body for target, body in rows(lab, "select target, body from deliveries")}
    assert len(rows(lab, "select * from deliveries where channel = 'mail'")) == 2
    assert f"{lab.settings.public_url}/app/jobs?jobId={job.id}\n" in mails[zoe.email]
    link = next(line for line in mails["new@else.example"].splitlines() if "token=" in line)
    assert stands_for(lab, link) == next(iter(shared.links))
    lab.close()


def test_a_job_that_was_handed_over_meanwhile_is_not_shared_by_who_left_it(
    lab: Laboratory, ada: Person
) -> None:
    """The right was judged before the write; a link to the public would outlive the removal."""
    job = submit(lab, ada)
    asked = Share(
        subject=job.id, by=ada.id, by_name=ada.name, visibility=Visibility.PUBLIC, emails=("me@else.example",)
    )
    lab.workbench.teams.remove(lab.admin, ada.id)
    assert sharing.share(lab.store, asked).result() is None
    assert lab.job(job.id).visibility is Visibility.PRIVATE
    assert sharing.invitations(lab.store, job.id) == []
