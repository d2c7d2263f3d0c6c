"""The team page: members and their roles, invitations, set-up; each as its viewer may."""

from __future__ import annotations

from typing import Any

from compute.workbench import Submission
from data.records import Member, Person, Role, Visibility
from tests.laboratory import BODY, Laboratory
from tests.pages.site import Visit, press, words


def roles(lab: Laboratory) -> dict[str, Role]:
    return {member.name: member.role for member in lab.workbench.teams.members(lab.admin)}


def choice(app: Any, person: Person) -> Any:
    """The role's selectbox in this person's row."""
    return next(box for box in app.selectbox if box.key and box.key.startswith(f"team.role.{person.id}"))


def test_an_owner_changes_a_role_and_it_is_told(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = visit(lab.admin, "team.py")
    choice(app, ben).set_value(Role.ADMIN).run()
    assert roles(lab)["Ben"] is Role.ADMIN
    assert "Ben is admin now." in words(app)


def test_the_last_owner_stays_and_the_page_shows_it(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "team.py")
    choice(app, lab.admin).set_value(Role.MEMBER).run()
    assert roles(lab)["Admin"] is Role.OWNER
    assert "no owner left" in app.error[0].value
    assert choice(app, lab.admin).value == Role.OWNER


def test_an_admin_manages_members_but_no_owner(lab: Laboratory, visit: Visit) -> None:
    ada, ben = lab.join("ada", Role.ADMIN), lab.join("ben")
    app = visit(ada, "team.py")
    assert choice(app, ben).options == ["member", "viewer"]
    assert not [box for box in app.selectbox if box.key and lab.admin.id in box.key]
    assert not [button for button in app.button if button.key == f"team.remove.{lab.admin.id}"]


def test_members_see_colleagues_and_can_change_nothing(lab: Laboratory, visit: Visit) -> None:
    for role in (Role.MEMBER, Role.VIEWER):
        app = visit(lab.join(f"a-{role}", role), "team.py")
        assert "admin@localhost" in words(app).replace("\\", "")
        assert not app.selectbox and not app.text_input and not app.number_input
        assert not [button for button in app.button if button.key and button.key.startswith("team.")]


def test_removing_hands_the_jobs_over_to_whom_was_chosen(lab: Laboratory, visit: Visit) -> None:
    ben, eve = lab.join("ben"), lab.join("eve")
    viewer = lab.join("vic", Role.VIEWER)
    job = lab.workbench.submit(ben, Submission(**BODY)).id
    app = visit(lab.admin, "team.py")
    app.button(f"team.remove.{ben.id}").click().run()
    heirs = app.selectbox("team.heir")
    assert heirs.label == "1 job and the uploads go to"
    assert heirs.value == lab.admin.id
    assert not any(viewer.name in option for option in heirs.options)
    heirs.set_value(eve.id).run()
    press(app, "Remove Ben")
    assert "Ben" not in roles(lab)
    assert lab.job(job).submitter == eve.id
    assert "Ben is no longer in this team." in words(app)


def test_an_invitation_gives_a_link_and_can_be_withdrawn(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "team.py")
    app.text_input("team.email").set_value("new@other.example")
    press(app, "Invite")
    (made,) = lab.workbench.invitations.of_team(lab.admin)
    assert (made.email, made.role) == ("new@other.example", Role.MEMBER)
    link = lab.workbench.invitations.link(made)
    assert app.code[0].value == link
    assert "needs this link" in app.success[0].value
    app.run()
    assert "new@other" in words(app)
    app.button(f"team.withdraw.{made.id}").click().run()
    assert lab.workbench.invitations.of_team(lab.admin) == []
    assert "no longer works" in words(app)


def test_an_address_that_is_none_is_refused_in_a_sentence(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "team.py")
    app.text_input("team.email").set_value("ben")
    press(app, "Invite")
    assert "e-mail address" in app.error[0].value
    assert lab.workbench.invitations.of_team(lab.admin) == []


def test_the_set_up_is_saved_whole(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "team.py")
    app.text_input(f"team.name.{lab.admin.team}").set_value("Structures")
    app.selectbox(f"team.visibility.{lab.admin.team}").set_value(Visibility.TEAM)
    app.number_input(f"team.cap.{lab.admin.team}").set_value(40)
    press(app, "Save set-up")
    team = lab.workbench.teams.team(lab.admin)
    assert (team.name, team.default_visibility) == ("Structures", Visibility.TEAM)
    assert (team.person_credits, team.concurrency) == (40, None)
    app = visit(lab.admin, "team.py")
    assert app.title[0].value == "Structures"
    app.number_input(f"team.cap.{lab.admin.team}").set_value(None)
    press(app, "Save set-up")
    assert lab.workbench.teams.team(lab.admin).person_credits is None


def test_a_click_of_somebody_who_was_signed_out_changes_nothing(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = visit(lab.admin, "team.py")
    lab.accounts.sign_out_everywhere(lab.admin)
    choice(app, ben).set_value(Role.ADMIN).run()
    assert roles(lab)["Ben"] is Role.MEMBER
    assert app.title[0].value == "Sign in to Wellplate"


def test_a_person_who_is_switched_off_is_marked(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    lab.workbench.teams.deactivate(lab.admin, ben.id)
    member = next(each for each in lab.workbench.teams.members(lab.admin) if each.person == ben.id)
    assert isinstance(member, Member) and not member.active
    assert "switched off" in words(visit(lab.admin, "team.py"))


def test_fields_of_one_team_never_stand_for_those_of_another(lab: Laboratory, visit: Visit) -> None:
    there = lab.workbench.teams.create(lab.admin, "Second lab")
    app = visit(lab.admin, "team.py")
    before = {field.key for field in [*app.text_input, *app.number_input] if lab.admin.team in str(field.key)}
    next(menu for menu in app.menu_button if menu.key == "top-bar-team").click(there.id).run()
    after = {field.key for field in [*app.text_input, *app.number_input] if there.id in str(field.key)}
    assert len(before) == len(after) == 3 and not before & after
    assert app.text_input(f"team.name.{there.id}").value == "Second lab"
