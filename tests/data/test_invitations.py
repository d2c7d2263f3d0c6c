"""Invitations inside the transaction: taken up once, by whom they are for, and ended with what backs them."""

from __future__ import annotations

import pytest

from data import addresses, invitations, notices, people, teams
from data.addresses import Proof
from data.errors import Conflict, NotFound, WrongState
from data.invitations import Joining, NewInvitation, Taking, Withdrawal
from data.records import Invitation, Role, new_id
from data.store import Store
from tests.data.test_teams import Team, lab, store

__all__ = ["lab", "store"]


def invite(lab: Team, email: str = "iris@x", role: Role = Role.MEMBER, by: str = "olga") -> Invitation:
    new = NewInvitation(email=email, team=lab.id, role=role, by=lab.ids[by])
    made: Invitation = lab.store.write(invitations.invite, new).result()
    return made


def outsider(store: Store, name: str) -> tuple[Team, str, str]:
    """A person of another team: that team, their id and their address."""
    team = Team(store)
    person = team.join(name)
    return team, person, f"{name}-{team.id[:8]}@lab"


def prove(store: Store, person: str, email: str) -> None:
    assert store.write(addresses.prove_address, Proof(person=person, email=email)).result()


def kinds(store: Store, person: str) -> list[str]:
    return [notice.kind for notice in notices.page(store, person, 10)]


def test_a_link_lets_one_person_in_also_in_one_commit(store: Store, lab: Team) -> None:
    invitation = invite(lab)
    takers = [outsider(store, "eve")[1] for _ in range(3)]
    futures = [
        store.write(invitations.take_up, Taking(invitation=invitation.id, person=taker)) for taker in takers
    ]
    refusals = [future.exception() for future in futures]
    assert sum(isinstance(refusal, NotFound) for refusal in refusals) == 2
    assert len(teams.members(store, lab.id)) == 2
    assert kinds(store, lab.ids["olga"]) == ["invitation_accepted"]


def test_taking_ones_own_up_again_changes_nothing(store: Store, lab: Team) -> None:
    invitation, (_, eve, _) = invite(lab), outsider(store, "eve")
    for _ in range(2):
        taken = store.write(invitations.take_up, Taking(invitation=invitation.id, person=eve)).result()
        assert (taken.person, taken.status) == (eve, "accepted")
    assert lab.audited().count("joined") == 1


def test_a_withdrawn_or_unknown_invitation_is_nobodys(store: Store, lab: Team) -> None:
    invitation, (_, eve, _) = invite(lab), outsider(store, "eve")
    gone = Withdrawal(invitation=invitation.id, by=lab.ids["olga"])
    store.write(invitations.withdraw, gone).result()
    with pytest.raises(WrongState):
        store.write(invitations.withdraw, gone).result()
    for unknown in (invitation.id, new_id()):
        with pytest.raises(NotFound):
            store.write(invitations.take_up, Taking(invitation=unknown, person=eve)).result()
    assert invitations.of_team(store, lab.id) == []


def test_an_invitation_that_was_taken_up_is_not_withdrawn(store: Store, lab: Team) -> None:
    invitation, (_, eve, _) = invite(lab), outsider(store, "eve")
    store.write(invitations.take_up, Taking(invitation=invitation.id, person=eve)).result()
    with pytest.raises(WrongState):
        store.write(invitations.withdraw, Withdrawal(invitation=invitation.id, by=lab.ids["olga"])).result()
    assert [one.person for one in invitations.of_team(store, lab.id)] == [eve]


def test_one_pending_invitation_per_address_the_newest_role_counts(store: Store, lab: Team) -> None:
    first, again = invite(lab), invite(lab)
    assert first == again
    other = invite(lab, role=Role.VIEWER)
    assert [(one.id, one.role) for one in invitations.of_team(store, lab.id)] == [(other.id, Role.VIEWER)]


def test_a_member_is_not_invited(store: Store, lab: Team) -> None:
    lab.join("mel")
    with pytest.raises(Conflict) as refusal:
        invite(lab, f"mel-{lab.id[:8]}@lab")
    assert refusal.value.field == "email"


def test_a_proven_address_joins_at_once_and_an_unproven_one_once_it_is(store: Store, lab: Team) -> None:
    _, eve, address = outsider(store, "eve")
    pending = invite(lab, address)
    assert pending.status == "pending"
    assert store.write(invitations.take_up_by_address, eve).result() == []
    prove(store, eve, address)
    (taken,) = store.write(invitations.take_up_by_address, eve).result()
    assert taken.id == pending.id
    assert kinds(store, eve) == ["joined"]
    assert store.write(invitations.take_up_by_address, eve).result() == []
    _, ida, proven = outsider(store, "ida")
    prove(store, ida, proven)
    assert invite(lab, proven, Role.ADMIN).person == ida
    lab.ids |= {"eve": eve, "ida": ida}
    assert lab.roles() == {"olga": Role.OWNER, "eve": Role.MEMBER, "ida": Role.ADMIN}


def test_who_is_in_the_team_by_then_keeps_their_role(store: Store, lab: Team) -> None:
    _, eve, address = outsider(store, "eve")
    by_link, by_address = invite(lab, "other@x", Role.VIEWER), invite(lab, address, Role.ADMIN)
    store.write(invitations.take_up, Taking(invitation=by_link.id, person=eve)).result()
    prove(store, eve, address)
    (taken,) = store.write(invitations.take_up_by_address, eve).result()
    lab.ids["eve"] = eve
    assert (taken.id, lab.roles()["eve"]) == (by_address.id, Role.VIEWER)


def join(store: Store, invitation: str) -> people.Account:
    joining = Joining(invitation=invitation, person=new_id(), name="Iris", password_hash="x")
    account: people.Account = store.write(invitations.join, joining).result()
    return account


def test_a_new_person_has_the_invited_address_unproven(store: Store, lab: Team) -> None:
    invitation = invite(lab, role=Role.VIEWER)
    iris = join(store, invitation.id)
    assert (iris.email, iris.verified, iris.site_admin) == ("iris@x", False, False)
    assert [each.team for each in people.memberships(store) if each.person == iris.id] == [lab.id]
    with pytest.raises(NotFound):
        join(store, invitation.id)
    assert len(people.accounts(store)) == 2


def test_an_address_with_an_account_is_refused_and_the_invitation_stays_pending(
    store: Store, lab: Team
) -> None:
    _, _, address = outsider(store, "eve")
    invitation = invite(lab, address)
    with pytest.raises(Conflict, match="Sign in"):
        join(store, invitation.id)
    assert [one.status for one in invitations.of_team(store, lab.id)] == ["pending"]


# What backs an invitation ------------------------------------------------------------------------------------


def pending(lab: Team) -> set[str]:
    return {one.email for one in invitations.of_team(lab.store, lab.id)}


@pytest.mark.parametrize("way", ["removed", "switched off", "made a member"])
def test_who_lost_the_right_to_invite_lets_nobody_in_any_more(store: Store, lab: Team, way: str) -> None:
    """Else somebody who was removed could come back by a link of their own."""
    lab.join("ann", Role.ADMIN)
    invite(lab, "anns@x", by="ann")
    invite(lab, "olgas@x")
    if way == "removed":
        lab.remove("ann")
    elif way == "switched off":
        lab.deactivate("ann")
    else:
        lab.set_role("ann", Role.MEMBER)
    assert pending(lab) == {"olgas@x"}
    assert "invitation withdrawn" in lab.audited()


def test_an_owner_who_becomes_admin_keeps_the_invitations_that_an_admin_may_send(
    store: Store, lab: Team
) -> None:
    lab.join("otto", Role.OWNER)
    for email, role in (("owner@x", Role.OWNER), ("admin@x", Role.ADMIN), ("viewer@x", Role.VIEWER)):
        invite(lab, email, role, by="otto")
    lab.set_role("otto", Role.ADMIN)
    assert pending(lab) == {"viewer@x"}


def test_the_sites_admin_backs_invitations_in_any_role(store: Store) -> None:
    lab = Team(store, site_admin=True)
    lab.join("otto", Role.OWNER)
    invite(lab, "owner@x", Role.OWNER)
    lab.set_role("olga", Role.VIEWER, by="otto")
    assert pending(lab) == {"owner@x"}
