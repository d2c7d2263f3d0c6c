"""The account page: profile, notices, teams, sessions and tokens of the person who looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.records import Role, When
from tests.laboratory import Laboratory
from tests.pages.site import Visit, press, words


def test_a_profile_is_saved_and_a_bad_one_refused_in_a_sentence(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = visit(ben, "account.py")
    app.text_input("account.name").set_value("Benjamin")
    press(app, "Save profile")
    assert "Benjamin" in app.caption[0].value
    assert "Your profile is saved." in words(app)
    app.text_input("account.email").set_value("nonsense")
    press(app, "Save profile")
    assert "e-mail address" in app.error[0].value
    still = lab.accounts.in_team(ben, ben.team)
    assert still.email == "ben@lab.example"


def test_a_notice_is_wanted_where_the_site_can_send_it(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = visit(ben, "account.py")
    controls = {box.label: box for box in app.selectbox}
    assert [controls[name].disabled for name in ("Bell", "E-mail", "Webhook")] == [False, True, True]
    controls["Bell"].set_value(When.FAILURES)
    press(app, "Save notices")
    assert lab.workbench.notices.preferences(ben).bell is When.FAILURES
    assert "Saved" in words(app)


def test_a_webhook_elsewhere_is_refused(tmp_path: Path, visit: Visit, lab: Laboratory) -> None:
    lab.close()
    (tmp_path / "settings.toml").write_text('[notices]\nwebhook_hosts = ["hooks.example"]\n')
    again = Laboratory(tmp_path)
    try:
        ben = again.join("ben")
        app = visit(ben, "account.py", site=again)
        app.text_input("account.webhook").set_value("https://elsewhere.example/x")
        app.selectbox("account.when.Webhook").set_value(When.ALWAYS)
        press(app, "Save notices")
        assert app.error
        assert again.workbench.notices.preferences(ben).webhook is When.NEVER
    finally:
        again.close()


def test_one_acts_in_another_team_and_leaves_it(lab: Laboratory, visit: Visit) -> None:
    mia = lab.found("mia")
    there = lab.workbench.teams.create(lab.admin, "Second lab")
    app = visit(lab.admin, "account.py")
    press(app, "Act here")
    assert "of Second lab" in app.caption[0].value
    assert "mia" not in words(app)
    app.button(f"account.leave.{there.id}").click().run()
    press(app, "Leave Second lab")
    assert "no owner left" in app.error[-1].value
    assert mia.team not in {each.team for each in lab.workbench.teams.mine(lab.admin)}


def test_leaving_ends_the_membership(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = visit(ben, "account.py")
    app.button(f"account.leave.{ben.team}").click().run()
    assert "your only team" in words(app)
    press(app, "Leave Lab")
    assert ben.id not in {each.person for each in lab.workbench.teams.members(lab.admin)}


def test_a_new_team_is_made_where_that_is_allowed(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.join("ben"), "account.py")
    assert not [field for field in app.text_input if field.key == "account.team"]
    app = visit(lab.admin, "account.py")
    app.text_input("account.team").set_value("Second lab")
    press(app, "Make it")
    made = next(each for each in lab.workbench.teams.mine(lab.admin) if each.team_name == "Second lab")
    assert made.role is Role.OWNER
    assert "Second lab is there" in words(app)


def test_another_session_can_be_ended_but_not_this_one(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    other = lab.accounts.sign_in(
        ben.email,
        "correct horse battery",
        client="test",
        agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0",
    )
    app = visit(ben, "account.py")
    assert "Chrome on Linux" in words(app) and "this one" in words(app)
    assert len([button for button in app.button if button.label == "Sign out there"]) == 1
    press(app, "Sign out there")
    assert lab.accounts.person(other.cookie) is None
    assert len(lab.accounts.sessions(ben)) == 1


def test_a_token_is_shown_once_and_can_be_revoked(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = visit(ben, "account.py")
    app.text_input("account.token.name").set_value("nightly")
    press(app, "Make a token")
    secret = app.code[0].value
    holder = lab.accounts.token_person(secret)
    assert holder is not None and holder.id == ben.id
    assert holder.scopes == {"jobs:read", "jobs:write", "files:read", "files:write"}
    app.run()
    assert not app.code
    press(app, "Revoke")
    assert lab.accounts.token_person(secret) is None


def test_a_token_without_a_name_is_refused_in_a_sentence(lab: Laboratory, visit: Visit) -> None:
    app = press(visit(lab.join("ben"), "account.py"), "Make a token")
    assert "Give the token a name" in app.error[0].value


@pytest.mark.parametrize("label", ["Sign out there", "Revoke"])
def test_a_session_that_ended_ends_no_other_and_revokes_nothing(
    lab: Laboratory, visit: Visit, label: str
) -> None:
    ben = lab.join("ben")
    lab.accounts.create_token(ben, "nightly", ["jobs:read"])
    other = lab.sign_in(ben)
    app = visit(ben, "account.py")
    mine = next(each for each in lab.accounts.sessions(ben) if each.hash != other.person.credential)
    lab.accounts.revoke([mine.hash])
    press(app, label)
    assert lab.accounts.person(other.cookie) is not None
    assert len(lab.accounts.tokens(ben)) == 1
