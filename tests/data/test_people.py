from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from data import ledger, people
from data.errors import BadInput, Conflict, NotFound
from data.people import LinkUse, NewLink, NewMember, NewTeam, Session
from data.records import Role, new_id, utcnow
from data.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "people.duckdb")
    yield store
    store.close()


def member(email: str, team: str, role: Role = Role.OWNER) -> NewMember:
    return NewMember(person=new_id(), email=email, name=email, password_hash=None, team=team, role=role)


def found(store: Store, email: str = "ada@lab", *, only_first: bool = False, grant: int = 0) -> NewMember:
    owner = member(email, new_id())
    new = NewTeam(name="Lab", member=owner, only_first=only_first, grant=grant)
    store.write(people.add_team, new).result()
    return owner


def test_the_first_start_happens_once_also_in_one_commit(store: Store) -> None:
    starts = [
        NewTeam(name="Lab", member=member(f"{n}@lab", new_id()), only_first=True, grant=100) for n in range(5)
    ]
    answers = [future.result() for future in [store.write(people.add_team, start) for start in starts]]
    assert sorted(answers) == [False] * 4 + [True]
    (only,) = people.memberships(store)
    assert ledger.balance(store, only.team).balance == 100
    assert [entry.kind for entry in ledger.entries(store, only.team)] == ["grant"]


def test_one_address_belongs_to_one_person_also_in_one_commit(store: Store) -> None:
    owner = found(store)
    futures = [store.write(people.add_member, member("bob@lab", owner.team, Role.MEMBER)) for _ in range(10)]
    refusals = [future.exception() for future in futures]
    assert refusals.count(None) == 1
    assert sum(isinstance(refusal, Conflict) for refusal in refusals) == 9
    assert [account.email for account in people.accounts(store)] == ["ada@lab", "bob@lab"]


def test_a_refused_caller_does_not_disturb_the_others(store: Store) -> None:
    owner = found(store)
    good, bad, lost = (
        store.write(people.add_member, new)
        for new in (
            member("bob@lab", owner.team, Role.VIEWER),
            member("ada@lab", owner.team),
            member("eve@lab", new_id()),  # a team that does not exist
        )
    )
    assert good.exception() is None
    assert isinstance(bad.exception(), Conflict)
    assert isinstance(lost.exception(), NotFound)
    roles = {membership.role for membership in people.memberships(store)}
    assert roles == {Role.OWNER, Role.VIEWER}


def link(store: Store, person: str, *, hours: float = 1) -> str:
    new = NewLink(hash=new_id(), person=person, expires_at=utcnow() + timedelta(hours=hours))
    store.write(people.add_link, new).result()
    return new.hash


def use(hash: str, email: str | None = None) -> LinkUse:
    return LinkUse(hash=hash, email=email, name=None, password_hash=None)


def test_a_link_is_used_once_also_in_one_commit(store: Store) -> None:
    hash = link(store, found(store).person)
    futures = [store.write(people.use_link, use(hash)) for _ in range(10)]
    refusals = [future.exception() for future in futures]
    assert refusals.count(None) == 1
    assert sum(isinstance(refusal, BadInput) for refusal in refusals) == 9


def test_an_old_an_unknown_and_a_replaced_link_are_refused(store: Store) -> None:
    person = found(store).person
    old, replaced = link(store, person, hours=-1), link(store, person)
    newest = link(store, person)
    for hash in (old, replaced, "unknown"):
        with pytest.raises(BadInput):
            store.write(people.use_link, use(hash)).result()
    assert store.write(people.use_link, use(newest)).result().id == person


def test_a_refused_address_leaves_the_link_unused(store: Store) -> None:
    owner = found(store)
    store.write(people.add_member, member("bob@lab", owner.team)).result()
    hash = link(store, owner.person)
    with pytest.raises(Conflict):
        store.write(people.use_link, use(hash, "bob@lab")).result()
    assert store.write(people.use_link, use(hash, "ada@home")).result().email == "ada@home"
    # Keeping one's own address is no conflict.
    again = link(store, owner.person)
    assert store.write(people.use_link, use(again, "ada@home")).result().email == "ada@home"


def test_ended_sessions_do_not_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "people.duckdb")
    owner = found(store)
    now = utcnow()
    sessions = [
        Session(
            hash=name,
            person=owner.person,
            team=owner.team,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
            agent="",
        )
        for name, hours in (("kept", 1), ("revoked", 1), ("old", -1))
    ]
    for session in sessions:
        store.write(people.add_session, session).result()
    store.write(people.revoke_sessions, ["revoked", "unknown"]).result()
    store.close()
    again = Store(tmp_path / "people.duckdb")
    assert people.sessions(again, utcnow()) == [sessions[0]]
    again.close()


def test_the_audit_log_has_the_newest_first(store: Store) -> None:
    owner = found(store)
    for number in range(5):
        entry = people.AuditEntry(person=owner.person, action="looked", subject=str(number))
        store.write(people.note_audit, entry).result()
    assert [row["subject"] for row in people.audit(store, 3)] == ["4", "3", "2"]
